/* MXFP4: 32 elements, {u8 e; u8 q[16]}, low nibbles first: x = 2^(e-128) * level (OCP Microscaling Formats 1.0; e = 255 is 2^127 here,
 * as GGUF reads it, and not NaN). */
#include "tensor/quant/fp4.h"
#include <string.h>

enum { N = 32, BYTES = 17 };

static float scale_of(uint8_t e) {
    uint32_t bits = e < 2 ? 0x200000u << e : (uint32_t)(e - 1) << 23; /* 2^-128 and 2^-127 are subnormal */
    float d;
    memcpy(&d, &bits, sizeof d);
    return d;
}

void quant_mxfp4_to_f32(const void *src, float *dst, size_t n) {
    const uint8_t *p = src;
    for (size_t b = 0; b < n / N; b++, p += BYTES) {
        float d = scale_of(p[0]);
        for (int i = 0; i < N / 2; i++) {
            dst[b * N + i] = d * (float)fp4_levels[p[1 + i] & 15];
            dst[b * N + i + N / 2] = d * (float)fp4_levels[p[1 + i] >> 4];
        }
    }
}

/* The largest magnitude's power of two is that of the level 4 (8 here). */
static uint8_t exponent_of(float max) {
    float e = floorf(log2f(max)) + 125;
    return (uint8_t)encode_level(e, 254);
}

/* A block with a value that is not finite is stored as infinities, since the format has no NaN. */
void quant_mxfp4_from_f32(const float *src, void *dst, size_t n) {
    uint8_t *p = dst;
    for (size_t b = 0; b < n / N; b++, p += BYTES, src += N) {
        float max = fp4_largest(src, N);
        bool finite = encode_finite(src, N);
        p[0] = !finite ? 255 : max > 0 ? exponent_of(max) : 0;
        float d = scale_of(p[0]);
        for (int i = 0; i < N / 2; i++) p[1 + i] = finite ? (uint8_t)(fp4_nearest(src[i], d) | fp4_nearest(src[i + N / 2], d) << 4) : 0x77;
    }
}

float quant_mxfp4_dot(const void *w, const act_q8 *x, size_t n) {
    const uint8_t *p = w;
    float f = 0;
    int8_t q[N];
    for (size_t b = 0; b < n / N; b++, p += BYTES) {
        float scale = scale_of(p[0]) * x->block[b].scale;
        fp4_spread(p + 1, N / 2, q, q + N / 2);
        f = fmaf((float)(fp4_sum16(q, x->block[b].q) + fp4_sum16(q + N / 2, x->block[b].q + N / 2)), scale, f);
    }
    return f;
}
