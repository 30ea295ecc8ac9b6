/* Q2_K: {u8 scales[16] (low 4 bits scale, high 4 bits min); u8 qs[64]; f16 d; f16 dmin}, two bits an element. */
#include "tensor/quant/superblock.h"

void quant_q2_k_unpack(const uint8_t *p, superblock *s) {
    s->d = f16_to_f32(load_u16(p + 80));
    s->dmin = f16_to_f32(load_u16(p + 82));
    for (int i = 0; i < SUBS; i++) {
        s->scale[i] = p[i] & 15;
        s->min[i] = p[i] >> 4;
    }
    for (int half = 0; half < 2; half++)
        for (int shift = 0; shift < 4; shift++)
            for (int i = 0; i < 32; i++) s->q[half * 128 + shift * 32 + i] = (int8_t)(p[16 + half * 32 + i] >> (2 * shift) & 3);
}

SUPERBLOCK_TO_F32(q2_k, 84, true)
SUPERBLOCK_DOT(q2_k, 84, 16, true)
