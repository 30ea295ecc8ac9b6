/* bfloat16: the upper half of binary32. */
#include "tensor/quant/formats.h"
#include <math.h>
#include <string.h>

float bf16_to_f32(uint16_t h) {
    uint32_t bits = (uint32_t)h << 16;
    float f;
    memcpy(&f, &bits, sizeof f);
    return f;
}

uint16_t f32_to_bf16(float f) {
    uint32_t bits;
    memcpy(&bits, &f, sizeof bits);
    if ((bits & 0x7fffffffu) > 0x7f800000u) return (uint16_t)(bits >> 16 | 0x40);
    return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

void quant_bf16_to_f32(const void *src, float *dst, size_t n) {
    for (size_t i = 0; i < n; i++) dst[i] = bf16_to_f32(load_u16((const char *)src + 2 * i));
}

void quant_bf16_from_f32(const float *src, void *dst, size_t n) {
    for (size_t i = 0; i < n; i++) {
        uint16_t h = f32_to_bf16(src[i]);
        memcpy((char *)dst + 2 * i, &h, sizeof h);
    }
}

/* Pairs in order of k, the second element of a pair first: the order of VDPBF16PS (Intel SDM). A row of odd length ends with half a pair. */
float quant_bf16_dot_f32(const void *w, const float *x, size_t n) {
    const char *p = w;
    float f = 0;
    for (size_t k = 0; k < n; k += 2, p += 4) {
        if (k + 1 < n) f = fmaf(bf16_to_f32(bf16_flushed(load_u16(p + 2))), bf16_rounded(x[k + 1]), f);
        f = fmaf(bf16_to_f32(bf16_flushed(load_u16(p))), bf16_rounded(x[k]), f);
    }
    return f;
}
