/* From rows as stored in a file to panels. Every format is a list of moves from a step's blocks of one row to the places of that row. */
#include "backend/cpu/panel.h"
#include "backend/cpu/panel_codes.h"
#include "base/mem.h"
#include "tensor/quant/superblock.h"
#include <string.h>

#define INLINE static inline __attribute__((always_inline)) /* with a constant format */

static const panel_shape shapes[PANEL_FORMATS] = {
    [DTYPE_F16] = { 32, 1, 64 },       [DTYPE_BF16] = { 32, 2, 128 },     [DTYPE_Q8_0] = { 16, 64, 1088 },   [DTYPE_Q4_0] = { 16, 64, 576 },
    [DTYPE_Q4_1] = { 16, 64, 640 },    [DTYPE_Q5_0] = { 16, 64, 704 },    [DTYPE_Q5_1] = { 16, 64, 768 },    [DTYPE_IQ4_NL] = { 16, 64, 576 },
    [DTYPE_Q2_K] = { 16, 256, 1344 },  [DTYPE_Q3_K] = { 16, 256, 1856 },  [DTYPE_Q4_K] = { 16, 256, 2304 },  [DTYPE_Q5_K] = { 16, 256, 2816 },
    [DTYPE_Q6_K] = { 16, 256, 3392 },  [DTYPE_IQ4_XS] = { 16, 256, 2176 }, [DTYPE_MXFP4] = { 16, 64, 576 },
    [DTYPE_NVFP4] = { 16, 64, 576 },   [DTYPE_TQ1_0] = { 16, 256, 864 },  [DTYPE_TQ2_0] = { 16, 256, 1056 }, [DTYPE_IQ2_XXS] = { 16, 256, 1120 },
    [DTYPE_IQ2_XS] = { 16, 256, 1248 }, [DTYPE_IQ2_S] = { 16, 256, 1312 }, [DTYPE_IQ3_XXS] = { 16, 256, 1632 }, [DTYPE_IQ3_S] = { 16, 256, 1760 },
    [DTYPE_IQ1_S] = { 16, 256, 864 },  [DTYPE_IQ1_M] = { 16, 256, 928 },  [DTYPE_UNPACKED] = { 16, 64, 1280 },
};

panel_shape panel_shape_of(int t) { return shapes[t]; }

static uint64_t steps_of(const tensor *w) { return (w->cols + shapes[w->type].step - 1) / shapes[w->type].step; }

uint64_t panel_bytes(const tensor *w) { return (steps_of(w) * shapes[w->type].step_bytes + 63) & ~UINT64_C(63); }

uint64_t panel_count(const tensor *w) { return (w->rows + shapes[w->type].rows - 1) / shapes[w->type].rows; }

/* Places of row r in a step: arrays of 2 bytes, of 1 byte, and of dwords, `at` bytes from the step's beginning. */
static void put2(uint8_t *step, size_t at, int r, const uint8_t *from) { memcpy(step + at + 2 * (size_t)r, from, 2); }
static void put1s(uint8_t *step, size_t at, int r, const uint8_t *from, int n) {
    for (int i = 0; i < n; i++) step[at + (size_t)(16 * i + r)] = from[i];
}
static void put4s(uint8_t *step, size_t at, int r, const uint8_t *from, int n) {
    for (int i = 0; i < n; i++) memcpy(step + at + 64 * (size_t)i + 4 * (size_t)r, from + 4 * i, 4);
}

/* Quants 4j..4j+3 of a row's block b as bytes, from zero on; of super-blocks the eight blocks of one. */
INLINE uint32_t four_quants(dtype t, const uint8_t *row, int b, int j) {
    const uint32_t four = 0x01010101u;
    const uint8_t *q = row, *high = row;
    switch (t) {
    case DTYPE_Q4_K: return load_u32(row + 16 + b / 2 * 32 + 4 * j) >> 4 * (b % 2) & 15 * four;
    case DTYPE_Q5_K: return (load_u32(row + 48 + b / 2 * 32 + 4 * j) >> 4 * (b % 2) & 15 * four) | (load_u32(row + 16 + 4 * j) >> b & four) << 4;
    case DTYPE_Q6_K:
        q += b / 4 * 64 + b % 2 * 32, high += 128 + b / 4 * 32;
        return (load_u32(q + 4 * j) >> 2 * (b & 2) & 15 * four) | (load_u32(high + 4 * j) >> 2 * (b % 4) & 3 * four) << 4;
    default: break;
    }
    bool fifth = t == DTYPE_Q5_0 || t == DTYPE_Q5_1;
    q += (size_t)b * dtype_block_bytes(t) + (t == DTYPE_Q4_1 || t == DTYPE_Q5_1 ? 4 : 2);
    uint32_t v = load_u32(q + (fifth ? 4 : 0) + 4 * (j % 4)) >> j / 4 * 4 & 15 * four;
    return fifth ? v | ((load_u32(q) >> 4 * j & 15) * 0x00204081u & four) << 4 : v;
}

/* Blocks b and b + 1 of a row in the same bytes, of `bits` bits each: the first's lower four bits below, the second's upper four above, and of
 * the bits between, which stand in the middle of a byte when one makes quants of it (panel_tile.inc), a dword before two or four others, each
 * with its bits in other places: a tile turns them back by one shift. */
INLINE void put_pair(dtype t, uint8_t *to, int r, const uint8_t *row, int b, bool last, int bits) {
    const uint32_t low = 0x0f0f0f0fu, up = 8u - (uint32_t)bits;
    const int per = bits == 5 ? 4 : 2;
    uint32_t middle = 0;
    to += 4 * r;
    for (int j = 0; j < 8; j++) {
        uint32_t first = four_quants(t, row, b, j), second = last ? 0 : four_quants(t, row, b + 1, j) << up;
        uint32_t between = (first & ~low) | (second & low), v = (first & low) | (second & ~low);
        int place = j % per;
        if (place == 0) middle |= between;
        else if (bits == 5 && place < 3) middle |= place == 1 ? between >> 2 : between << 2;
        else middle |= (between & ~low) << (bits == 5 ? 3 : 2) | (between & low) >> (bits == 5 ? 3 : 2);
        store_u32(to + 64 * (bits == 4 ? j : j + j / per + 1), v);
        if (bits > 4 && place == per - 1) {
            store_u32(to + 64 * (j / per * (per + 1)), middle);
            middle = 0;
        }
    }
}

INLINE void put_pairs(dtype t, uint8_t *to, int r, const uint8_t *row, int blocks, int bits) {
    for (int b = 0; b < blocks; b += 2) put_pair(t, to + b / 2 * bits * 128, r, row, b, b + 1 == blocks, bits);
}

/* Formats of blocks of 32, two a step: `halves` f16 values (d, then m), then quants. */
static void pack_simple(dtype t, uint8_t *step, int r, const uint8_t *row, int blocks) {
    int halves = t == DTYPE_Q4_1 || t == DTYPE_Q5_1 ? 2 : 1;
    size_t bytes = dtype_block_bytes(t);
    for (int b = 0; b < blocks; b++)
        for (int i = 0; i < halves; i++) put2(step, (size_t)(64 * i + 32 * b), r, row + (size_t)b * bytes + 2 * i);
    switch (t) {
    case DTYPE_Q4_0: put_pairs(DTYPE_Q4_0, step + 64, r, row, blocks, 4); break;
    case DTYPE_Q4_1: put_pairs(DTYPE_Q4_1, step + 128, r, row, blocks, 4); break;
    case DTYPE_Q5_0: put_pairs(DTYPE_Q5_0, step + 64, r, row, blocks, 5); break;
    case DTYPE_Q5_1: put_pairs(DTYPE_Q5_1, step + 128, r, row, blocks, 5); break;
    case DTYPE_Q8_0:
        for (int b = 0; b < blocks; b++)
            for (int j = 0; j < 8; j++) store_u32(step + 64 + 64 * (8 * b + j) + 4 * r, load_u32(row + (size_t)b * bytes + 2 + 4 * j) ^ 0x80808080u);
        break;
    default: /* IQ4_NL */
        for (int b = 0; b < blocks; b++) put4s(step, (size_t)(64 + 256 * b), r, row + (size_t)b * bytes + 2, 4);
    }
}

/* Six-bit scales in twelve bytes become sixteen signed bytes. */
static void pack_q3_k_scales(uint8_t *step, int r, const uint8_t *row) {
    superblock s = { 0 };
    quant_q3_k_unpack(row, &s);
    for (int i = 0; i < SUBS; i++) step[64 + 16 * i + r] = (uint8_t)s.scale[i];
}

static void pack_super(dtype t, uint8_t *step, int r, const uint8_t *row) {
    switch (t) {
    case DTYPE_Q2_K:
        put2(step, 0, r, row + 80), put2(step, 32, r, row + 82), put1s(step, 64, r, row, 16), put4s(step, 320, r, row + 16, 16);
        break;
    case DTYPE_Q3_K:
        put2(step, 0, r, row + 108), pack_q3_k_scales(step, r, row);
        for (size_t j = 0; j < 8; j++) { /* in the order in which a tile reads them: two bits of the first half and third bits in turn */
            put4s(step, 320 + 128 * j, r, row + 32 + 4 * j, 1);
            put4s(step, 384 + 128 * j, r, row + 4 * j, 1);
        }
        put4s(step, 1344, r, row + 64, 8);
        break;
    case DTYPE_Q4_K:
        put2(step, 0, r, row), put2(step, 32, r, row + 2), put1s(step, 64, r, row + 4, 12);
        put_pairs(DTYPE_Q4_K, step + 256, r, row, 8, 4);
        break;
    case DTYPE_Q5_K:
        put2(step, 0, r, row), put2(step, 32, r, row + 2), put1s(step, 64, r, row + 4, 12);
        put_pairs(DTYPE_Q5_K, step + 256, r, row, 8, 5);
        break;
    case DTYPE_Q6_K:
        put2(step, 0, r, row + 208), put1s(step, 64, r, row + 192, 16);
        put_pairs(DTYPE_Q6_K, step + 320, r, row, 8, 6);
        break;
    default: /* IQ4_XS */
        put2(step, 0, r, row), put2(step, 32, r, row + 2), put1s(step, 64, r, row + 4, 4), put4s(step, 128, r, row + 8, 32);
    }
}

/* Blocks of 32: bfloat16 scales, which hold every power of two of E8M0's, halved since levels are doubled. */
static void pack_mxfp4(uint8_t *step, int r, const uint8_t *row, int blocks) {
    for (int b = 0; b < blocks; b++, row += 17) {
        uint16_t scale = row[0] < 2 ? (uint16_t)(0x20 << row[0]) : (uint16_t)((row[0] - 1) << 7);
        put2(step, (size_t)(32 * b), r, (const uint8_t *)&scale);
        put4s(step, (size_t)(64 + 256 * b), r, row + 1, 4);
    }
}

static void pack_floats(dtype t, uint8_t *panel, int r, const uint8_t *row, uint64_t cols) {
    for (uint64_t k = 0; k < cols; k++, row += 2) {
        uint64_t at = t == DTYPE_F16 ? 64 * k + 2 * (uint64_t)r : 128 * (k / 2) + 4 * (uint64_t)r + 2 * (k % 2);
        uint16_t h = load_u16(row);
        store_u16(panel + at, t == DTYPE_BF16 ? bf16_flushed(h) : h);
    }
}

static void pack_row(const tensor *w, uint8_t *panel, int r, const uint8_t *row) {
    panel_shape s = shapes[w->type];
    if (s.rows == 32) {
        pack_floats(w->type, panel, r, row, w->cols);
        return;
    }
    uint64_t row_step = s.step / dtype_block_elems(w->type) * dtype_block_bytes(w->type);
    for (uint64_t k = 0; k < w->cols; k += s.step, panel += s.step_bytes, row += row_step) {
        if (has_codes(w->type)) panel_pack_codes(w->type, panel, r, row);
        else if (w->type == DTYPE_MXFP4) pack_mxfp4(panel, r, row, w->cols - k < 64 ? 1 : 2);
        else if (s.step == 256) pack_super(w->type, panel, r, row);
        else pack_simple(w->type, panel, r, row, w->cols - k < 64 ? 1 : 2);
    }
}

void panel_pack(const tensor *w, uint64_t i, uint64_t from, uint64_t to, void *dst) {
    uint64_t bytes = panel_bytes(w), rows = shapes[w->type].rows;
    uint8_t *panel = dst, *made = w->grouped ? mem_must(w->cols, sizeof(float)) : NULL;
    memset(panel, 0, (to - from) * bytes);
    for (uint64_t p = from; p < to; p++, panel += bytes)
        for (uint64_t r = 0; r < rows && p * rows + r < w->rows; r++) pack_row(w, panel, (int)r, tensor_row_blocks(w, i, p * rows + r, made));
    free(made);
}
