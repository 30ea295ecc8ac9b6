#include "backend/cpu/ref/ref.h"
#include "tensor/vmath.h"

static void rotate(float *x, const rope_table *r, int32_t pos) {
    for (uint32_t i = 0; i < r->pairs; i++) {
        float c, s;
        vmath_sincos((float)pos * r->inv_freq[i], &s, &c);
        c *= r->mscale;
        s *= r->mscale;
        float *a = r->interleaved ? x + 2 * i : x + i, *b = r->interleaved ? a + 1 : a + r->pairs, u = *a, v = *b;
        *a = u * c - v * s;
        *b = v * c + u * s;
    }
}

void ref_rope(const fwd *f, const rope_args *a) {
    (void)f;
    for (uint64_t t = 0; t < a->x->rows; t++)
        for (uint32_t h = 0; h < a->heads; h++)
            rotate(tensor_f32(a->x, t) + h * a->step + a->off, &a->tables[a->b->rope ? a->b->rope[t] : 0], a->b->pos[t]);
}
