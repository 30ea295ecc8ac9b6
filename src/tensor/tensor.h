/* A tensor: 2-D row-major, x[rows, cols]; n stacks several of the same shape (experts, heads). y[T,out] = x[T,in] W[out,in]^T.
 * Plain data; `data` is borrowed (a mapped file, an arena). grad, when not NULL, is f32 of the same shape. */
#ifndef PINGTI_TENSOR_TENSOR_H
#define PINGTI_TENSOR_TENSOR_H
#include "tensor/grouped.h"
#include <assert.h>

typedef struct tensor {
    dtype type;
    uint32_t n;          /* stacked matrices, >= 1 */
    uint64_t rows, cols;
    uint64_t stride;     /* bytes from one row to the next */
    void *data;
    const void *const *parts; /* NULL: matrix i follows matrix i-1 in data; otherwise it starts at parts[i] (experts of a file) */
    float *grad;
    const void *packed;  /* NULL, or the same values once more in a backend's own layout (model/place.h), all matrices one after another */
    /* FP8 as published for DeepSeek-V3/R1: value = stored * block_scale[(row/128), (col/128)] of the same matrix. NULL: none. */
    const float *block_scale;
    const float *const *scale_parts; /* beside parts: the scales of matrix i */
    uint32_t scale_rows, scale_cols;
    const float *factor; /* [n]: every value of matrix i is that of its block times factor[i] (NVFP4 in GGUF); NULL: 1 */
    /* [n] of GPTQ, AWQ and the like (tensor/grouped.h), or NULL. Such matrices have no rows in memory: tensor_row_to_f32 and tensor_row_blocks
     * make them; `type` is that of the blocks, data only says that there is something. */
    const grouped *grouped;
} tensor;

static inline const void *tensor_row(const tensor *t, uint64_t i, uint64_t row) {
    assert(!t->grouped);
    const char *matrix = t->parts ? t->parts[i] : (const char *)t->data + i * t->rows * t->stride;
    return matrix + row * t->stride;
}
static inline float *tensor_f32(const tensor *t, uint64_t row) { return (float *)((char *)t->data + row * t->stride); }
/* Rows are what the format's own to_f32 makes of them. */
static inline bool tensor_is_plain(const tensor *t) { return !t->grouped && !t->block_scale && !t->scale_parts && !t->factor; }
static inline uint64_t tensor_count(const tensor *t) { return t->n * t->rows * t->cols; }

/* Row `row` of matrix i as f32, block scale and factor applied. out[cols]. */
void tensor_row_to_f32(const tensor *t, uint64_t i, uint64_t row, float *out);
/* Row `row` of matrix i as stored (without factor: products are multiplied with it), or made in memory[dtype_row_bytes], its columns then in the order that tensor_order tells. */
const void *tensor_row_blocks(const tensor *t, uint64_t i, uint64_t row, void *memory);
/* The column that element k of such a row belongs to, [cols]; NULL: k. Activations of fast products are taken in this order. */
static inline const uint32_t *tensor_order(const tensor *t, uint64_t i) { return t->grouped && t->type != DTYPE_F32 ? t->grouped[i].order : NULL; }
/* A view of f32 memory. */
tensor tensor_view_f32(float *data, uint64_t rows, uint64_t cols);
#endif
