/* IQ4_NL: 32 elements, {f16 d; u8 q[16]}: x = d * levels[nibble], low nibbles first. */
#include "tensor/quant/iq4.h"
#include <math.h>

enum { N = 32, BYTES = 18 };

void quant_iq4_nl_to_f32(const void *src, float *dst, size_t n) {
    const uint8_t *p = src;
    for (size_t b = 0; b < n / N; b++, p += BYTES) {
        float d = f16_to_f32(load_u16(p));
        for (int i = 0; i < N / 2; i++) {
            dst[b * N + i] = d * (float)iq4_levels[p[2 + i] & 15];
            dst[b * N + i + N / 2] = d * (float)iq4_levels[p[2 + i] >> 4];
        }
    }
}

float quant_iq4_nl_dot(const void *w, const act_q8 *x, size_t n) {
    const uint8_t *p = w;
    float f = 0;
    for (size_t b = 0; b < n / N; b++, p += BYTES) {
        const int8_t *a = x->block[b].q;
        int sum = 0;
        for (int i = 0; i < N / 2; i++) sum += (int)iq4_levels[p[2 + i] & 15] * (int)a[i] + (int)iq4_levels[p[2 + i] >> 4] * (int)a[i + N / 2];
        f = fmaf((float)sum, f16_to_f32(load_u16(p)) * x->block[b].scale, f);
    }
    return f;
}
