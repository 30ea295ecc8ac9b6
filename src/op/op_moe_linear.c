#include "op/check.h"

static void check_one(const moe_linear_args *a, uint32_t i) {
    const tensor *y = a->y[i];
    check_f32(y);
    check_weight(a->w[i], y->cols, a->x->cols);
    assert(y->rows == a->y[0]->rows && y->data != a->x->data && a->w[i]->w.n == a->w[0]->w.n);
}

void op_moe_linear_check(const moe_linear_args *a) {
    check_f32(a->x);
    assert(a->n >= 1 && a->n <= LINEAR_MAX);
    for (uint32_t i = 0; i < a->n; i++) check_one(a, i);
    uint64_t rows = a->y[0]->rows;
    assert(a->ids && a->top_k >= 1 && rows % a->top_k == 0 && (a->x->rows == rows || a->x->rows * a->top_k == rows));
    for (uint64_t r = 0; r < rows; r++) assert(a->ids[r] >= 0 && (uint32_t)a->ids[r] < a->w[0]->w.n);
}

static void grad_of(const moe_linear_args *a, const tensor *y, const weight *w, float *row) {
    uint64_t in = w->w.cols, share = a->x->rows == y->rows ? 1 : a->top_k;
    assert(y->grad);
    for (uint64_t r = 0; r < y->rows; r++) {
        uint64_t expert = (uint64_t)a->ids[r];
        const float *dy = tensor_grad(y, r), *x = tensor_f32(a->x, r / share);
        float *dx = tensor_grad(a->x, r / share);
        for (uint64_t o = 0; o < w->w.rows; o++) {
            float *dw = weight_grad(w, expert, o);
            if (dx) tensor_row_to_f32(&w->w, expert, o, row);
            for (uint64_t i = 0; dx && i < in; i++) dx[i] += dy[o] * row[i];
            for (uint64_t i = 0; dw && i < in; i++) dw[i] += dy[o] * x[i];
            if (w->bias_grad) w->bias_grad[expert * w->w.rows + o] += dy[o];
        }
    }
}

void op_moe_linear_grad(const fwd *f, const moe_linear_args *a) {
    arena_mark mark = arena_mark_now(f->mem);
    float *row = arena_must(f->mem, a->x->cols, sizeof *row);
    for (uint32_t i = 0; i < a->n; i++) grad_of(a, a->y[i], a->w[i], row);
    arena_release(f->mem, mark);
}
