#include "op/check.h"

void op_pack_check(const pack_args *a) {
    check_f32(a->x);
    check_f32(a->y);
    assert(a->heads >= 1 && a->x->rows == a->y->rows);
    assert((uint64_t)(a->heads - 1) * a->x_step + a->x_off + a->width <= a->x->cols);
    assert((uint64_t)(a->heads - 1) * a->y_step + a->y_off + a->width <= a->y->cols);
    assert((a->heads == 1 || a->y_step >= a->width) && a->y->data != a->x->data); /* heads may share x, never y */
}

void op_pack_grad(const fwd *f, const pack_args *a) {
    (void)f;
    assert(a->y->grad);
    for (uint64_t t = 0; a->x->grad && t < a->x->rows; t++)
        for (uint32_t h = 0; h < a->heads; h++) {
            float *dx = tensor_grad(a->x, t) + h * a->x_step + a->x_off;
            const float *dy = tensor_grad(a->y, t) + h * a->y_step + a->y_off;
            for (uint32_t i = 0; i < a->width; i++) dx[i] += dy[i];
        }
}
