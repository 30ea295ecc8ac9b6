/* The twelve bytes of eight 6-bit scales and eight 6-bit minimums that Q4_K and Q5_K share; each for 32 elements. */
#ifndef PINGTI_TENSOR_QUANT_K_SCALES_H
#define PINGTI_TENSOR_QUANT_K_SCALES_H
#include "tensor/quant/superblock.h"

static inline void unpack_k_scales(const uint8_t *p, superblock *s) {
    for (int i = 0; i < 8; i++) {
        int scale = i < 4 ? p[i] & 63 : (p[i + 4] & 15) | (p[i - 4] >> 6) << 4;
        int min = i < 4 ? p[i + 4] & 63 : p[i + 4] >> 4 | (p[i] >> 6) << 4;
        s->scale[2 * i] = s->scale[2 * i + 1] = scale;
        s->min[2 * i] = s->min[2 * i + 1] = min;
    }
}
#endif
