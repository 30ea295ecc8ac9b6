/* What GGUF's IQ formats of one to three bits share: a codebook entry gives the magnitudes of 8 (or 4) elements, a bit each their
 * signs. The codebooks are data of the format (iq_grids.inc, made by make_iq_grids.py; see NOTICE). */
#ifndef PINGTI_TENSOR_QUANT_IQ_H
#define PINGTI_TENSOR_QUANT_IQ_H
#include "tensor/quant/superblock.h"

extern const uint64_t iq2_xxs_grid[256], iq2_xs_grid[512], iq2_s_grid[1024], iq1_grid[2048];
extern const uint32_t iq3_xxs_grid[256], iq3_s_grid[512];

static inline uint32_t load_u32(const void *p) {
    uint32_t v;
    __builtin_memcpy(&v, p, sizeof v);
    return v;
}

/* Seven signs of a group of eight are stored; the eighth makes their number even. */
static inline uint32_t iq_signs(uint32_t seven) { return seven | (uint32_t)__builtin_parity(seven) << 7; }

/* Eight elements: bytes of `grid` that are not zero, negated where their bit of `signs` is set; all at once in one register. */
static inline void iq_signed8(uint64_t grid, uint32_t signs, int8_t *out) {
    uint64_t bits = signs * UINT64_C(0x0101010101010101) & UINT64_C(0x8040201008040201);
    uint64_t one = (bits + UINT64_C(0x7f7f7f7f7f7f7f7f)) >> 7 & UINT64_C(0x0101010101010101), v = (grid ^ one * 255) + one;
    __builtin_memcpy(out, &v, sizeof v);
}

/* IQ1: eight elements of -1, 0, 1, each moved by an eighth up or down, as eighths. */
static inline void iq1_eighths(uint32_t entry, bool down, int8_t *out) {
    int8_t grid[8];
    __builtin_memcpy(grid, &iq1_grid[entry], sizeof grid);
    for (int i = 0; i < 8; i++) out[i] = (int8_t)(8 * grid[i] + (down ? -1 : 1));
}
#endif
