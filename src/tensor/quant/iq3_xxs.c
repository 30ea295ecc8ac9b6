/* IQ3_XXS: {f16 d; u8 grid[64] (4 elements each); 8 x u32 of 4 x 7 signs and a 4-bit scale}: x = d * (2 * scale + 1) / 4 * grid. */
#include "tensor/quant/iq.h"

void quant_iq3_xxs_codes(const uint8_t *p, iq_codes *c) {
    *c = (iq_codes){ .d = load_u16(p) };
    for (int i = 0; i < 64; i++) c->index[i] = p[2 + i];
    for (int b = 0; b < 8; b++) iq_signs_and_scale(load_u32(p + 66 + 4 * b), b, c);
}

IQ_UNPACK4(iq3_xxs, iq3_xxs_grid, IQ3_XXS_PARTS)
SUPERBLOCK_TO_F32(iq3_xxs, 98, false)
SUPERBLOCK_DOT(iq3_xxs, 98, 16, false)
