#include "op/check.h"

void op_moe_linear_check(const moe_linear_args *a) {
    check_f32(a->x);
    check_f32(a->y);
    check_weight(a->w, a->y->cols, a->x->cols);
    assert(a->ids && a->top_k >= 1 && a->y->rows % a->top_k == 0 && (a->x->rows == a->y->rows || a->x->rows * a->top_k == a->y->rows));
    assert(a->y->data != a->x->data);
    for (uint64_t r = 0; r < a->y->rows; r++) assert(a->ids[r] >= 0 && (uint32_t)a->ids[r] < a->w->w.n);
}

void op_moe_linear_grad(const fwd *f, const moe_linear_args *a) {
    uint64_t in = a->w->w.cols, share = a->x->rows == a->y->rows ? 1 : a->top_k;
    assert(a->y->grad);
    arena_mark mark = arena_mark_now(f->mem);
    float *row = arena_must(f->mem, in, sizeof *row);
    for (uint64_t r = 0; r < a->y->rows; r++) {
        uint64_t expert = (uint64_t)a->ids[r];
        const float *dy = tensor_grad(a->y, r), *x = tensor_f32(a->x, r / share);
        float *dx = tensor_grad(a->x, r / share);
        for (uint64_t o = 0; o < a->w->w.rows; o++) {
            float *dw = weight_grad(a->w, expert, o);
            if (dx) tensor_row_to_f32(&a->w->w, expert, o, row);
            for (uint64_t i = 0; dx && i < in; i++) dx[i] += dy[o] * row[i];
            for (uint64_t i = 0; dw && i < in; i++) dw[i] += dy[o] * x[i];
            if (a->w->bias_grad) a->w->bias_grad[expert * a->w->w.rows + o] += dy[o];
        }
    }
    arena_release(f->mem, mark);
}
