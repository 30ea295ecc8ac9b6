/* NVFP4: 64 elements, {u8 d[4]; u8 q[32]}: four groups of 16 with an unsigned E4M3 scale each, low nibbles first: x = d / 2 * level.
 * The highest bit of d is ignored; 0x7f, no number in E4M3, is zero, as GGUF reads it. */
#include "tensor/quant/fp4.h"

enum { N = 64, BYTES = 36, GROUP = 16 };

static float half_scale(uint8_t d) { return d == 0x7f ? 0 : (d & 0x7f) == 0x7f ? 240 : f8_e4m3_to_f32(d & 0x7f) * 0.5f; }

void quant_nvfp4_to_f32(const void *src, float *dst, size_t n) {
    const uint8_t *p = src;
    for (size_t b = 0; b < n / N; b++, p += BYTES)
        for (int g = 0; g < N / GROUP; g++) {
            float d = half_scale(p[g]), *out = dst + b * N + g * GROUP;
            for (int i = 0; i < GROUP / 2; i++) {
                out[i] = d * (float)fp4_levels[p[4 + 8 * g + i] & 15];
                out[i + GROUP / 2] = d * (float)fp4_levels[p[4 + 8 * g + i] >> 4];
            }
        }
}

/* To the nearest, halves up, with two quirks of GGUF's encoder: subnormal scales end at 7/512, and from 248 on all are 448. */
static uint8_t scale_of(float d) {
    uint32_t bits;
    if (!(d > 0)) return 0;
    __builtin_memcpy(&bits, &d, sizeof bits);
    int exponent = (int)(bits >> 23) - 120;
    if (exponent <= 0) return (uint8_t)encode_level(d * 512 + 0.5f, 7);
    uint32_t rounded = (uint32_t)exponent << 3 | (bits >> 20 & 7);
    rounded += bits >> 19 & 1;
    return (uint8_t)(rounded >= 0x78 ? 0x7e : rounded);
}

/* The format has no infinity and no NaN: what is not finite makes the whole group the largest number. */
void quant_nvfp4_from_f32(const float *src, void *dst, size_t n) {
    uint8_t *p = dst;
    for (size_t b = 0; b < n / N; b++, p += BYTES)
        for (int g = 0; g < N / GROUP; g++, src += GROUP) {
            bool finite = encode_finite(src, GROUP);
            p[g] = finite ? scale_of(fp4_largest(src, GROUP) / 6.0f) : 0x7e;
            float d = half_scale(p[g]);
            for (int i = 0; i < GROUP / 2; i++) p[4 + 8 * g + i] = finite ? (uint8_t)(fp4_nearest(src[i], d) | fp4_nearest(src[i + GROUP / 2], d) << 4) : 0x77;
        }
}

float quant_nvfp4_dot(const void *w, const act_q8 *x, size_t n) {
    const uint8_t *p = w;
    float f = 0;
    int8_t q[GROUP];
    for (size_t b = 0; b < n / N; b++, p += BYTES)
        for (int g = 0; g < N / GROUP; g++) {
            const act_block *block = &x->block[2 * b + (size_t)g / 2];
            fp4_spread(p + 4 + 8 * g, GROUP / 2, q, q + GROUP / 2);
            f = fmaf((float)fp4_sum16(q, block->q + g % 2 * GROUP), half_scale(p[g]) * block->scale, f);
        }
    return f;
}
