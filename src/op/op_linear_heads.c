#include "op/check.h"

void op_linear_heads_check(const linear_heads_args *a) {
    check_f32(a->x);
    check_f32(a->y);
    check_weight(a->w, a->w->w.rows, a->w->w.cols);
    const tensor *w = &a->w->w;
    uint64_t heads = w->n, in = a->transposed ? a->n_rows : w->cols, out = a->transposed ? w->cols : a->n_rows;
    assert(!a->w->bias && !a->w->bias_grad); /* this product has none */
    assert(a->x->rows == a->y->rows && (uint64_t)a->row0 + a->n_rows <= w->rows && heads >= 1);
    assert((heads - 1) * a->x_step + a->x_off + in <= a->x->cols && (heads - 1) * a->y_step + a->y_off + out <= a->y->cols);
    assert((heads == 1 || a->y_step >= out) && a->y->data != a->x->data); /* heads may share x, never y */
}

static void row_grad(const linear_heads_args *a, uint64_t h, uint32_t r, const float *row, float *dw) {
    uint64_t n = a->w->w.cols, x0 = h * a->x_step + a->x_off, y0 = h * a->y_step + a->y_off;
    for (uint64_t t = 0; t < a->x->rows; t++) {
        const float *x = tensor_f32(a->x, t) + x0, *dy = tensor_grad(a->y, t) + y0;
        float *dx = tensor_grad(a->x, t);
        if (dx) dx += x0;
        for (uint64_t i = 0; i < n; i++) {
            if (dx && a->transposed) dx[r] += row[i] * dy[i];
            else if (dx) dx[i] += row[i] * dy[r];
            if (dw) dw[i] += a->transposed ? x[r] * dy[i] : x[i] * dy[r];
        }
    }
}

void op_linear_heads_grad(const fwd *f, const linear_heads_args *a) {
    assert(a->y->grad);
    arena_mark mark = arena_mark_now(f->mem);
    float *row = arena_must(f->mem, a->w->w.cols, sizeof *row);
    for (uint64_t h = 0; h < a->w->w.n; h++)
        for (uint32_t r = 0; r < a->n_rows; r++) {
            tensor_row_to_f32(&a->w->w, h, a->row0 + r, row);
            row_grad(a, h, r, row, weight_grad(a->w, h, a->row0 + r));
        }
    arena_release(f->mem, mark);
}
