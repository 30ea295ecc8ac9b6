/* Storage formats against blocks that the gguf package decoded (tests/golden/quant/cases.bin, made by tests/clients/quants.py --golden --seed 1
 * with gguf 0.19.0), bit for bit; encoding and decoding again; the conversions of f16, bf16 and FP8 over all their values. */
#include "unit/check.h"
#include "base/file.h"
#include "base/rng.h"
#include "tensor/quant.h"
#include "tensor/tensor.h"
#include <math.h>

static void blocks_decode_as_the_format_says(void **state) {
    (void)state;
    err e;
    size_t n, formats = 0;
    char *data = file_read(PINGTI_SOURCE_DIR "/tests/golden/quant/cases.bin", 1 << 22, &n, &e);
    check_ok(data != NULL, &e);
    for (size_t at = 0; at < n; formats++) {
        char name[9] = { 0 };
        uint32_t bytes, count;
        static float got[4096], want[4096];
        dtype t;
        memcpy(name, data + at, 8);
        memcpy(&bytes, data + at + 8, 4);
        memcpy(&count, data + at + 12, 4);
        assert_true(dtype_from_name(name, &t) && count <= 4096);
        quant_of(t)->to_f32(data + at + 16, got, count);
        memcpy(want, data + at + 16 + bytes, count * sizeof *want);
        for (uint32_t i = 0; i < count; i++)
            if (!(isnan(want[i]) && isnan(got[i])) && memcmp(&got[i], &want[i], 4) != 0) fail_msg("%s, element %u: %a, not %a", name, i, got[i], want[i]);
        at += 16 + bytes + count * sizeof *want;
    }
    assert_int_equal(formats, 25);
    free(data);
}

static void what_is_encoded_comes_back(void **state) {
    (void)state;
    static float x[1024], y[1024];
    static uint8_t stored[4096];
    for (int t = 0; t < DTYPE_COUNT; t++) {
        const quant_traits *q = quant_of((dtype)t);
        if (!q->from_f32) continue;
        double error = 0, power = 0;
        for (int i = 0; i < 1024; i++) x[i] = (float)(rng_uniform(9, (uint64_t)i, (uint64_t)t) - 0.5);
        q->from_f32(x, stored, 1024);
        q->to_f32(stored, y, 1024);
        for (int i = 0; i < 1024; i++) error += (x[i] - y[i]) * (double)(x[i] - y[i]), power += x[i] * (double)x[i];
        printf("%-8s relative error %.2e\n", q->name, sqrt(error / power));
        assert_true(sqrt(error / power) < (t == DTYPE_TQ1_0 || t == DTYPE_TQ2_0 ? 0.55 : t == DTYPE_MXFP4 ? 0.16 : 0.12)); /* few levels for a uniform draw */
    }
}

/* Encoding is defined for any floats: what is not finite shows when it is read again (NVFP4 has no such number: its largest ones do), tiny
 * blocks become zero, and a block's neighbour is stored as it would be alone. */
static void odd_blocks_are_encoded(void **state) {
    (void)state;
    const float odd[] = { NAN, INFINITY, -INFINITY, 0x1p-149f, -1e-40f, 1e-39f, 0.0f, -0.0f, 3e38f, -3e38f };
    float x[512], y[512];
    uint8_t stored[512], alone[512];
    for (dtype t = DTYPE_Q8_0; t < DTYPE_COUNT; t++) {
        const quant_traits *q = quant_of(t);
        int n = (int)q->block_elems, part = t == DTYPE_NVFP4 ? 16 : n;
        for (size_t c = 0; q->from_f32 && c < 2 * sizeof odd / sizeof *odd; c++) {
            float v = odd[c / 2];
            for (int i = 0; i < 2 * n; i++) x[i] = i < n && c % 2 ? v : i < n && fabsf(v) < 1 ? 0.0f : (float)(i % 7);
            x[9] = v;
            q->from_f32(x, stored, (size_t)(2 * n));
            q->to_f32(stored, y, (size_t)(2 * n));
            for (int i = 0; i < part && v - v != 0; i++) assert_true(t == DTYPE_NVFP4 ? y[i] == 448 * 6 : t == DTYPE_MXFP4 ? isinf(y[i]) : isnan(y[i]));
            for (int i = 0; i < n && fabsf(v) < 1; i++) assert_true(y[i] == 0);
            q->from_f32(x + n, alone, (size_t)n);
            assert_memory_equal(stored + q->block_bytes, alone, q->block_bytes);
        }
    }
    memset(x, 0, sizeof x);
    for (int i = 0; i < 32; i++) x[i] = -0.0f;
    quant_of(DTYPE_Q4_0)->from_f32(x, stored, 64); /* the package: the sign of d is that of -first / 8 */
    assert_true(stored[1] == 0 && stored[18 + 1] == 0x80);
}

static void small_floats_are_exact(void **state) {
    (void)state;
    for (uint32_t h = 0; h < 65536; h++) {
        float f = f16_to_f32((uint16_t)h), b = bf16_to_f32((uint16_t)h);
        if (!isnan(f)) assert_int_equal(f32_to_f16(f), h);
        else assert_true(isnan(f16_to_f32(f32_to_f16(f))));
        if (!isnan(b)) assert_int_equal(f32_to_bf16(b), h);
    }
    assert_true(f32_to_f16(65519.0f) == 0x7bff && f32_to_f16(65520.0f) == 0x7c00 && f32_to_f16(0x1p-25f) == 0 && f32_to_f16(0x1.8p-25f) == 1);
    assert_true(f8_e4m3_to_f32(0x7e) == 448 && f8_e4m3_to_f32(1) == 0x1p-9f && isnan(f8_e4m3_to_f32(0xff)));
    const float large[] = { 448, 464.1f, 1e30f, INFINITY, -INFINITY, NAN }; /* saturating, as OFP8 1.0 allows and PyTorch does */
    uint8_t stored[6];
    quant_of(DTYPE_F8_E4M3)->from_f32(large, stored, 6);
    assert_memory_equal(stored, "\x7e\x7e\x7e\x7e\xfe\x7f", 6);
}

static void block_scales_cover_128_by_128(void **state) {
    (void)state;
    static uint8_t stored[200 * 300];
    static float scale[2 * 3] = { 1, 2, 4, 8, 16, 32 }, row[300];
    memset(stored, 0x38, sizeof stored); /* 1.0 */
    tensor t = { .type = DTYPE_F8_E4M3, .n = 1, .rows = 200, .cols = 300, .stride = 300, .data = stored, .block_scale = scale, .scale_rows = 2, .scale_cols = 3 };
    tensor_row_to_f32(&t, 0, 127, row);
    assert_true(row[0] == 1 && row[127] == 1 && row[128] == 2 && row[299] == 4);
    tensor_row_to_f32(&t, 0, 128, row);
    assert_true(row[127] == 8 && row[255] == 16 && row[256] == 32);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_decode_as_the_format_says), cmocka_unit_test(what_is_encoded_comes_back),
        cmocka_unit_test(odd_blocks_are_encoded),
        cmocka_unit_test(small_floats_are_exact),           cmocka_unit_test(block_scales_cover_128_by_128),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
