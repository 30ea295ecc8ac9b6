#include "op/check.h"

void op_moe_combine_check(const moe_combine_args *a) {
    check_f32(a->weight);
    check_f32(a->y);
    check_rows(a->y, a->weight->rows, a->y->cols);
    check_rows(a->x, a->weight->rows * a->weight->cols, a->y->cols);
}

void op_moe_combine_grad(const fwd *f, const moe_combine_args *a) {
    (void)f;
    assert(a->y->grad);
    for (uint64_t t = 0; t < a->y->rows; t++)
        for (uint64_t j = 0; j < a->weight->cols; j++) {
            uint64_t r = t * a->weight->cols + j;
            const float *dy = tensor_grad(a->y, t), *x = tensor_f32(a->x, r);
            float w = tensor_f32(a->weight, t)[j];
            float *dx = tensor_grad(a->x, r), *dw = tensor_grad(a->weight, t), dot = 0;
            for (uint64_t i = 0; i < a->y->cols; i++) {
                dot += dy[i] * x[i];
                if (dx) dx[i] += w * dy[i];
            }
            if (dw) dw[j] += dot;
        }
}
