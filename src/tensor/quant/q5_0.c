/* Q5_0: 32 elements, {f16 d; u32 high bits; u8 q[16]}: x = d * (five bits - 16). */
#include "tensor/quant/formats.h"
#include <math.h>
#include <string.h>

enum { N = 32, BYTES = 22 };

/* The two elements i and i + 16 of a block. */
static void unpack(const uint8_t *p, int i, int *lo, int *hi) {
    uint32_t high;
    memcpy(&high, p + 2, sizeof high);
    *lo = (int)((p[6 + i] & 15) | (high >> i & 1) << 4) - 16;
    *hi = (int)((p[6 + i] >> 4) | (high >> (i + 16) & 1) << 4) - 16;
}

void quant_q5_0_to_f32(const void *src, float *dst, size_t n) {
    const uint8_t *p = src;
    for (size_t b = 0; b < n / N; b++, p += BYTES) {
        float d = f16_to_f32(load_u16(p));
        for (int i = 0, lo, hi; i < N / 2; i++) {
            unpack(p, i, &lo, &hi);
            dst[b * N + i] = (float)lo * d;
            dst[b * N + i + N / 2] = (float)hi * d;
        }
    }
}

void quant_q5_0_from_f32(const float *src, void *dst, size_t n) {
    uint8_t *p = dst;
    for (size_t b = 0; b < n / N; b++, p += BYTES, src += N) {
        float max = src[0];
        uint32_t high = 0;
        for (int i = 1; i < N; i++)
            if (fabsf(src[i]) > fabsf(max)) max = src[i];
        float d = encode_finite(src, N) ? max / -16 : NAN, inverse = encode_inverse(d);
        store_u16(p, f32_to_f16(d));
        for (int i = 0; i < N / 2; i++) {
            int lo = encode_level(src[i] * inverse + 16.5f, 31), hi = encode_level(src[i + N / 2] * inverse + 16.5f, 31);
            p[6 + i] = (uint8_t)((lo & 15) | (hi & 15) << 4);
            high |= (uint32_t)(lo >> 4) << i | (uint32_t)(hi >> 4) << (i + 16);
        }
        memcpy(p + 2, &high, sizeof high);
    }
}

float quant_q5_0_dot(const void *w, const act_q8 *x, size_t n) {
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
    }
    return f;
}
