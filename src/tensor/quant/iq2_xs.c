/* IQ2_XS: {f16 d; u16 q[32] (9 bits of grid, 7 signs); u8 scales[8] (4 bits for 16 elements)}: x = d * (2 * scale + 1) / 8 * grid. */
#include "tensor/quant/iq.h"

void quant_iq2_xs_unpack(const uint8_t *p, superblock *s) {
    s->d = f16_to_f32(load_u16(p)) * 0.125f;
    for (int i = 0; i < SUBS; i++) s->scale[i] = 2 * (p[66 + i / 2] >> (4 * (i % 2)) & 15) + 1;
    for (int i = 0; i < 32; i++) {
        uint32_t q = load_u16(p + 2 + 2 * i);
        iq_signed8(iq2_xs_grid[q & 511], iq_signs(q >> 9), s->q + 8 * i);
    }
}

SUPERBLOCK_TO_F32(iq2_xs, 74, false)
SUPERBLOCK_DOT(iq2_xs, 74, 16, false)
SUPERBLOCK_UNPACK_ROW(iq2_xs, 74)
