/* Q5_K: {f16 d; f16 dmin; u8 scales[12]; u8 qh[32]; u8 qs[128]}: Q4_K with a fifth bit. */
#include "tensor/quant/k_scales.h"

void quant_q5_k_unpack(const uint8_t *p, superblock *s) {
    s->d = f16_to_f32(load_u16(p));
    s->dmin = f16_to_f32(load_u16(p + 2));
    unpack_k_scales(p + 4, s);
    for (int g = 0; g < 4; g++)
        for (int i = 0; i < 32; i++) {
            int high = p[16 + i] >> (2 * g);
            s->q[g * 64 + i] = (int8_t)((p[48 + g * 32 + i] & 15) | (high & 1) << 4);
            s->q[g * 64 + 32 + i] = (int8_t)(p[48 + g * 32 + i] >> 4 | (high & 2) << 3);
        }
}

SUPERBLOCK_TO_F32(q5_k, 176, true)
SUPERBLOCK_DOT(q5_k, 176, 32, true)
