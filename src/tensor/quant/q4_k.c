/* Q4_K: {f16 d; f16 dmin; u8 scales[12]; u8 qs[128]}: 64 elements share 32 bytes, low nibbles first. */
#include "tensor/quant/k_scales.h"

void quant_q4_k_unpack(const uint8_t *p, superblock *s) {
    s->d = f16_to_f32(load_u16(p));
    s->dmin = f16_to_f32(load_u16(p + 2));
    unpack_k_scales(p + 4, s);
    for (int g = 0; g < 4; g++)
        for (int i = 0; i < 32; i++) {
            s->q[g * 64 + i] = (int8_t)(p[16 + g * 32 + i] & 15);
            s->q[g * 64 + 32 + i] = (int8_t)(p[16 + g * 32 + i] >> 4);
        }
}

SUPERBLOCK_TO_F32(q4_k, 144, true)
SUPERBLOCK_DOT(q4_k, 144, 32, true)
