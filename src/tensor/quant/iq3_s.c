/* IQ3_S: {f16 d; u8 q[64] (4 elements each); u8 qh[8] (a ninth bit of grid); u8 signs[32]; u8 scales[4] (4 bits for 32 elements)}:
 * x = d * (2 * scale + 1) * grid. */
#include "tensor/quant/iq.h"

static uint64_t entry_of(const uint8_t *p, int i) { return iq3_s_grid[p[2 + i] | (p[66 + i / 8] >> (i % 8) & 1) << 8]; }

void quant_iq3_s_unpack(const uint8_t *p, superblock *s) {
    s->d = f16_to_f32(load_u16(p));
    for (int b = 0; b < 8; b++) s->scale[2 * b] = s->scale[2 * b + 1] = 2 * (p[106 + b / 2] >> (4 * (b % 2)) & 15) + 1;
    for (int i = 0; i < 32; i++) iq_signed8(entry_of(p, 2 * i) | entry_of(p, 2 * i + 1) << 32, p[74 + i], s->q + 8 * i);
}

SUPERBLOCK_TO_F32(iq3_s, 110, false)
SUPERBLOCK_DOT(iq3_s, 110, 16, false)
SUPERBLOCK_UNPACK_ROW(iq3_s, 110)
