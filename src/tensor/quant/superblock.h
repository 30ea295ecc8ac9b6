/* K-quants, IQ and ternary formats: super-blocks of 256 elements made of sub-blocks with small integer scales. A format says how to unpack one
 * super-block into integers; the two functions below are then the same for all of them:
 *     x[i] = d * scale[i/16] * q[i] - dmin * min[i/16]            (sub-blocks of 32 give both their halves the same scale)
 *     dot: per scale, f = fma((float)isum, (d * scale) * xs, f), then f = fma(-(dmin * min), xs * (float)xsum, f)
 * isum, xsum: integer sums over the 16 or 32 elements of a scale (IQ1 to IQ3 and the ternary formats: always 16). d * scale and dmin * min are exact in f32 (11 + 8 bits). */
#ifndef PINGTI_TENSOR_QUANT_SUPERBLOCK_H
#define PINGTI_TENSOR_QUANT_SUPERBLOCK_H
#include "tensor/quant/formats.h"
#include <math.h>
#include <string.h>

enum { SUPER = 256, SUBS = SUPER / ACT_SUB };

typedef struct superblock {
    float d, dmin;
    int8_t q[SUPER];
    int scale[SUBS], min[SUBS]; /* min all 0 and dmin 0 in formats without minimum */
} superblock;

/* One block of each format as integers; faster kernels start from the same. */
#define SUPERBLOCK_FORMATS(X)                                                                                               \
    X(q2_k) X(q3_k) X(q4_k) X(q5_k) X(q6_k) X(iq4_xs) X(iq2_xxs) X(iq2_xs) X(iq2_s) X(iq3_xxs) X(iq3_s) X(iq1_s) X(iq1_m) X(tq1_0) X(tq2_0)
#define SUPERBLOCK_DECLARE(name) void quant_##name##_unpack(const uint8_t *p, superblock *s);
SUPERBLOCK_FORMATS(SUPERBLOCK_DECLARE)
#undef SUPERBLOCK_DECLARE

static inline int superblock_isum(const int8_t *q, const int8_t *a, int n) {
    int sum = 0;
    for (int i = 0; i < n; i++) sum += (int)q[i] * (int)a[i];
    return sum;
}

/* Formats with one scale (and minimum) for 32 elements. */
static inline float superblock_dot32(const superblock *s, const act_block *x, bool has_min, float f) {
    for (int b = 0; b < SUPER / ACT_BLOCK; b++, x++) {
        f = fmaf((float)superblock_isum(s->q + b * ACT_BLOCK, x->q, ACT_BLOCK), s->d * (float)s->scale[2 * b] * x->scale, f);
        if (has_min) f = fmaf(-(s->dmin * (float)s->min[2 * b]), x->scaled_sum, f);
    }
    return f;
}

/* Formats with one for 16. */
static inline float superblock_dot16(const superblock *s, const act_block *x, bool has_min, float f) {
    for (int i = 0; i < SUBS; i++, x += i % 2 == 0) {
        int32_t sum = i % 2 ? x->minus_sum_low - x->minus_sum : -x->minus_sum_low;
        f = fmaf((float)superblock_isum(s->q + i * ACT_SUB, x->q + i % 2 * ACT_SUB, ACT_SUB), s->d * (float)s->scale[i] * x->scale, f);
        if (has_min) f = fmaf(-(s->dmin * (float)s->min[i]), x->scale * (float)sum, f);
    }
    return f;
}

#define SUPERBLOCK_DOT(name, bytes, span, has_min)                                                                           \
    float quant_##name##_dot(const void *w, const act_q8 *x, size_t n) {                                               \
        const uint8_t *p = w;                                                                                          \
        superblock s = { 0 };                                                                                          \
        float f = 0;                                                                                                   \
        for (size_t i = 0; i < n; i += SUPER, p += (bytes)) {                                                          \
            quant_##name##_unpack(p, &s);                                                                              \
            f = superblock_dot##span(&s, x->block + i / ACT_BLOCK, has_min, f);                                        \
        }                                                                                                              \
        return f;                                                                                                      \
    }

/* x = (d * scale) * q - (dmin * min): products rounded in this order, as the format's definition does. */
#define SUPERBLOCK_TO_F32(name, bytes, has_min)                                                                        \
    void quant_##name##_to_f32(const void *src, float *dst, size_t n) {                                                \
        const uint8_t *p = src;                                                                                        \
        superblock s = { 0 };                                                                                          \
        for (size_t i = 0; i < n; i += SUPER, p += (bytes)) {                                                          \
            quant_##name##_unpack(p, &s);                                                                              \
            for (int j = 0; j < SUPER; j++) {                                                                          \
                float v = s.d * (float)s.scale[j / ACT_SUB] * (float)s.q[j];                                           \
                dst[i + (size_t)j] = has_min ? v - s.dmin * (float)s.min[j / ACT_SUB] : v;                             \
            }                                                                                                          \
        }                                                                                                              \
    }
#endif
