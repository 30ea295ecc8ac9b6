/* OCP 8-bit floating point, E4M3 (OFP8 1.0, "FN"): 4 exponent bits, bias 7, no infinity. */
#include "tensor/quant/formats.h"
#include <math.h>

float f8_e4m3_to_f32(uint8_t b) {
    int exponent = b >> 3 & 15, mantissa = b & 7;
    if ((b & 0x7f) == 0x7f) return NAN;
    float f = exponent ? ldexpf(1.0f + (float)mantissa / 8, exponent - 7) : ldexpf((float)mantissa / 8, -6);
    return b & 0x80 ? -f : f;
}

static uint8_t f32_to_f8(float f) {
    uint8_t sign = signbit(f) ? 0x80 : 0;
    float a = fabsf(f);
    if (isnan(f) || a > 464.0f) return (uint8_t)(sign | 0x7f); /* 464 is half way from 448 to the next step, and ties to 448 */
    int exponent;
    frexpf(a, &exponent);
    if (exponent < -5) exponent = -5;
    int steps = (int)rintf(ldexpf(a, 4 - exponent)); /* in units of the last place; to nearest even */
    if (steps == 16) steps = 8, exponent++;
    return (uint8_t)(sign | (steps < 8 ? steps : (exponent + 6) << 3 | (steps - 8)));
}

void quant_f8_e4m3_to_f32(const void *src, float *dst, size_t n) {
    for (size_t i = 0; i < n; i++) dst[i] = f8_e4m3_to_f32(((const uint8_t *)src)[i]);
}

void quant_f8_e4m3_from_f32(const float *src, void *dst, size_t n) {
    for (size_t i = 0; i < n; i++) ((uint8_t *)dst)[i] = f32_to_f8(src[i]);
}
