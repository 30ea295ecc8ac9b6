/* TQ2_0: {u8 qs[64]; f16 d}, two bits an element: x = d * (bits - 1). */
#include "tensor/quant/ternary.h"

void quant_tq2_0_unpack(const uint8_t *p, superblock *s) {
    ternary_scales(s, load_u16(p + 64));
    for (int half = 0; half < 2; half++)
        for (int k = 0; k < 4; k++)
            for (int i = 0; i < 32; i++) s->q[half * 128 + k * 32 + i] = (int8_t)((p[half * 32 + i] >> (2 * k) & 3) - 1);
}

void quant_tq2_0_from_f32(const float *src, void *dst, size_t n) {
    uint8_t *p = dst, q[SUPER];
    for (size_t at = 0; at < n; at += SUPER, p += 66) {
        store_u16(p + 64, ternary_of(src + at, q));
        for (int i = 0; i < 64; i++) {
            const uint8_t *from = q + i / 32 * 128 + i % 32;
            p[i] = (uint8_t)(from[0] | from[32] << 2 | from[64] << 4 | from[96] << 6);
        }
    }
}

SUPERBLOCK_TO_F32(tq2_0, 66, false)
SUPERBLOCK_DOT(tq2_0, 66, 16, false)
