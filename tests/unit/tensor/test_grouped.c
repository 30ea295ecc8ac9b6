/* Matrices as GPTQ, AWQ and compressed-tensors store them: the words that their packers write for known fields, every layout against its
 * definition bit by bit, and blocks that hold the same values as the f32 rows. */
#include "unit/check.h"
#include "base/rng.h"
#include "tensor/quant.h"
#include "tensor/tensor.h"
#include <math.h>

enum { ROWS = 32, COLS = 64, GROUP = 32, GROUPS = COLS / GROUP };

static uint64_t draws;
static uint32_t below(uint32_t n) { return (uint32_t)(rng_uniform(23, draws++, 0) * n); }

static uint16_t ones[ROWS * GROUPS]; /* f16 scales of 1 */

static grouped plain(grouped_layout layout, uint32_t bits, const void *q) {
    for (int i = 0; i < ROWS * GROUPS; i++) ones[i] = 0x3c00;
    return (grouped){ .layout = layout, .bits = bits, .rows = ROWS, .cols = COLS, .q = q, .group = GROUP, .groups = GROUPS, .scale = ones, .scale_rows = 1,
                      .scale_row_step = GROUPS, .scale_group_step = 1, .divisor = 1 };
}

/* AutoGPTQ packs rows 0..7 of a column, holding 0..7, as 0x76543210; AutoAWQ columns 0..7 of a row as 0x75316420. */
static void words_of_the_packers(void **state) {
    (void)state;
    static uint32_t words[COLS * ROWS / 8];
    float row[COLS];
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) words[i] = 0x76543210;
    grouped g = plain(GROUPED_DOWN, 4, words);
    grouped_row_to_f32(&g, 3, row);
    for (int k = 0; k < COLS; k++) assert_true(row[k] == (float)(k % 8));
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) words[i] = 0x75316420;
    g = plain(GROUPED_AWQ, 4, words);
    for (uint64_t r = 0; r < ROWS; r++) {
        grouped_row_to_f32(&g, r, row);
        for (int k = 0; k < COLS; k++) assert_true(row[k] == (float)(r % 8));
    }
}

static uint32_t bit_at(const uint32_t *words, uint64_t step, uint64_t first, uint64_t bit) { return words[first + bit / 32 * step] >> (bit % 32) & 1; }

/* Field i of a dense run, one bit after another. */
static uint32_t field_at(const uint32_t *words, uint64_t step, uint64_t first, uint64_t i, uint32_t bits) {
    uint32_t v = 0;
    for (uint32_t b = 0; b < bits; b++) v |= bit_at(words, step, first, i * bits + b) << b;
    return v;
}

static void check_blocks(grouped *g, dtype t, const float *row, uint64_t r) {
    float back[COLS], want[COLS];
    uint8_t memory[COLS * 4];
    quant_of(t)->to_f32((grouped_row_blocks(g, r, t, memory), memory), back, COLS);
    for (int k = 0; k < COLS; k++) want[k] = row[g->order ? g->order[k] : (uint32_t)k];
    for (int k = 0; k < COLS; k++) assert_true(back[k] == want[k]);
}

/* Random words, scales and zero points; GPTQ with columns in any group. */
static void layouts_are_their_definition(void **state) {
    (void)state;
    static uint32_t words[COLS * ROWS], zeros[GROUPS * ROWS];
    static uint16_t scale[GROUPS * ROWS];
    static int32_t group_of[COLS];
    static uint32_t order[COLS];
    for (int round = 0; round < 200; round++) {
        uint32_t bits = 1 + below(8);
        bool down = below(2), ordered = below(2), centred = below(2);
        for (int i = 0; i < COLS * ROWS; i++) words[i] = below(65536) << 16 | below(65536);
        for (int i = 0; i < GROUPS * ROWS; i++) zeros[i] = below(65536) << 16 | below(65536), scale[i] = (uint16_t)(0x2c00 + below(0x800));
        for (int k = 0; k < COLS; k++) group_of[k] = ordered ? (int)((k * 7 + 3) % COLS / GROUP) : k / GROUP;
        grouped g = plain(down ? GROUPED_DOWN : GROUPED_ALONG, bits, words);
        g.scale = scale;
        g.zero_kind = centred ? ZEROS_CONSTANT : down ? ZEROS_ACROSS : ZEROS_DOWN;
        g.zero_base = centred ? 1 << (bits - 1) : (int)down;
        g.zeros = zeros;
        g.group_of = group_of;
        assert_true(grouped_order(&g, order));
        g.order = order;
        if (!ordered)
            for (int k = 0; k < COLS; k++) assert_int_equal(order[k], k);
        dtype t = grouped_type(&g);
        assert_int_equal(t, bits < 4 || (bits == 4 && centred) ? DTYPE_Q4_0 : bits == 4 ? DTYPE_Q5_0 : bits < 8 || centred ? DTYPE_Q8_0 : DTYPE_F32);
        for (uint64_t r = 0; r < ROWS; r++) {
            float row[COLS];
            grouped_row_to_f32(&g, r, row);
            for (uint64_t k = 0; k < COLS; k++) {
                uint64_t i = (uint64_t)group_of[k];
                int field = (int)(down ? field_at(words, ROWS, r, k, bits) : field_at(words, 1, r * COLS * bits / 32, k, bits));
                int zero = (int)g.zero_base;
                if (!centred) zero += (int)(down ? field_at(zeros, 1, i * ROWS * bits / 32, r, bits) : field_at(zeros, GROUPS, i, r, bits));
                assert_true(row[k] == f16_to_f32(scale[r * GROUPS + i]) * (float)(field - zero));
            }
            if (t != DTYPE_F32) check_blocks(&g, t, row, r);
        }
    }
}

static void bytes_and_fp4(void **state) {
    (void)state;
    static uint8_t q[ROWS * COLS], e8m0[ROWS * GROUPS];
    float row[COLS];
    for (int i = 0; i < ROWS * COLS; i++) q[i] = (uint8_t)below(256);
    for (int i = 0; i < ROWS * GROUPS; i++) e8m0[i] = (uint8_t)(i ? 100 + below(50) : 0);
    grouped g = plain(GROUPED_BYTES, 8, q);
    assert_int_equal(grouped_type(&g), DTYPE_Q8_0);
    grouped_row_to_f32(&g, 5, row);
    assert_true(row[7] == (float)(int8_t)q[5 * COLS + 7]);
    check_blocks(&g, DTYPE_Q8_0, row, 5);
    g = plain(GROUPED_FP4, 4, q);
    g.scale = e8m0;
    g.scale_type = SCALE_E8M0;
    assert_int_equal(grouped_type(&g), DTYPE_MXFP4);
    grouped_row_to_f32(&g, 0, row);
    q[0] = 0x27; /* the first element is 6, the second 1 */
    grouped_row_to_f32(&g, 0, row);
    assert_true(row[0] == 6 * 0x1p-127f && row[1] == 0x1p-127f);
    for (uint64_t r = 0; r < ROWS; r++) {
        grouped_row_to_f32(&g, r, row);
        check_blocks(&g, DTYPE_MXFP4, row, r);
    }
    e8m0[9] = 255; /* no number; GGUF's MXFP4 would read one */
    assert_int_equal(grouped_type(&g), DTYPE_Q8_S);
    g.scale_type = SCALE_E4M3;
    g.divisor = 3;
    for (int i = 0; i < ROWS * GROUPS; i++) e8m0[i] = (uint8_t)(i % 126); /* numbers of E4M3 */
    for (uint64_t r = 0; r < ROWS; r++) {
        grouped_row_to_f32(&g, r, row);
        check_blocks(&g, DTYPE_Q8_S, row, r);
    }
}

static void rows_equal_blocks(grouped *g, dtype t) {
    float row[COLS];
    assert_int_equal(grouped_type(g), t);
    for (uint64_t r = 0; r < ROWS; r++) {
        grouped_row_to_f32(g, r, row);
        check_blocks(g, t, row, r);
    }
}

/* Scales beyond f16 and groups of 16 take blocks with f32 scales; groups that are no whole blocks are multiplied as f32. */
static void what_fits_no_file_format(void **state) {
    (void)state;
    static uint32_t words[COLS * ROWS];
    static float scale[ROWS * COLS];
    static int32_t group_of[COLS];
    static uint32_t order[COLS];
    grouped g = plain(GROUPED_DOWN, 4, words);
    g.zero_base = 8;
    g.scale = scale;
    g.scale_type = SCALE_F32;
    for (int i = 0; i < ROWS * COLS; i++) scale[i] = 0.25f;
    assert_int_equal(grouped_type(&g), DTYPE_Q4_0);
    scale[17] = 0.1f;
    for (int i = 0; i < COLS * ROWS; i++) words[i] = below(65536) << 16 | below(65536);
    rows_equal_blocks(&g, DTYPE_Q8_S);
    scale[17] = 0.25f;
    g.group = 16;
    g.groups = g.scale_row_step = COLS / 16;
    rows_equal_blocks(&g, DTYPE_Q8_S);
    g.group = 8;
    g.groups = g.scale_row_step = COLS / 8;
    assert_int_equal(grouped_type(&g), DTYPE_F32);
    g.group = GROUP;
    g.groups = g.scale_row_step = GROUPS;
    for (int k = 0; k < COLS; k++) group_of[k] = k == 0 ? 1 : k / GROUP; /* 31 and 33 */
    g.group_of = group_of;
    assert_false(grouped_order(&g, order));
    assert_int_equal(grouped_type(&g), DTYPE_F32);
    static uint16_t bf16[ROWS * GROUPS];
    for (int i = 0; i < ROWS * GROUPS; i++) bf16[i] = (uint16_t)(0x3c00 + i); /* about 0.008 */
    g = plain(GROUPED_DOWN, 4, words);
    g.zero_base = 8;
    g.scale = bf16;
    g.scale_type = SCALE_BF16;
    assert_int_equal(grouped_type(&g), DTYPE_Q4_0);
    bf16[3] = 0x3001; /* 2^-31 and a bit */
    rows_equal_blocks(&g, DTYPE_Q8_S);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(words_of_the_packers), cmocka_unit_test(layouts_are_their_definition), cmocka_unit_test(bytes_and_fp4),
                                        cmocka_unit_test(what_fits_no_file_format) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
