/* Q4_1: 32 elements, {f16 d; f16 m; u8 q[16]}: x = d * nibble + m. */
#include "tensor/quant/formats.h"
#include <math.h>
#include <string.h>

enum { N = 32, BYTES = 20 };

void quant_q4_1_to_f32(const void *src, float *dst, size_t n) {
    const uint8_t *p = src;
    for (size_t b = 0; b < n / N; b++, p += BYTES) {
        float d = f16_to_f32(load_u16(p)), m = f16_to_f32(load_u16(p + 2));
        for (int i = 0; i < N / 2; i++) {
            dst[b * N + i] = (float)(p[4 + i] & 15) * d + m;
            dst[b * N + i + N / 2] = (float)(p[4 + i] >> 4) * d + m;
        }
    }
}

void quant_q4_1_from_f32(const float *src, void *dst, size_t n) {
    uint8_t *p = dst;
    for (size_t b = 0; b < n / N; b++, p += BYTES, src += N) {
        float min = src[0], max = src[0];
        for (int i = 1; i < N; i++) min = fminf(min, src[i]), max = fmaxf(max, src[i]);
        float d = encode_finite(src, N) ? (max - min) / 15 : NAN, inverse = encode_inverse(d);
        store_u16(p, f32_to_f16(d));
        store_u16(p + 2, f32_to_f16(min));
        for (int i = 0; i < N / 2; i++) {
            int lo = encode_level((src[i] - min) * inverse + 0.5f, 15), hi = encode_level((src[i + N / 2] - min) * inverse + 0.5f, 15);
            p[4 + i] = (uint8_t)(lo | hi << 4);
        }
    }
}

float quant_q4_1_dot(const void *w, const act_q8 *x, size_t n) {
    const uint8_t *p = w;
    float f = 0;
    for (size_t b = 0; b < n / N; b++, p += BYTES) {
        const int8_t *a = x->block[b].q;
        int sum = 0;
        for (int i = 0; i < N / 2; i++) sum += (p[4 + i] & 15) * (int)a[i] + (p[4 + i] >> 4) * (int)a[i + N / 2];
        f = fmaf((float)sum, f16_to_f32(load_u16(p)) * x->block[b].scale, f);
        f = fmaf(f16_to_f32(load_u16(p + 2)), x->block[b].scaled_sum, f);
    }
    return f;
}
