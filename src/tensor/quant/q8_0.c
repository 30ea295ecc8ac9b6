/* Q8_0: 32 elements, {f16 d; int8 q[32]}, x = d * q. */
#include "tensor/quant/formats.h"
#include <math.h>

enum { N = 32, BYTES = 34 };

void quant_q8_0_to_f32(const void *src, float *dst, size_t n) {
    const char *p = src;
    for (size_t b = 0; b < n / N; b++, p += BYTES) {
        float d = f16_to_f32(load_u16(p));
        const int8_t *q = (const int8_t *)p + 2;
        for (int i = 0; i < N; i++) dst[b * N + i] = d * (float)q[i];
    }
}

/* d = max|x| / 127 in f32 for the rounding, stored as f16; halves round away from zero, as the format's own encoder does. */
void quant_q8_0_from_f32(const float *src, void *dst, size_t n) {
    char *p = dst;
    for (size_t b = 0; b < n / N; b++, p += BYTES, src += N) {
        float max = 0;
        for (int i = 0; i < N; i++) max = fmaxf(max, fabsf(src[i]));
        float d = encode_finite(src, N) ? max / 127.0f : NAN, inverse = encode_inverse(d);
        store_u16(p, f32_to_f16(d));
        for (int i = 0; i < N; i++) p[2 + i] = (char)(encode_level(roundf(src[i] * inverse) + 128, 255) - 128);
    }
}

float quant_q8_0_dot(const void *w, const act_q8 *x, size_t n) {
    const char *p = w;
    float f = 0;
    for (size_t b = 0; b < n / N; b++, p += BYTES) {
        const int8_t *q = (const int8_t *)p + 2, *a = x->block[b].q;
        int sum = 0;
        for (int i = 0; i < N; i++) sum += (int)q[i] * (int)a[i];
        f = fmaf((float)sum, f16_to_f32(load_u16(p)) * x->block[b].scale, f);
    }
    return f;
}
