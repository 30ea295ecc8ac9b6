#include "op/check.h"

void op_add_check(const add_args *a) {
    check_f32(a->y);
    check_rows(a->a, a->y->rows, a->y->cols);
    check_rows(a->b, a->y->rows, a->y->cols);
    assert(!a->y->grad || (a->y->data != a->a->data && a->y->data != a->b->data)); /* in place, dy would be added to itself */
}

void op_add_grad(const fwd *f, const add_args *a) {
    (void)f;
    assert(a->y->grad);
    for (uint64_t t = 0; t < a->y->rows; t++) {
        const float *dy = tensor_grad(a->y, t);
        float *da = tensor_grad(a->a, t), *db = tensor_grad(a->b, t);
        for (uint64_t i = 0; da && i < a->y->cols; i++) da[i] += dy[i];
        for (uint64_t i = 0; db && i < a->y->cols; i++) db[i] += dy[i];
    }
}
