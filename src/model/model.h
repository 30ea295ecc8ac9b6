/* A decoder bound to its weights: names became struct fields once, every shape was checked against the spec there, and the
 * hot path has no checks. Weights lie in the mapped file (borrowed from the source); norms and biases are f32 copies.
 * Immutable after binding: any number of threads may run forward passes over one model. */
#ifndef PINGTI_MODEL_MODEL_H
#define PINGTI_MODEL_MODEL_H
#include "format/hfquant.h"
#include "model/rope.h"
#include "model/source.h"
#include "model/spec.h"
#include "op/ops.h"

typedef struct ffn_weights {
    weight gate, up, down;           /* dense: [ff,d] [ff,d] [d,ff]; experts: n stacked matrices */
} ffn_weights;

typedef struct layer {
    tensor attn_norm, ffn_norm;      /* f32 [1,d] */
    weight q, k, v, o;               /* [heads*head_dim,d] [kv*head_dim,d] [kv*head_dim,d] [d,heads*v] */
    tensor q_norm, k_norm;           /* f32 [1,head_dim]; data NULL when the family has none */
    weight q_a, q_b, kv_a;           /* MLA: [q_lora,d] [heads*(nope+rope),q_lora] [kv_lora+rope,d] */
    tensor q_a_norm, kv_a_norm;      /* MLA: f32 [1,q_lora] [1,kv_lora] */
    weight k_b, v_b;                 /* MLA: one matrix per head, see k_b_transposed and mla.c */
    bool k_b_by_rank;                /* k_b[h] is [kv_lora, nope] (GGUF's split layout) instead of rows of kv_b [nope+v, kv_lora] */
    uint32_t v_b_row0;               /* first row of v in v_b[h] */
    ffn_weights ffn;                 /* dense layers */
    weight router;                   /* f32 products: [experts,d] */
    const float *router_bias;        /* f32 [experts] or NULL */
    ffn_weights experts, shared;     /* shared.gate.w.data NULL: none */
} layer;

typedef struct arch arch;

typedef struct model {
    model_spec spec;
    const arch *arch;
    const model_source *source;
    rope_tables rope;
    hfquant quant;                   /* Hugging Face: how the weights were quantized */
    weight embed, output;            /* [vocab,d]; output is embed when tied */
    tensor norm;                     /* f32 [1,d] */
    layer *layers;                   /* [spec.layers] */
    arena *mem;                      /* layers, f32 copies, rope tables, names */
    uint64_t weight_bytes;           /* bytes of all bound weights as stored */
    uint64_t copied_bytes;           /* of them, copied to f32 */
    uint64_t parameters;
    const char **unused;             /* tensors of the file that nothing bound: a model with such is refused */
    size_t n_unused;
} model;

/* Finds the family, reads the spec, binds. NULL with a reason: unknown family, missing tensor, wrong shape, unsupported format. */
model *model_open(const model_source *s, err *e);
void model_close(model *m);
/* The spec alone, for inspect: no weights needed. */
bool model_read_spec(const model_source *s, model_spec *spec, const arch **a, err *e);

/* One forward pass: T rows of the batch -> logits[n_out, vocab] (f32, in the pass's arena). Rows write their K and V into
 * f->kv. NULL b->out with n_out 0 computes no logits (prompt chunks). NULL also when f->stop gave the pass up: what it wrote to the cache
 * beyond the rows that were there is then undefined. */
tensor *model_forward(const fwd *f, const model *m, const batch *b);
#endif
