/* From blocks as stored in a file to steps of panel_codes.h. */
#include "backend/cpu/panel_codes.h"
#include "tensor/quant/iq.h"
#include <string.h>

static void put_nvfp4(uint8_t *step, int r, const uint8_t *block) {
    for (int g = 0; g < 4; g++) step[16 * g + r] = block[g] == 0x7f ? 0 : block[g] & 0x7f; /* what quant/nvfp4.c reads of a scale */
    for (int i = 0; i < 8; i++) memcpy(step + 64 + 64 * i + 4 * r, block + 4 + 4 * i, 4);
}

static void put_ternary(uint8_t *step, int r, const uint8_t *block, int dwords) {
    memcpy(step + 2 * r, block + 4 * dwords, 2);
    for (int i = 0; i < dwords; i++) memcpy(step + CODES_TERNARY + 64 * i + 4 * r, block + 4 * i, 4);
}

static void codes_of(dtype t, const uint8_t *block, iq_codes *c) {
    switch (t) {
#define IQ_CASE(ENUM, name) case DTYPE_##ENUM: quant_##name##_codes(block, c); return;
        IQ_FORMATS(IQ_CASE)
#undef IQ_CASE
    default: return;
    }
}

static void put_indices(const iq_layout *l, uint8_t *step, int r, const uint16_t *index) {
    for (int k = r; k < l->indices; k += 16) {
        uint32_t v = index[k / 16], high = v >> 8;
        int q = k / (l->indices / 8), at = k % (l->indices / 8); /* an eighth of them has one place in the bits */
        step[l->low + k] = (uint8_t)v;
        if (l->has_two) step[l->two + q % 2 * (l->indices / 8) + at] |= (uint8_t)((high & 3) << (q / 2 * 2));
        if (l->has_one) step[l->one + at] |= (uint8_t)((l->has_two ? high >> 2 : high) << q);
    }
}

static void put_iq(dtype t, uint8_t *step, int r, const uint8_t *block) {
    const iq_layout l = iq_layout_of((int)t);
    iq_codes c = { 0 };
    codes_of(t, block, &c);
    memcpy(step + 2 * r, &c.d, 2);
    for (int i = 0; i < 16; i += l.fine ? 1 : 2) {
        int n = l.fine ? i : i / 2;
        step[CODES_D + n / 2 * 16 + r] |= (uint8_t)(c.scale[i] << (4 * (n % 2)));
    }
    put_indices(&l, step, r, c.index);
    for (int g = 0; g < 32 && is_iq1((int)t); g++) step[l.down + 2 * g + r / 8] |= (uint8_t)((c.down >> g & 1) << (r % 8));
    for (int v = 0; v < 64 && !is_iq1((int)t); v++) step[l.signs + 8 * v + r / 2] |= (uint8_t)((c.signs[v / 8] >> (4 * (v % 8)) & 15) << (4 * (r % 2)));
}

void panel_pack_codes(dtype t, uint8_t *step, int r, const uint8_t *block) {
    if (t == DTYPE_NVFP4) put_nvfp4(step, r, block);
    else if (t == DTYPE_TQ1_0 || t == DTYPE_TQ2_0) put_ternary(step, r, block, t == DTYPE_TQ1_0 ? 13 : 16);
    else put_iq(t, step, r, block);
}
