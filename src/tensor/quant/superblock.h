/* K-quants: super-blocks of 256 elements made of sub-blocks with small integer scales. A format says how to unpack one
 * super-block into integers; the two functions below are then the same for all of them:
 *     x[i] = d * scale[i/16] * q[i] - dmin * min[i/16]            (sub-blocks of 32 give both their halves the same scale)
 *     dot: per 32 elements, f = fma((s0 a0 + s1 a1), d * xs, f), then f = fma(-(m0 sum0 + m1 sum1), dmin * xs, f)
 * a0, a1: integer sums over 16 elements; all products stay below 2^31. */
#ifndef PINGTI_TENSOR_QUANT_SUPERBLOCK_H
#define PINGTI_TENSOR_QUANT_SUPERBLOCK_H
#include "tensor/quant/formats.h"
#include <math.h>

enum { SUPER = 256, SUBS = SUPER / ACT_SUB };

typedef struct superblock {
    float d, dmin;
    int8_t q[SUPER];
    int scale[SUBS], min[SUBS]; /* min all 0 and dmin 0 in formats without minimum */
} superblock;

/* One block of each format as integers; faster kernels start from the same. */
#define SUPERBLOCK_FORMATS(X) X(q2_k) X(q3_k) X(q4_k) X(q5_k) X(q6_k) X(iq4_xs)
#define SUPERBLOCK_DECLARE(name) void quant_##name##_unpack(const uint8_t *p, superblock *s);
SUPERBLOCK_FORMATS(SUPERBLOCK_DECLARE)
#undef SUPERBLOCK_DECLARE

static inline float superblock_dot(const superblock *s, const act_q8 *x, size_t first, bool has_min, float f) {
    for (int b = 0; b < SUPER / ACT_BLOCK; b++) {
        int total = 0, mins = 0;
        for (int h = 0; h < 2; h++) {
            const int8_t *q = s->q + b * ACT_BLOCK + h * ACT_SUB, *a = x->q + first + b * ACT_BLOCK + h * ACT_SUB;
            int sum = 0;
            for (int i = 0; i < ACT_SUB; i++) sum += (int)q[i] * (int)a[i];
            total += s->scale[2 * b + h] * sum;
            mins += s->min[2 * b + h] * x->sum[first / ACT_SUB + (size_t)(2 * b + h)];
        }
        float xs = x->scale[first / ACT_BLOCK + (size_t)b];
        f = fmaf((float)total, s->d * xs, f);
        if (has_min) f = fmaf((float)-mins, s->dmin * xs, f);
    }
    return f;
}

#define SUPERBLOCK_DOT(name, bytes, has_min)                                                                           \
    float quant_##name##_dot(const void *w, const act_q8 *x, size_t n) {                                               \
        const uint8_t *p = w;                                                                                          \
        superblock s = { 0 };                                                                                          \
        float f = 0;                                                                                                   \
        for (size_t i = 0; i < n; i += SUPER, p += (bytes)) {                                                          \
            quant_##name##_unpack(p, &s);                                                                              \
            f = superblock_dot(&s, x, i, has_min, f);                                                                  \
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
