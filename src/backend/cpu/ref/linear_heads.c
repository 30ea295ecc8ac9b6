#include "backend/cpu/ref/ref.h"
#include <math.h>
#include <string.h>

static void plain(const linear_heads_args *a, uint64_t h, const float *x, float *y, float *row) {
    for (uint32_t r = 0; r < a->n_rows; r++) y[r] = ref_dot_row(&a->w->w, h, a->row0 + r, x, NULL, row);
}

static void transposed(const linear_heads_args *a, uint64_t h, const float *x, float *y, float *row) {
    uint64_t n = a->w->w.cols;
    memset(y, 0, n * sizeof *y);
    for (uint32_t r = 0; r < a->n_rows; r++) {
        tensor_row_to_f32(&a->w->w, h, a->row0 + r, row);
        for (uint64_t i = 0; i < n; i++) y[i] = fmaf(row[i], x[r], y[i]);
    }
}

/* Always in f32: the products sit inside attention, where int8 activations would be felt by every later token. */
void ref_linear_heads(const fwd *f, const linear_heads_args *a) {
    float *row = arena_must(f->mem, a->w->w.cols, sizeof(float));
    for (uint64_t t = 0; t < a->x->rows; t++)
        for (uint64_t h = 0; h < a->w->w.n; h++) {
            const float *x = tensor_f32(a->x, t) + h * a->x_step + a->x_off;
            float *y = tensor_f32(a->y, t) + h * a->y_step + a->y_off;
            (a->transposed ? transposed : plain)(a, h, x, y, row);
        }
}
