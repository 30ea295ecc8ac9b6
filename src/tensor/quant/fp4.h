/* OCP FP4 E2M1 (Microscaling Formats 1.0), twice its values: 0, .5, 1, 1.5, 2, 3, 4, 6 and their negatives become integers, and the scales
 * of MXFP4 and NVFP4 are halved in return. The sixteenth of them, minus zero, reads as zero, as GGUF has it. */
#ifndef PINGTI_TENSOR_QUANT_FP4_H
#define PINGTI_TENSOR_QUANT_FP4_H
#include "tensor/quant/formats.h"
#include <math.h>

static const int8_t fp4_levels[16] = { 0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12 };

/* `fp4_levels` of the low and of the high nibbles of n bytes, without a table: a compiler makes vectors of it. */
static inline void fp4_spread(const uint8_t *p, int n, int8_t *low, int8_t *high) {
    for (int i = 0; i < n; i++) {
        int8_t a = p[i] & 7, b = p[i] >> 4 & 7;
        int8_t x = (int8_t)(a + (a > 4) + (a > 5) + 3 * (a > 6)), y = (int8_t)(b + (b > 4) + (b > 5) + 3 * (b > 6));
        low[i] = p[i] & 8 ? (int8_t)-x : x;
        high[i] = p[i] & 128 ? (int8_t)-y : y;
    }
}

/* Sum of q[i] * a[i] over 16. */
static inline int fp4_sum16(const int8_t *q, const int8_t *a) {
    int sum = 0;
    for (int i = 0; i < 16; i++) sum += (int)q[i] * (int)a[i];
    return sum;
}

/* The level nearest to x / d; of two equally near ones the first. */
static inline int fp4_nearest(float x, float d) {
    int best = 0;
    float least = fabsf(x);
    for (int i = 1; i < 16; i++) {
        float off = fabsf(d * (float)fp4_levels[i] - x);
        if (off < least) least = off, best = i;
    }
    return best;
}

static inline float fp4_largest(const float *x, int n) {
    float max = 0;
    for (int i = 0; i < n; i++) max = fmaxf(max, fabsf(x[i]));
    return max;
}
#endif
