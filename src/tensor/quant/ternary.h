/* What TQ1_0 and TQ2_0 share: 256 elements of -1, 0, 1 under one f16 scale. */
#ifndef PINGTI_TENSOR_QUANT_TERNARY_H
#define PINGTI_TENSOR_QUANT_TERNARY_H
#include "tensor/quant/superblock.h"

/* d is the largest magnitude; q[i] = x[i] / d rounded, halves away from zero, plus 1. Returns d as f16. */
static inline uint16_t ternary_of(const float *x, uint8_t q[SUPER]) {
    float d = 0;
    for (int i = 0; i < SUPER; i++) d = fmaxf(d, fabsf(x[i]));
    if (!encode_finite(x, SUPER)) d = NAN;
    float inverse = encode_inverse(d);
    for (int i = 0; i < SUPER; i++) q[i] = (uint8_t)encode_level(roundf(x[i] * inverse) + 1, 2);
    return f32_to_f16(d);
}

static inline void ternary_scales(superblock *s, uint16_t d) {
    s->d = f16_to_f32(d);
    for (int i = 0; i < SUBS; i++) s->scale[i] = 1;
}
#endif
