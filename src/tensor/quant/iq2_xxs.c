/* IQ2_XXS: {f16 d; 8 x {u8 grid[4]; u32 of 4 x 7 signs and a 4-bit scale}}: x = d * (2 * scale + 1) / 8 * grid, 32 elements a scale. */
#include "tensor/quant/iq.h"

void quant_iq2_xxs_codes(const uint8_t *p, iq_codes *c) {
    *c = (iq_codes){ .d = load_u16(p) };
    for (int b = 0; b < 8; b++) {
        const uint8_t *entry = p + 2 + 8 * b;
        for (int i = 0; i < 4; i++) c->index[4 * b + i] = entry[i];
        iq_signs_and_scale(load_u32(entry + 4), b, c);
    }
}

IQ_UNPACK8(iq2_xxs, iq2_xxs_grid)
SUPERBLOCK_TO_F32(iq2_xxs, 66, false)
SUPERBLOCK_DOT(iq2_xxs, 66, 16, false)
