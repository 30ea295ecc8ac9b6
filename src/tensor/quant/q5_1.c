/* Q5_1: 32 elements, {f16 d; f16 m; u32 high bits; u8 q[16]}: x = d * five bits + m. */
#include "tensor/quant/formats.h"
#include <math.h>
#include <string.h>

enum { N = 32, BYTES = 24 };

static void unpack(const uint8_t *p, int i, int *lo, int *hi) {
    uint32_t high;
    memcpy(&high, p + 4, sizeof high);
    *lo = (int)((p[8 + i] & 15) | (high >> i & 1) << 4);
    *hi = (int)((p[8 + i] >> 4) | (high >> (i + 16) & 1) << 4);
}

void quant_q5_1_to_f32(const void *src, float *dst, size_t n) {
    const uint8_t *p = src;
    for (size_t b = 0; b < n / N; b++, p += BYTES) {
        float d = f16_to_f32(load_u16(p)), m = f16_to_f32(load_u16(p + 2));
        for (int i = 0, lo, hi; i < N / 2; i++) {
            unpack(p, i, &lo, &hi);
            dst[b * N + i] = (float)lo * d + m;
            dst[b * N + i + N / 2] = (float)hi * d + m;
        }
    }
}

void quant_q5_1_from_f32(const float *src, void *dst, size_t n) {
    uint8_t *p = dst;
    for (size_t b = 0; b < n / N; b++, p += BYTES, src += N) {
        float min = src[0], max = src[0];
        uint32_t high = 0;
        for (int i = 1; i < N; i++) min = fminf(min, src[i]), max = fmaxf(max, src[i]);
        float d = encode_finite(src, N) ? (max - min) / 31 : NAN, inverse = encode_inverse(d);
        store_u16(p, f32_to_f16(d));
        store_u16(p + 2, f32_to_f16(min));
        for (int i = 0; i < N / 2; i++) {
            int lo = encode_level((src[i] - min) * inverse + 0.5f, 31), hi = encode_level((src[i + N / 2] - min) * inverse + 0.5f, 31);
            p[8 + i] = (uint8_t)((lo & 15) | (hi & 15) << 4);
            high |= (uint32_t)(lo >> 4) << i | (uint32_t)(hi >> 4) << (i + 16);
        }
        memcpy(p + 4, &high, sizeof high);
    }
}

float quant_q5_1_dot(const void *w, const act_q8 *x, size_t n) {
    const uint8_t *p = w;
    float f = 0;
    for (size_t b = 0; b < n / N; b++, p += BYTES) {
        const int8_t *a = x->block[b].q;
        int sum = 0;
        for (int i = 0, lo, hi; i < N / 2; i++) {
            unpack(p, i, &lo, &hi);
            sum += lo * (int)a[i] + hi * (int)a[i + N / 2];
        }
        f = fmaf((float)sum, f16_to_f32(load_u16(p)) * x->block[b].scale, f);
        f = fmaf(f16_to_f32(load_u16(p + 2)), x->block[b].scaled_sum, f);
    }
    return f;
}
