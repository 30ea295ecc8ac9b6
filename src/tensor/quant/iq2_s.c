/* IQ2_S: {f16 d; u8 q[32]; u8 signs[32]; u8 qh[8] (two more bits of grid each); u8 scales[8] (4 bits for 16 elements)}:
 * x = d * (2 * scale + 1) / 8 * grid. */
#include "tensor/quant/iq.h"

void quant_iq2_s_unpack(const uint8_t *p, superblock *s) {
    s->d = f16_to_f32(load_u16(p)) * 0.125f;
    for (int i = 0; i < SUBS; i++) s->scale[i] = 2 * (p[74 + i / 2] >> (4 * (i % 2)) & 15) + 1;
    for (int i = 0; i < 32; i++) iq_signed8(iq2_s_grid[p[2 + i] | (p[66 + i / 4] >> (2 * (i % 4)) & 3) << 8], p[34 + i], s->q + 8 * i);
}

SUPERBLOCK_TO_F32(iq2_s, 82, false)
SUPERBLOCK_DOT(iq2_s, 82, 16, false)
SUPERBLOCK_UNPACK_ROW(iq2_s, 82)
