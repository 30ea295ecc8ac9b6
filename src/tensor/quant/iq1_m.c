/* IQ1_M: {u8 q[32]; u8 qh[16] (a nibble a group of eight: 3 more bits of grid, the sign of delta); u16 scales[4] (3 bits for 16 elements,
 * four times; the high nibbles of all four are the f16 d)}: x = d * (2 * scale + 1) * (grid +- 1/8), see iq1_s.c. */
#include "tensor/quant/iq.h"

void quant_iq1_m_unpack(const uint8_t *p, superblock *s) {
    uint32_t d = 0;
    for (int i = 0; i < 4; i++) d |= (uint32_t)(load_u16(p + 48 + 2 * i) >> 12) << (4 * i);
    s->d = f16_to_f32((uint16_t)d) * 0.125f;
    for (int i = 0; i < SUBS; i++) s->scale[i] = 2 * (load_u16(p + 48 + i / 4 * 2) >> (3 * (i % 4)) & 7) + 1;
    for (int i = 0; i < 32; i++) {
        uint32_t high = p[32 + i / 2] >> (4 * (i % 2)) & 15;
        iq1_eighths(p[i] | (high & 7) << 8, high >> 3, s->q + 8 * i);
    }
}

SUPERBLOCK_TO_F32(iq1_m, 56, false)
SUPERBLOCK_DOT(iq1_m, 56, 16, false)
SUPERBLOCK_UNPACK_ROW(iq1_m, 56)
