#include "op/check.h"
#include <math.h>

void op_xent_check(const xent_args *a) {
    check_f32(a->x);
    assert(a->target);
    check_rows(a->loss, a->x->rows, 1);
    for (uint64_t t = 0; t < a->x->rows; t++) assert(a->target[t] < (int64_t)a->x->cols);
}

/* dx = (softmax(x) - onehot(target)) dloss. */
void op_xent_grad(const fwd *f, const xent_args *a) {
    (void)f;
    assert(a->loss->grad);
    for (uint64_t t = 0; a->x->grad && t < a->x->rows; t++) {
        const float *x = tensor_f32(a->x, t);
        float dloss = tensor_grad(a->loss, t)[0], max = -INFINITY, *dx = tensor_grad(a->x, t);
        double sum = 0;
        if (a->target[t] < 0) continue;
        for (uint64_t i = 0; i < a->x->cols; i++) max = fmaxf(max, x[i]);
        for (uint64_t i = 0; i < a->x->cols; i++) sum += exp((double)x[i] - max);
        for (uint64_t i = 0; i < a->x->cols; i++) dx[i] += dloss * (float)(exp((double)x[i] - max) / sum);
        dx[a->target[t]] -= dloss;
    }
}
