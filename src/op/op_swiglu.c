#include "op/check.h"
#include <math.h>

void op_swiglu_check(const swiglu_args *a) {
    check_f32(a->y);
    check_rows(a->gate, a->y->rows, a->y->cols);
    check_rows(a->up, a->y->rows, a->y->cols);
    assert(!a->y->grad || (a->y->data != a->gate->data && a->y->data != a->up->data)); /* the gradient reads both again */
}

/* silu'(g) = s (1 + g (1 - s)), s = sigmoid(g). */
void op_swiglu_grad(const fwd *f, const swiglu_args *a) {
    (void)f;
    assert(a->y->grad);
    for (uint64_t t = 0; t < a->y->rows; t++) {
        const float *gate = tensor_f32(a->gate, t), *up = tensor_f32(a->up, t), *dy = tensor_grad(a->y, t);
        float *dgate = tensor_grad(a->gate, t), *dup = tensor_grad(a->up, t);
        for (uint64_t i = 0; i < a->y->cols; i++) {
            float s = 1.0f / (1.0f + expf(-gate[i]));
            if (dgate) dgate[i] += dy[i] * up[i] * s * (1 + gate[i] * (1 - s));
            if (dup) dup[i] += dy[i] * gate[i] * s;
        }
    }
}
