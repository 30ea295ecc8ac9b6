/* IQ2_S: {f16 d; u8 q[32]; u8 signs[32]; u8 qh[8] (two more bits of grid each); u8 scales[8] (4 bits for 16 elements)}:
 * x = d * (2 * scale + 1) / 8 * grid. */
#include "tensor/quant/iq.h"

void quant_iq2_s_codes(const uint8_t *p, iq_codes *c) {
    *c = (iq_codes){ .d = load_u16(p) };
    for (int i = 0; i < SUBS; i++) c->scale[i] = p[74 + i / 2] >> (4 * (i % 2)) & 15;
    for (int i = 0; i < 32; i++) c->index[i] = (uint16_t)(p[2 + i] | (p[66 + i / 4] >> (2 * (i % 4)) & 3) << 8);
    for (int b = 0; b < 8; b++) c->signs[b] = load_u32(p + 34 + 4 * b);
}

IQ_UNPACK8(iq2_s, iq2_s_grid)
SUPERBLOCK_TO_F32(iq2_s, 82, false)
SUPERBLOCK_DOT(iq2_s, 82, 16, false)
