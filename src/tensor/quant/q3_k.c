/* Q3_K: {u8 hmask[32]; u8 qs[64]; u8 scales[12] (six bits each, minus 32); f16 d}: two low bits and one high bit, minus 4. */
#include "tensor/quant/superblock.h"

void quant_q3_k_unpack(const uint8_t *p, superblock *s) {
    const uint8_t *mask = p, *q = p + 32, *packed = p + 96;
    s->d = f16_to_f32(load_u16(p + 108));
    for (int i = 0; i < SUBS; i++) {
        int low = i < 8 ? packed[i] & 15 : packed[i - 8] >> 4, high = packed[8 + i % 4] >> (2 * (i / 4)) & 3;
        s->scale[i] = (low | high << 4) - 32;
    }
    for (int half = 0; half < 2; half++)
        for (int shift = 0; shift < 4; shift++)
            for (int i = 0; i < 32; i++) {
                int bit = mask[i] >> (half * 4 + shift) & 1;
                s->q[half * 128 + shift * 32 + i] = (int8_t)((q[half * 32 + i] >> (2 * shift) & 3) - (bit ? 0 : 4));
            }
}

SUPERBLOCK_TO_F32(q3_k, 110, false)
SUPERBLOCK_DOT(q3_k, 110, 16, false)
