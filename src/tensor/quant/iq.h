/* What GGUF's IQ formats of one to three bits share: a codebook entry gives the magnitudes of 8 (or 4) elements, a bit each their
 * signs. The codebooks are data of the format (iq_grids.inc, made by make_iq_grids.py; see NOTICE). A format says how its blocks are read
 * into iq_codes; what those mean is the same for all, here and in panels (backend/cpu/panel_codes.h). */
#ifndef PINGTI_TENSOR_QUANT_IQ_H
#define PINGTI_TENSOR_QUANT_IQ_H
#include "tensor/quant/superblock.h"

extern const uint64_t iq2_xxs_grid[256], iq2_xs_grid[512], iq2_s_grid[1024], iq1_grid[2048];
extern const uint32_t iq3_xxs_grid[256], iq3_s_grid[512];

/* One block of 256: x = d * fraction * (2 * scale + 1) * element. */
typedef struct iq_codes {
    uint16_t d;                  /* f16 */
    uint16_t index[64];          /* entries of 8 elements (32 of them) or of 4 */
    uint32_t signs[SUPER / 32];  /* bit i: element i of 32 is negative; IQ1 has none */
    uint32_t down;               /* IQ1, bit i: the eighth of group i of 8 is taken off, not added */
    uint8_t scale[SUBS];
} iq_codes;

#define IQ_FORMATS(X)                                                                                                  \
    X(IQ2_XXS, iq2_xxs) X(IQ2_XS, iq2_xs) X(IQ2_S, iq2_s) X(IQ3_XXS, iq3_xxs) X(IQ3_S, iq3_s) X(IQ1_S, iq1_s) X(IQ1_M, iq1_m)
#define IQ_DECLARE(ENUM, name) void quant_##name##_codes(const uint8_t *p, iq_codes *c);
IQ_FORMATS(IQ_DECLARE)
#undef IQ_DECLARE

/* Seven signs of a group of eight are stored; the eighth makes their number even. */
static inline uint32_t iq_signs(uint32_t seven) { return seven | (uint32_t)__builtin_parity(seven) << 7; }

/* Four groups' seven signs and a 4-bit scale in one dword. */
static inline void iq_signs_and_scale(uint32_t rest, int b, iq_codes *c) {
    for (int i = 0; i < 4; i++) c->signs[b] |= iq_signs(rest >> (7 * i) & 127) << (8 * i);
    c->scale[2 * b] = c->scale[2 * b + 1] = (uint8_t)(rest >> 28);
}

/* Eight elements: bytes of `grid` that are not zero, negated where their bit of `signs` is set; all at once in one register. */
static inline void iq_signed8(uint64_t grid, uint32_t signs, int8_t *out) {
    uint64_t bits = signs * UINT64_C(0x0101010101010101) & UINT64_C(0x8040201008040201);
    uint64_t one = (bits + UINT64_C(0x7f7f7f7f7f7f7f7f)) >> 7 & UINT64_C(0x0101010101010101), v = (grid ^ one * 255) + one;
    __builtin_memcpy(out, &v, sizeof v);
}

static inline void iq_scales(const iq_codes *c, float fraction, superblock *s) {
    s->d = f16_to_f32(c->d) * fraction;
    for (int i = 0; i < SUBS; i++) s->scale[i] = 2 * c->scale[i] + 1;
}

/* The fraction of a format's scales. */
enum { IQ2_PARTS = 8, IQ3_XXS_PARTS = 4, IQ3_S_PARTS = 1, IQ1_PARTS = 8 };

#define IQ_UNPACK8(name, grid)                                                                                         \
    void quant_##name##_unpack(const uint8_t *p, superblock *s) {                                                      \
        iq_codes c;                                                                                                    \
        quant_##name##_codes(p, &c);                                                                                   \
        iq_scales(&c, 1.0f / IQ2_PARTS, s);                                                                            \
        for (int i = 0; i < 32; i++) iq_signed8(grid[c.index[i]], c.signs[i / 4] >> (8 * (i % 4)) & 255, s->q + 8 * i); \
    }

#define IQ_UNPACK4(name, grid, parts)                                                                                  \
    void quant_##name##_unpack(const uint8_t *p, superblock *s) {                                                      \
        iq_codes c;                                                                                                    \
        quant_##name##_codes(p, &c);                                                                                   \
        iq_scales(&c, 1.0f / (parts), s);                                                                              \
        for (int i = 0; i < 32; i++)                                                                                   \
            iq_signed8(grid[c.index[2 * i]] | (uint64_t)grid[c.index[2 * i + 1]] << 32, c.signs[i / 4] >> (8 * (i % 4)) & 255, s->q + 8 * i); \
    }

/* IQ1: elements of -1, 0, 1, each moved by an eighth up or down, as eighths. */
#define IQ_UNPACK1(name)                                                                                               \
    void quant_##name##_unpack(const uint8_t *p, superblock *s) {                                                      \
        iq_codes c;                                                                                                    \
        quant_##name##_codes(p, &c);                                                                                   \
        iq_scales(&c, 1.0f / IQ1_PARTS, s);                                                                            \
        for (int i = 0; i < SUPER; i++) {                                                                              \
            int8_t g = (int8_t)(iq1_grid[c.index[i / 8]] >> (8 * (i % 8)) & 255);                                      \
            s->q[i] = (int8_t)(8 * g + (c.down >> (i / 8) & 1 ? -1 : 1));                                              \
        }                                                                                                              \
    }
#endif
