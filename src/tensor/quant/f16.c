/* IEEE binary16. */
#include "tensor/quant/formats.h"
#include <math.h>
#include <string.h>

float f16_to_f32(uint16_t h) {
    uint32_t sign = (uint32_t)(h & 0x8000) << 16, exponent = h >> 10 & 31, mantissa = h & 1023, bits;
    if (exponent == 31) bits = sign | 0x7f800000u | mantissa << 13;
    else if (exponent) bits = sign | (exponent + 112) << 23 | mantissa << 13;
    else {
        float f = (float)mantissa * 0x1p-24f;
        return sign ? -f : f;
    }
    float f;
    memcpy(&f, &bits, sizeof f);
    return f;
}

uint16_t f32_to_f16(float f) {
    uint32_t bits;
    memcpy(&bits, &f, sizeof bits);
    uint16_t sign = (uint16_t)(bits >> 16 & 0x8000);
    bits &= 0x7fffffffu;
    if (bits > 0x7f800000u) return (uint16_t)(sign | 0x7e00 | (bits >> 13 & 0x3ff));
    if (bits >= 0x477ff000u) return (uint16_t)(sign | 0x7c00); /* rounds to infinity */
    if (bits < 0x38800000u) return (uint16_t)(sign | (uint16_t)rintf(fabsf(f) * 0x1p24f)); /* subnormal: rint is to nearest even */
    bits += 0xfff + (bits >> 13 & 1);
    return (uint16_t)(sign | ((bits - 0x38000000u) >> 13));
}

void quant_f16_to_f32(const void *src, float *dst, size_t n) {
    for (size_t i = 0; i < n; i++) dst[i] = f16_to_f32(load_u16((const char *)src + 2 * i));
}

void quant_f16_from_f32(const float *src, void *dst, size_t n) {
    for (size_t i = 0; i < n; i++) {
        uint16_t h = f32_to_f16(src[i]);
        memcpy((char *)dst + 2 * i, &h, sizeof h);
    }
}

float quant_f16_dot_f32(const void *w, const float *x, size_t n) {
    float f = 0;
    for (size_t k = 0; k < n; k++) f = fmaf(f16_to_f32(load_u16((const char *)w + 2 * k)), x[k], f);
    return f;
}
