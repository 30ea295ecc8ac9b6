/* OCP 8-bit floating point, E4M3 (OFP8 1.0, "FN"): 4 exponent bits, bias 7, no infinity. */
#include "tensor/quant/formats.h"
#include <math.h>
#include <string.h>

float f8_e4m3_to_f32(uint8_t b) {
    uint32_t magnitude = b & 0x7f, bits = (magnitude << 20) + (120u << 23); /* the exponent's bias moved from 7 to 127 */
    float normal, small = (float)(int)magnitude * 0x1p-9f;                  /* subnormal: eighths of 2^-6 */
    memcpy(&normal, &bits, sizeof normal);
    float f = magnitude == 0x7f ? NAN : magnitude < 8 ? small : normal;
    return b & 0x80 ? -f : f;
}

static uint8_t f32_to_f8(float f) {
    uint8_t sign = signbit(f) ? 0x80 : 0;
    float a = fabsf(f);
    if (isnan(f)) return (uint8_t)(sign | 0x7f);
    if (a > 448.0f) a = 448.0f; /* OFP8 1.0's saturating mode, as PyTorch 2.13 has it: infinity too is the largest number */
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
