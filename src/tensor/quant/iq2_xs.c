/* IQ2_XS: {f16 d; u16 q[32] (9 bits of grid, 7 signs); u8 scales[8] (4 bits for 16 elements)}: x = d * (2 * scale + 1) / 8 * grid. */
#include "tensor/quant/iq.h"

void quant_iq2_xs_codes(const uint8_t *p, iq_codes *c) {
    *c = (iq_codes){ .d = load_u16(p) };
    for (int i = 0; i < SUBS; i++) c->scale[i] = p[66 + i / 2] >> (4 * (i % 2)) & 15;
    for (int i = 0; i < 32; i++) {
        uint32_t q = load_u16(p + 2 + 2 * i);
        c->index[i] = q & 511;
        c->signs[i / 4] |= iq_signs(q >> 9) << (8 * (i % 4));
    }
}

IQ_UNPACK8(iq2_xs, iq2_xs_grid)
SUPERBLOCK_TO_F32(iq2_xs, 74, false)
SUPERBLOCK_DOT(iq2_xs, 74, 16, false)
