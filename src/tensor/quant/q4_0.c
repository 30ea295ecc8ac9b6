/* Q4_0: 32 elements, {f16 d; u8 q[16]}, low nibbles first: x = d * (nibble - 8). */
#include "tensor/quant/formats.h"
#include <math.h>
#include <string.h>

enum { N = 32, BYTES = 18 };

void quant_q4_0_to_f32(const void *src, float *dst, size_t n) {
    const uint8_t *p = src;
    for (size_t b = 0; b < n / N; b++, p += BYTES) {
        float d = f16_to_f32(load_u16(p));
        for (int i = 0; i < N / 2; i++) {
            dst[b * N + i] = (float)((p[2 + i] & 15) - 8) * d;
            dst[b * N + i + N / 2] = (float)((p[2 + i] >> 4) - 8) * d;
        }
    }
}

static int nibble(float x, float inverse) { return encode_level(x * inverse + 8.5f, 15); }

/* d is the element of largest magnitude / -8, so that it is hit exactly. */
void quant_q4_0_from_f32(const float *src, void *dst, size_t n) {
    uint8_t *p = dst;
    for (size_t b = 0; b < n / N; b++, p += BYTES, src += N) {
        float max = src[0];
        for (int i = 1; i < N; i++)
            if (fabsf(src[i]) > fabsf(max)) max = src[i];
        float d = encode_finite(src, N) ? max / -8 : NAN, inverse = encode_inverse(d);
        uint16_t h = f32_to_f16(d);
        memcpy(p, &h, sizeof h);
        for (int i = 0; i < N / 2; i++) p[2 + i] = (uint8_t)(nibble(src[i], inverse) | nibble(src[i + N / 2], inverse) << 4);
    }
}

float quant_q4_0_dot(const void *w, const act_q8 *x, size_t n) {
    const uint8_t *p = w;
    float f = 0;
    for (size_t b = 0; b < n / N; b++, p += BYTES) {
        const int8_t *a = x->block[b].q;
        int sum = 0;
        for (int i = 0; i < N / 2; i++) sum += ((p[2 + i] & 15) - 8) * (int)a[i] + ((p[2 + i] >> 4) - 8) * (int)a[i + N / 2];
        f = fmaf((float)sum, f16_to_f32(load_u16(p)) * x->block[b].scale, f);
    }
    return f;
}
