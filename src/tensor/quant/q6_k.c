/* Q6_K: {u8 ql[128]; u8 qh[64]; i8 scales[16]; f16 d}: four low and two high bits, minus 32. */
#include "tensor/quant/superblock.h"

void quant_q6_k_unpack(const uint8_t *p, superblock *s) {
    const uint8_t *ql = p, *qh = p + 128;
    s->d = f16_to_f32(load_u16(p + 208));
    for (int i = 0; i < SUBS; i++) s->scale[i] = ((const int8_t *)p)[192 + i];
    for (int half = 0; half < 2; half++)
        for (int i = 0; i < 32; i++) {
            int a = ql[half * 64 + i], b = ql[half * 64 + 32 + i], h = qh[half * 32 + i];
            int8_t *q = s->q + half * 128 + i;
            q[0] = (int8_t)(((a & 15) | (h & 3) << 4) - 32);
            q[32] = (int8_t)(((b & 15) | (h >> 2 & 3) << 4) - 32);
            q[64] = (int8_t)((a >> 4 | (h >> 4 & 3) << 4) - 32);
            q[96] = (int8_t)((b >> 4 | (h >> 6 & 3) << 4) - 32);
        }
}

SUPERBLOCK_TO_F32(q6_k, 210, false)
SUPERBLOCK_DOT(q6_k, 210, 16, false)
