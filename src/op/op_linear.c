#include "op/check.h"

void op_linear_check(const linear_args *a) {
    check_f32(a->x);
    check_f32(a->y);
    check_weight(a->w, a->y->cols, a->x->cols);
    assert(a->w->w.n == 1 && a->y->rows == a->x->rows && a->y->data != a->x->data);
}

/* dx[T,in] += dy W,  dW[out,in] += dy^T x,  db[out] += sum dy. W is read row by row, in whatever format it is stored. */
void op_linear_grad(const fwd *f, const linear_args *a) {
    uint64_t in = a->w->w.cols, out = a->w->w.rows;
    assert(a->y->grad);
    arena_mark mark = arena_mark_now(f->mem);
    float *row = arena_must(f->mem, in, sizeof *row);
    for (uint64_t o = 0; o < out; o++) {
        float *dw = weight_grad(a->w, 0, o);
        if (a->x->grad) tensor_row_to_f32(&a->w->w, 0, o, row);
        for (uint64_t t = 0; t < a->x->rows; t++) {
            float dy = tensor_grad(a->y, t)[o], *dx = tensor_grad(a->x, t);
            const float *x = tensor_f32(a->x, t);
            for (uint64_t i = 0; dx && i < in; i++) dx[i] += dy * row[i];
            for (uint64_t i = 0; dw && i < in; i++) dw[i] += dy * x[i];
            if (a->w->bias_grad) a->w->bias_grad[o] += dy;
        }
    }
    arena_release(f->mem, mark);
}
