/* Q8_S: 16 elements, {f32 d; int8 q[16]}, x = d * q. No file has it: rows of other programs' formats become it in passing where their scales are
 * no f16 numbers (tensor/grouped.h). */
#include "tensor/quant/formats.h"
#include <math.h>
#include <string.h>

enum { N = 16, BYTES = 20 };

static float scale_at(const void *p) {
    float d;
    memcpy(&d, p, sizeof d);
    return d;
}

void quant_q8_s_to_f32(const void *src, float *dst, size_t n) {
    const char *p = src;
    for (size_t b = 0; b < n / N; b++, p += BYTES)
        for (int i = 0; i < N; i++) dst[b * N + (size_t)i] = scale_at(p) * (float)(int8_t)p[4 + i];
}

float quant_q8_s_dot(const void *w, const act_q8 *x, size_t n) {
    const char *p = w;
    float f = 0;
    for (size_t b = 0; b < n / N; b++, p += BYTES) {
        const act_block *block = &x->block[b / 2];
        const int8_t *q = (const int8_t *)p + 4, *a = block->q + b % 2 * N;
        int sum = 0;
        for (int i = 0; i < N; i++) sum += (int)q[i] * (int)a[i];
        f = fmaf((float)sum, scale_at(p) * block->scale, f);
    }
    return f;
}

void quant_q8_s_unpack_row(const void *src, size_t n, int8_t *q, float *scale) {
    const char *p = src;
    for (size_t b = 0; b < n / N; b++, p += BYTES, q += N) {
        *scale++ = scale_at(p);
        memcpy(q, p + 4, N);
    }
}
