/* IQ3_S: {f16 d; u8 q[64] (4 elements each); u8 qh[8] (a ninth bit of grid); u8 signs[32]; u8 scales[4] (4 bits for 32 elements)}:
 * x = d * (2 * scale + 1) * grid. */
#include "tensor/quant/iq.h"

void quant_iq3_s_codes(const uint8_t *p, iq_codes *c) {
    *c = (iq_codes){ .d = load_u16(p) };
    for (int i = 0; i < 64; i++) c->index[i] = (uint16_t)(p[2 + i] | (p[66 + i / 8] >> (i % 8) & 1) << 8);
    for (int b = 0; b < 8; b++) {
        c->signs[b] = load_u32(p + 74 + 4 * b);
        c->scale[2 * b] = c->scale[2 * b + 1] = p[106 + b / 2] >> (4 * (b % 2)) & 15;
    }
}

IQ_UNPACK4(iq3_s, iq3_s_grid, IQ3_S_PARTS)
SUPERBLOCK_TO_F32(iq3_s, 110, false)
SUPERBLOCK_DOT(iq3_s, 110, 16, false)
