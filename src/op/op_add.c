#include "op/check.h"

void op_add_check(const add_args *a) {
    check_f32(a->y);
    check_rows(a->a, a->y->rows, a->y->cols);
    check_rows(a->b, a->y->rows, a->y->cols);
}

void op_add_grad(const fwd *f, const add_args *a) {
    (void)f;
    for (uint64_t t = 0; t < a->y->rows; t++) {
        const float *dy = tensor_grad(a->y, t);
        float *da = tensor_grad(a->a, t), *db = tensor_grad(a->b, t);
        for (uint64_t i = 0; da && i < a->y->cols; i++) da[i] += dy[i];
        for (uint64_t i = 0; db && i < a->y->cols; i++) db[i] += dy[i];
    }
}
