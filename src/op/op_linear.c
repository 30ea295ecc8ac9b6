#include "op/check.h"

void op_linear_check(const linear_args *a) {
    check_f32(a->x);
    assert(a->n >= 1 && a->n <= LINEAR_MAX);
    for (uint32_t i = 0; i < a->n; i++) {
        check_f32(a->y[i]);
        check_weight(a->w[i], a->y[i]->cols, a->x->cols);
        assert(a->w[i]->w.n == 1 && a->y[i]->rows == a->x->rows && a->y[i]->data != a->x->data);
    }
}

/* dx[T,in] += dy W,  dW[out,in] += dy^T x,  db[out] += sum dy. W is read row by row, in whatever format it is stored. */
static void grad_of(const tensor *y, const tensor *x, const weight *w, float *row) {
    uint64_t in = w->w.cols;
    assert(y->grad);
    for (uint64_t o = 0; o < w->w.rows; o++) {
        float *dw = weight_grad(w, 0, o);
        if (x->grad) tensor_row_to_f32(&w->w, 0, o, row);
        for (uint64_t t = 0; t < x->rows; t++) {
            float dy = tensor_grad(y, t)[o], *dx = tensor_grad(x, t);
            const float *in_row = tensor_f32(x, t);
            for (uint64_t i = 0; dx && i < in; i++) dx[i] += dy * row[i];
            for (uint64_t i = 0; dw && i < in; i++) dw[i] += dy * in_row[i];
            if (w->bias_grad) w->bias_grad[o] += dy;
        }
    }
}

void op_linear_grad(const fwd *f, const linear_args *a) {
    arena_mark mark = arena_mark_now(f->mem);
    float *row = arena_must(f->mem, a->x->cols, sizeof *row);
    for (uint32_t i = 0; i < a->n; i++) grad_of(a->y[i], a->x, a->w[i], row);
    arena_release(f->mem, mark);
}
