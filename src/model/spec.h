/* A decoder as data: every number that a config.json or GGUF metadata gives, checked and in one form. Filled by an arch's
 * reader, immutable afterwards. */
#ifndef PINGTI_MODEL_SPEC_H
#define PINGTI_MODEL_SPEC_H
#include "op/op_args.h"

enum { SPEC_MAX_LAYERS = 1024, SPEC_MAX_PAIRS = 1024 };

typedef enum rope_kind { ROPE_DEFAULT, ROPE_LINEAR, ROPE_DYNAMIC, ROPE_LLAMA3, ROPE_YARN, ROPE_LONGROPE } rope_kind;

typedef struct rope_spec {
    rope_kind kind;
    double theta;
    uint32_t dims;          /* rotated elements of a head (even) */
    bool interleaved;
    double factor;
    double original;        /* original_max_position_embeddings; 0: not given */
    double attention_factor; /* multiplies cos and sin; 0: by the kind's own rule */
    double attention_scale;  /* multiplies that (GGUF's attn_factor beside YaRN); 0: 1 */
    double low_freq, high_freq;                   /* llama3 */
    double beta_fast, beta_slow, mscale, mscale_all_dim; /* yarn */
    bool truncate;                                /* yarn: correction range rounded to whole dims */
    uint32_t n_factors;     /* longrope, and GGUF's per-pair divisors of llama3 */
    float short_factor[SPEC_MAX_PAIRS], long_factor[SPEC_MAX_PAIRS];
} rope_spec;

typedef struct model_spec {
    char family[24];        /* arch name */
    char name[128];         /* the publisher's name of the model, or "" */
    uint32_t d, layers, heads, kv_heads, head_dim, ff, vocab, context;
    float eps;
    float latent_eps;       /* MLA: of the norms inside attention */
    float attn_scale;       /* multiplies q.k */
    bool tied;              /* the output matrix is the embedding */
    bool qkv_bias, o_bias, mlp_bias, qk_norm;
    rope_spec rope;
    uint32_t window;                        /* 0: none */
    bool slides[SPEC_MAX_LAYERS];           /* layer uses the window */
    bool sparse[SPEC_MAX_LAYERS];           /* layer has experts */
    router_spec router;                     /* experts 0: dense model */
    bool router_bias;
    uint32_t expert_ff, shared_ff;          /* shared_ff 0: no shared expert */
    uint32_t q_lora, kv_lora, nope, rope_dim, v_dim; /* MLA when kv_lora > 0; q_lora 0: q is one matrix */
} model_spec;

static inline bool spec_is_mla(const model_spec *s) { return s->kv_lora > 0; }
/* What one cached token of one layer holds. */
static inline uint32_t spec_kv_heads(const model_spec *s) { return spec_is_mla(s) ? 1 : s->kv_heads; }
static inline uint32_t spec_k_head(const model_spec *s) { return spec_is_mla(s) ? s->kv_lora + s->rope_dim : s->head_dim; }
static inline uint32_t spec_v_head(const model_spec *s) { return spec_is_mla(s) ? s->kv_lora : s->head_dim; }

/* The rules that hold for every family (head counts divide, sizes are in range, experts suffice); false says which broke. */
bool spec_check(const model_spec *s, err *e);
#endif
