/* Shape checks shared by the ops: a wrong shape is the programmer's mistake and stops the program, in release builds too. */
#ifndef PINGTI_OP_CHECK_H
#define PINGTI_OP_CHECK_H
#include "op/tape.h"
#include <assert.h>

/* f32 activations of this shape. */
static inline void check_rows(const tensor *t, uint64_t rows, uint64_t cols) {
    assert(t && t->type == DTYPE_F32 && t->n == 1 && t->rows == rows && t->cols == cols && t->stride >= cols * sizeof(float));
}

static inline void check_f32(const tensor *t) { assert(t && t->type == DTYPE_F32 && t->n == 1 && t->stride >= t->cols * sizeof(float)); }

static inline void check_weight(const weight *w, uint64_t rows, uint64_t cols) {
    assert(w && (w->w.data || w->w.parts) && w->w.rows == rows && w->w.cols == cols);
}

/* Gradient of row `row` of matrix i, or NULL. Weight gradients are contiguous f32. */
static inline float *weight_grad(const weight *w, uint64_t i, uint64_t row) {
    return w->w.grad ? w->w.grad + (i * w->w.rows + row) * w->w.cols : NULL;
}
#endif
