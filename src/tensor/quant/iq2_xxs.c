/* IQ2_XXS: {f16 d; 8 x {u8 grid[4]; u32 of 4 x 7 signs and a 4-bit scale}}: x = d * (2 * scale + 1) / 8 * grid, 32 elements a scale. */
#include "tensor/quant/iq.h"

void quant_iq2_xxs_unpack(const uint8_t *p, superblock *s) {
    s->d = f16_to_f32(load_u16(p)) * 0.125f;
    for (int b = 0; b < 8; b++) {
        const uint8_t *entry = p + 2 + 8 * b;
        uint32_t rest = load_u32(entry + 4);
        s->scale[2 * b] = s->scale[2 * b + 1] = (int)(2 * (rest >> 28) + 1);
        for (int i = 0; i < 4; i++) iq_signed8(iq2_xxs_grid[entry[i]], iq_signs(rest >> (7 * i) & 127), s->q + 32 * b + 8 * i);
    }
}

SUPERBLOCK_TO_F32(iq2_xxs, 66, false)
SUPERBLOCK_DOT(iq2_xxs, 66, 16, false)
SUPERBLOCK_UNPACK_ROW(iq2_xxs, 66)
