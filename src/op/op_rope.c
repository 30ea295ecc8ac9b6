#include "op/check.h"
#include <math.h>

void op_rope_check(const rope_args *a) {
    check_f32(a->x);
    assert(a->heads >= 1 && a->b && a->x->rows == a->b->T);
    uint32_t n = a->n_tables ? a->n_tables : 1;
    for (uint32_t i = 0; i < n; i++) {
        uint64_t turned = 2 * (uint64_t)a->tables[i].pairs;
        assert((uint64_t)(a->heads - 1) * a->step + a->off + turned <= a->x->cols);
        assert(a->heads == 1 || a->step >= turned); /* in place: no element is turned twice */
    }
    for (uint64_t t = 0; a->b->rope && t < a->b->T; t++) assert(a->b->rope[t] < n);
}

/* A rotation's transpose is the rotation back; mscale stays. In place, like the op. */
static void rotate_back(float *g, const rope_table *r, int32_t pos) {
    for (uint32_t i = 0; i < r->pairs; i++) {
        float angle = (float)pos * r->inv_freq[i], c = cosf(angle) * r->mscale, s = sinf(angle) * r->mscale;
        float *a = r->interleaved ? g + 2 * i : g + i, *b = r->interleaved ? a + 1 : a + r->pairs, u = *a, v = *b;
        *a = u * c + v * s;
        *b = v * c - u * s;
    }
}

void op_rope_grad(const fwd *f, const rope_args *a) {
    (void)f;
    for (uint64_t t = 0; a->x->grad && t < a->x->rows; t++)
        for (uint32_t h = 0; h < a->heads; h++)
            rotate_back(tensor_grad(a->x, t) + h * a->step + a->off, &a->tables[a->b->rope ? a->b->rope[t] : 0], a->b->pos[t]);
}
