/* Binding: from tensor names to struct fields, each shape and format checked against the spec. A binder lives during
 * model_open; it remembers which tensors were used, so that nothing in a file is left out unnoticed. */
#ifndef PINGTI_MODEL_BIND_H
#define PINGTI_MODEL_BIND_H
#include "model/model.h"
#include "model/names.h"

typedef struct binder {
    model *m;
    const tensor_set *tensors;
    bool gguf;
    bool *used;        /* [tensors->n] */
    bool *used_others; /* [safetensors_others()->n] */
    const uint32_t *order; /* the last column order met (bind_grouped.c) */
    uint64_t order_cols;
    err *e;
} binder;

/* Finds a tensor by its name in this file's format; NULL without an error when absent. Marks it used. */
const named_tensor *bind_find(binder *b, tensor_names n, int il);

/* Whether the weight is there, quantized or not. */
bool bind_has(binder *b, tensor_names n, int il);

/* Matrices [rows, cols] in their storage format, borrowed. Required: absence is an error naming the tensor. */
bool bind_weight(binder *b, tensor_names n, int il, uint64_t rows, uint64_t cols, weight *w);
/* Rows [row0, row0+rows) of a [total, cols] tensor (fused projections). */
bool bind_weight_rows(binder *b, tensor_names n, int il, uint64_t total, uint64_t row0, uint64_t rows, uint64_t cols, weight *w);
/* The same of a weight whose parts GPTQ, AWQ or compressed-tensors named after it (bind_weight_rows asks by itself). */
bool bind_is_grouped(binder *b, const char *name);
bool bind_grouped(binder *b, const char *name, uint64_t total, uint64_t row0, uint64_t rows, uint64_t cols, weight *w);
/* Matrix i of the n that w stacks is `one`, from row i * row_step of it on. */
bool bind_grouped_stack(binder *b, weight *w, const weight *one, uint32_t n, uint32_t i, uint64_t row_step);
/* n stacked matrices [rows, cols] of one 3-D tensor. */
bool bind_matrices(binder *b, const named_tensor *t, uint64_t n, uint64_t rows, uint64_t cols, weight *w);
/* f32 copies of vectors. */
bool bind_norm(binder *b, tensor_names n, int il, uint64_t n_elems, tensor *t);
bool bind_bias(binder *b, tensor_names n, int il, uint64_t n_elems, const float **bias); /* required */
bool bind_bias_rows(binder *b, tensor_names n, int il, uint64_t total, uint64_t row0, const float **bias); /* from element row0 */

/* The attention forms. */
bool bind_qkv(binder *b, int il, layer *l);        /* q, k, v, o apart; biases and q/k norms by the spec */
bool bind_fused_qkv(binder *b, int il, layer *l);  /* qkv in one matrix */
bool bind_mla(binder *b, int il, layer *l);
/* The feed-forward forms; each binds dense or sparse by spec.sparse[il]. */
bool bind_gated_ffn(binder *b, int il, layer *l);  /* gate, up, down apart */
bool bind_fused_ffn(binder *b, int il, layer *l);  /* gate and up in one matrix, gate first */
/* Experts under a layer: hf_prefix like "model.layers.%d.mlp." with experts.N.{gate,up,down} names given. */
typedef struct expert_names {
    const char *router, *router_bias;        /* HF, "%d" layer */
    const char *gate, *up, *down;            /* HF, "%d" layer, "%d" expert */
    const char *fused_gate_up, *fused_down;  /* HF as newer transformers saves them: [E, 2*ff, d], [E, d, ff]; or NULL */
    const char *shared_gate, *shared_up, *shared_down;
    const struct expert_names *newer;        /* another spelling of the same family, or NULL */
} expert_names;
bool bind_experts(binder *b, int il, const expert_names *n, layer *l);
#endif
