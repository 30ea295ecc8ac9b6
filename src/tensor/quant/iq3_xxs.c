/* IQ3_XXS: {f16 d; u8 grid[64] (4 elements each); 8 x u32 of 4 x 7 signs and a 4-bit scale}: x = d * (2 * scale + 1) / 4 * grid. */
#include "tensor/quant/iq.h"

void quant_iq3_xxs_unpack(const uint8_t *p, superblock *s) {
    s->d = f16_to_f32(load_u16(p)) * 0.25f;
    for (int b = 0; b < 8; b++) {
        uint32_t rest = load_u32(p + 66 + 4 * b);
        s->scale[2 * b] = s->scale[2 * b + 1] = (int)(2 * (rest >> 28) + 1);
        for (int i = 0; i < 4; i++) {
            const uint8_t *entry = p + 2 + 8 * b + 2 * i;
            iq_signed8(iq3_xxs_grid[entry[0]] | (uint64_t)iq3_xxs_grid[entry[1]] << 32, iq_signs(rest >> (7 * i) & 127), s->q + 32 * b + 8 * i);
        }
    }
}

SUPERBLOCK_TO_F32(iq3_xxs, 98, false)
SUPERBLOCK_DOT(iq3_xxs, 98, 16, false)
SUPERBLOCK_UNPACK_ROW(iq3_xxs, 98)
