#include "op/check.h"
#include <math.h>

void op_rmsnorm_check(const rmsnorm_args *a) {
    check_f32(a->x);
    check_f32(a->w);
    check_rows(a->y, a->x->rows, a->x->cols);
    check_rows(a->w, 1, a->w->cols);
    assert(a->w->cols && a->x->cols % a->w->cols == 0);
    assert(a->y->data != a->x->data); /* the gradient reads x again */
}

/* y = w x r, r = (mean(x^2) + eps)^-1/2:  dx = r (w dy) - x r^3 / n sum(w dy x),  dw = dy x r. */
static void group_grad(const float *x, const float *w, const float *dy, uint64_t n, float eps, float *dx, float *dw) {
    double squares = 0, dot = 0;
    for (uint64_t i = 0; i < n; i++) {
        squares += (double)x[i] * x[i];
        dot += (double)dy[i] * w[i] * x[i];
    }
    double r = 1 / sqrt(squares / (double)n + (double)eps);
    for (uint64_t i = 0; dx && i < n; i++) dx[i] += (float)(r * ((double)dy[i] * w[i] - x[i] * dot * r * r / (double)n));
    for (uint64_t i = 0; dw && i < n; i++) dw[i] += (float)(dy[i] * x[i] * r);
}

void op_rmsnorm_grad(const fwd *f, const rmsnorm_args *a) {
    (void)f;
    assert(a->y->grad);
    for (uint64_t t = 0; t < a->x->rows; t++) {
        float *dx = tensor_grad(a->x, t);
        for (uint64_t g = 0; g < a->x->cols; g += a->w->cols)
            group_grad(tensor_f32(a->x, t) + g, tensor_f32(a->w, 0), tensor_grad(a->y, t) + g, a->w->cols, a->eps, dx ? dx + g : NULL, a->w->grad);
    }
}
