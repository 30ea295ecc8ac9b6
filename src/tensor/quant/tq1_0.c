/* TQ1_0: {u8 qs[48]; u8 qh[4]; f16 d}: five (qh: four) digits of base 3 in a byte, most significant first, stored as the fraction
 * digits / 243 of 256, rounded up: times 3 and the next digit stands above the byte. x = d * (digit - 1). */
#include "tensor/quant/ternary.h"

/* Runs of `width` bytes whose digits are elements `width` apart. */
static const struct run {
    int byte, width, digits, first;
} runs[3] = { { 0, 32, 5, 0 }, { 32, 16, 5, 160 }, { 48, 4, 4, 240 } };

void quant_tq1_0_unpack(const uint8_t *p, superblock *s) {
    ternary_scales(s, load_u16(p + 52));
    for (int r = 0; r < 3; r++) {
        const struct run *n = &runs[r];
        uint32_t power = 1;
        for (int digit = 0; digit < n->digits; digit++, power *= 3)
            for (int i = 0; i < n->width; i++)
                s->q[n->first + digit * n->width + i] = (int8_t)((((p[n->byte + i] * power) & 255) * 3 >> 8) - 1);
    }
}

void quant_tq1_0_from_f32(const float *src, void *dst, size_t n) {
    uint8_t *p = dst, q[SUPER];
    for (size_t at = 0; at < n; at += SUPER, p += 54) {
        uint16_t d = ternary_of(src + at, q);
        for (int r = 0; r < 3; r++)
            for (int i = 0; i < runs[r].width; i++) {
                int sum = 0;
                for (int digit = 0; digit < 5; digit++) sum = 3 * sum + (digit < runs[r].digits ? q[runs[r].first + digit * runs[r].width + i] : 0);
                p[runs[r].byte + i] = (uint8_t)((sum * 256 + 242) / 243);
            }
        store_u16(p + 52, d);
    }
}

SUPERBLOCK_TO_F32(tq1_0, 54, false)
SUPERBLOCK_DOT(tq1_0, 54, 16, false)
