/* IQ1_S: {f16 d; u8 q[32]; u16 qh[8] (3 more bits of grid for each of four groups, a 3-bit scale, the sign of delta)}:
 * x = d * (2 * scale + 1) * (grid +- 1/8), grid of -1, 0, 1; here the eighths are the integers. */
#include "tensor/quant/iq.h"

void quant_iq1_s_codes(const uint8_t *p, iq_codes *c) {
    *c = (iq_codes){ .d = load_u16(p) };
    for (int b = 0; b < 8; b++) {
        uint32_t high = load_u16(p + 34 + 2 * b);
        c->scale[2 * b] = c->scale[2 * b + 1] = high >> 12 & 7;
        if (high >> 15) c->down |= 15u << (4 * b);
        for (int i = 0; i < 4; i++) c->index[4 * b + i] = (uint16_t)(p[2 + 4 * b + i] | (high >> (3 * i) & 7) << 8);
    }
}

IQ_UNPACK1(iq1_s)
SUPERBLOCK_TO_F32(iq1_s, 50, false)
SUPERBLOCK_DOT(iq1_s, 50, 16, false)
