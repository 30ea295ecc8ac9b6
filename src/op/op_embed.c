#include "op/check.h"

void op_embed_check(const embed_args *a) {
    check_f32(a->y);
    check_weight(a->w, a->w->w.rows, a->y->cols);
    assert(a->w->w.n == 1 && a->id);
    for (uint64_t t = 0; t < a->y->rows; t++) assert(a->id[t] >= 0 && (uint64_t)a->id[t] < a->w->w.rows);
}

void op_embed_grad(const fwd *f, const embed_args *a) {
    (void)f;
    assert(a->y->grad);
    for (uint64_t t = 0; t < a->y->rows; t++) {
        const float *dy = tensor_grad(a->y, t);
        float *dw = weight_grad(a->w, 0, (uint64_t)a->id[t]);
        for (uint64_t i = 0; dw && i < a->y->cols; i++) dw[i] += dy[i];
    }
}
