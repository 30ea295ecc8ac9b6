/* IQ1_S: {f16 d; u8 q[32]; u16 qh[8] (3 more bits of grid for each of four groups, a 3-bit scale, the sign of delta)}:
 * x = d * (2 * scale + 1) * (grid +- 1/8), grid of -1, 0, 1; here the eighths are the integers. */
#include "tensor/quant/iq.h"

void quant_iq1_s_unpack(const uint8_t *p, superblock *s) {
    s->d = f16_to_f32(load_u16(p)) * 0.125f;
    for (int b = 0; b < 8; b++) {
        uint32_t high = load_u16(p + 34 + 2 * b);
        s->scale[2 * b] = s->scale[2 * b + 1] = (int)(2 * (high >> 12 & 7) + 1);
        for (int i = 0; i < 4; i++) iq1_eighths(p[2 + 4 * b + i] | (high >> (3 * i) & 7) << 8, high >> 15, s->q + 32 * b + 8 * i);
    }
}

SUPERBLOCK_TO_F32(iq1_s, 50, false)
SUPERBLOCK_DOT(iq1_s, 50, 16, false)
SUPERBLOCK_UNPACK_ROW(iq1_s, 50)
