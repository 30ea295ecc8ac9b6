/* Which tensor of a model gets which format under a named mix ("Q4_K_M"): llama.cpp's published rules, so that a file means what its name
 * says everywhere. Changes only plan_tensor.to. */
#ifndef PINGTI_QUANTIZE_MIX_H
#define PINGTI_QUANTIZE_MIX_H
#include "convert/plan.h"

typedef struct mix {
    const char *name;
    uint32_t file_type; /* general.file_type */
    dtype base;
    const char *about;
} mix;

size_t mix_count(void);
const mix *mix_at(size_t i);
const mix *mix_find(const char *name, err *e); /* NULL: an error that lists them */

/* "blk.*.ffn_down.weight=Q6_K": shell patterns over names. */
typedef struct mix_rule {
    const char *pattern;
    dtype type;
} mix_rule;

typedef struct mix_options {
    const mix *mix;
    bool imatrix;            /* there is one: some rules ask */
    bool pure;               /* the base format for all that can take it */
    bool keep_output;        /* output.weight stays as it is */
    int output, embedding;   /* dtype, or -1: by the rules */
    const mix_rule *rules;   /* tried in order before the mix's own */
    size_t n_rules;
    void (*note)(void *ctx, const plan_tensor *t, dtype wanted, dtype instead); /* a row that is not whole blocks: said, never silent */
    void *ctx;
} mix_options;

/* keys: the metadata that gives layers, heads and experts. */
typedef struct mix_model {
    char arch[64];
    uint32_t layers, heads, kv_heads, experts;
} mix_model;

bool mix_read_model(const gguf *g, mix_model *m, err *e);
/* Every rule, and each option of output and embedding, decides something: the name of a matrix that may change fits, and nothing else
 * decides it. */
bool mix_rules_fit(const plan *p, const mix_options *o, err *e);
void mix_apply(plan *p, const mix_model *m, const mix_options *o);
bool mix_quantizes(const plan_tensor *t); /* a matrix that any mix may touch: norms, routers and tables stay */
#endif
