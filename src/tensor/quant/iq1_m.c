/* IQ1_M: {u8 q[32]; u8 qh[16] (a nibble a group of eight: 3 more bits of grid, the sign of delta); u16 scales[4] (3 bits for 16 elements,
 * four times; the high nibbles of all four are the f16 d)}: x = d * (2 * scale + 1) * (grid +- 1/8), see iq1_s.c. */
#include "tensor/quant/iq.h"

void quant_iq1_m_codes(const uint8_t *p, iq_codes *c) {
    *c = (iq_codes){ 0 };
    for (int i = 0; i < 4; i++) c->d |= (uint16_t)(load_u16(p + 48 + 2 * i) >> 12 << (4 * i));
    for (int i = 0; i < SUBS; i++) c->scale[i] = load_u16(p + 48 + i / 4 * 2) >> (3 * (i % 4)) & 7;
    for (int i = 0; i < 32; i++) {
        uint32_t high = p[32 + i / 2] >> (4 * (i % 2)) & 15;
        c->index[i] = (uint16_t)(p[i] | (high & 7) << 8);
        c->down |= high >> 3 << i;
    }
}

IQ_UNPACK1(iq1_m)
SUPERBLOCK_TO_F32(iq1_m, 56, false)
SUPERBLOCK_DOT(iq1_m, 56, 16, false)
