#include "op/check.h"

void op_gather_check(const gather_args *a) {
    check_f32(a->x);
    check_f32(a->y);
    check_rows(a->y, a->y->rows, a->x->cols);
    assert(a->rows && a->y->data != a->x->data);
    for (uint64_t i = 0; i < a->y->rows; i++) assert(a->rows[i] >= 0 && (uint64_t)a->rows[i] < a->x->rows);
}

void op_gather_grad(const fwd *f, const gather_args *a) {
    (void)f;
    assert(a->y->grad);
    for (uint64_t i = 0; a->x->grad && i < a->y->rows; i++) {
        float *dx = tensor_grad(a->x, (uint64_t)a->rows[i]);
        const float *dy = tensor_grad(a->y, i);
        for (uint64_t c = 0; c < a->y->cols; c++) dx[c] += dy[c];
    }
}
