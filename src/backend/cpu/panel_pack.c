/* From rows as stored in a file to panels. Every format is a list of moves from a step's blocks of one row to the places of that row. */
#include "backend/cpu/panel.h"
#include "backend/cpu/panel_codes.h"
#include "base/mem.h"
#include "tensor/quant/superblock.h"
#include <string.h>

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

/* Formats of blocks of 32: `halves` f16 values (d, then m), then a dword of fifth bits in some, then quants. Two blocks a step. */
typedef struct simple_layout {
    int halves, fifth, dwords;
} simple_layout;

static simple_layout simple_of(dtype t) {
    bool m = t == DTYPE_Q4_1 || t == DTYPE_Q5_1, fifth = t == DTYPE_Q5_0 || t == DTYPE_Q5_1;
    return (simple_layout){ m ? 2 : 1, fifth, t == DTYPE_Q8_0 ? 8 : 4 };
}

/* Bit i of the file's dword is the fifth bit of element i = 4j + byte; in a panel it is bit 8 * byte + j. */
static uint32_t spread_fifths(uint32_t file) {
    uint32_t out = 0;
    for (int i = 0; i < 32; i++) out |= (file >> i & 1) << (8 * (i % 4) + i / 4);
    return out;
}

static void pack_simple(dtype t, uint8_t *step, int r, const uint8_t *row, int blocks) {
    simple_layout l = simple_of(t);
    size_t bytes = (size_t)(2 * l.halves + 4 * l.fifth + 4 * l.dwords), fifths = (size_t)l.halves * 64, quants = fifths + (size_t)l.fifth * 128;
    for (int b = 0; b < blocks; b++, row += bytes) {
        const uint8_t *q = row + 2 * l.halves + 4 * l.fifth;
        uint8_t flipped[32];
        for (int i = 0; i < l.halves; i++) put2(step, (size_t)(64 * i + 32 * b), r, row + 2 * i);
        if (l.fifth) {
            uint32_t high;
            memcpy(&high, row + 2 * l.halves, sizeof high);
            high = spread_fifths(high);
            put4s(step, fifths + (size_t)(64 * b), r, (const uint8_t *)&high, 1);
        }
        if (t == DTYPE_Q8_0) {
            for (int i = 0; i < 32; i++) flipped[i] = q[i] ^ 0x80;
            q = flipped;
        }
        put4s(step, quants + (size_t)(64 * l.dwords * b), r, q, l.dwords);
    }
}

/* Six-bit scales in twelve bytes become sixteen signed bytes. */
static void pack_q3_k_scales(uint8_t *step, int r, const uint8_t *row) {
    superblock s = { 0 };
    quant_q3_k_unpack(row, &s);
    for (int i = 0; i < SUBS; i++) step[64 + 16 * i + r] = (uint8_t)s.scale[i];
}

/* 64 bytes of low bits per row and step half, 32 of high bits: in the order in which a tile reads them, so that reading is one ascending
 * stream of memory: low 4j and high 4j in turn, then the other low ones. */
static void put_half(uint8_t *step, size_t at, int r, const uint8_t *low, const uint8_t *high, int n_lows) {
    for (size_t j = 0; j < 8; j++) {
        put4s(step, at + 128 * j, r, low + 4 * j, 1);
        put4s(step, at + 128 * j + 64, r, high + 4 * j, 1);
    }
    if (n_lows == 2) put4s(step, at + 1024, r, low + 32, 8);
}

static void pack_super(dtype t, uint8_t *step, int r, const uint8_t *row) {
    switch (t) {
    case DTYPE_Q2_K:
        put2(step, 0, r, row + 80), put2(step, 32, r, row + 82), put1s(step, 64, r, row, 16), put4s(step, 320, r, row + 16, 16);
        break;
    case DTYPE_Q3_K:
        put2(step, 0, r, row + 108), pack_q3_k_scales(step, r, row);
        put_half(step, 320, r, row + 32, row, 1), put4s(step, 1344, r, row + 64, 8);
        break;
    case DTYPE_Q4_K:
        put2(step, 0, r, row), put2(step, 32, r, row + 2), put1s(step, 64, r, row + 4, 12), put4s(step, 256, r, row + 16, 32);
        break;
    case DTYPE_Q5_K:
        put2(step, 0, r, row), put2(step, 32, r, row + 2), put1s(step, 64, r, row + 4, 12), put4s(step, 256, r, row + 16, 40);
        break;
    case DTYPE_Q6_K:
        put2(step, 0, r, row + 208), put1s(step, 64, r, row + 192, 16);
        put_half(step, 320, r, row, row + 128, 2), put_half(step, 1856, r, row + 64, row + 160, 2);
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
