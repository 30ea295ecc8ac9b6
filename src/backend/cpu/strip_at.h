/* Element (k, j) of a stored strip in f32: the definition of its kinds (backend/cpu/vector.h). */
#ifndef PINGTI_BACKEND_CPU_STRIP_AT_H
#define PINGTI_BACKEND_CPU_STRIP_AT_H
#include "backend/cpu/vector.h"
#include "tensor/quant.h"
#include "tensor/quant/formats.h"
#include <string.h>

static inline float at_f32(const char *b, size_t k, size_t j) {
    float x;
    memcpy(&x, b + (k * STRIP + j) * sizeof x, sizeof x);
    return x;
}
static inline float at_f16(const char *b, size_t k, size_t j) { return f16_to_f32(load_u16(b + (k * STRIP + j) * 2)); }
static inline float at_q8_k(const char *b, size_t k, size_t j) {
    const char *step = b + k / 32 * (34 * STRIP);
    return f16_to_f32(load_u16(step + 2 * j)) * (float)((const signed char *)step)[2 * STRIP + k % 32 * STRIP + j];
}
static inline float at_q8_v(const char *b, size_t k, size_t j) {
    return f16_to_f32(load_u16(b + 2 * k)) * (float)((const signed char *)b)[2 * STRIP_DEPTH + k * STRIP + j];
}
#endif
