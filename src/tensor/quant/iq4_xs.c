/* IQ4_XS: {f16 d; u16 scales_h; u8 scales_l[4]; u8 qs[128]}: eight blocks of 32 with 6-bit scales, minus 32. */
#include "tensor/quant/iq4.h"
#include "tensor/quant/superblock.h"

void quant_iq4_xs_unpack(const uint8_t *p, superblock *s) {
    uint16_t high = load_u16(p + 2);
    s->d = f16_to_f32(load_u16(p));
    for (int b = 0; b < 8; b++) {
        int low = p[4 + b / 2] >> (4 * (b % 2)) & 15;
        s->scale[2 * b] = s->scale[2 * b + 1] = (low | (high >> (2 * b) & 3) << 4) - 32;
        for (int i = 0; i < 16; i++) {
            s->q[b * 32 + i] = iq4_levels[p[8 + b * 16 + i] & 15];
            s->q[b * 32 + 16 + i] = iq4_levels[p[8 + b * 16 + i] >> 4];
        }
    }
}

SUPERBLOCK_TO_F32(iq4_xs, 136, false)
SUPERBLOCK_DOT(iq4_xs, 136, 32, false)
