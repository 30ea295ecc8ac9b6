/* What ops say that they read and compute. */
#include "unit/check.h"
#include "op/ops.h"

static float memory[4096];

static void test_linear(void **state) {
    (void)state;
    fwd fast = { .precision = PRECISION_FAST }, exact = { .precision = PRECISION_EXACT };
    weight w = { .w = { .type = DTYPE_Q8_0, .n = 1, .rows = 3, .cols = 64, .stride = 68, .data = memory } };
    tensor x = tensor_view_f32(memory, 5, 64), y = tensor_view_f32(memory + 1024, 5, 3);
    linear_args a = { .y = { &y }, .x = &x, .w = { &w }, .n = 1 };
    prof_work k = op_linear_work(&fast, &a);
    assert_int_equal(k.weight_bytes, 3 * 68);
    assert_int_equal(k.ops[OP_UNIT_INT8], 2 * 5 * 3 * 64);
    assert_int_equal(k.ops[OP_UNIT_F32] + k.ops[OP_UNIT_BF16], 0);
    assert_int_equal(k.row_bytes, 4 * (5 * 64 + 5 * 3));
    assert_int_equal(op_linear_work(&exact, &a).ops[OP_UNIT_F32], k.ops[OP_UNIT_INT8]);
    w.w.type = DTYPE_BF16;
    assert_int_equal(op_linear_work(&fast, &a).ops[OP_UNIT_BF16], k.ops[OP_UNIT_INT8]);
    assert_int_equal(op_linear_work(&fast, &a).weight_bytes, 3 * 64 * 2);
    linear_args two = { .y = { &y, &y }, .x = &x, .w = { &w, &w }, .n = 2 };
    assert_int_equal(op_linear_work(&fast, &two).weight_bytes, 2 * 3 * 64 * 2);
    assert_int_equal(op_linear_work(&fast, &two).row_bytes, 4 * (5 * 64 + 2 * 5 * 3));
}

/* An expert is read once, however many rows chose it. */
static void test_experts(void **state) {
    (void)state;
    fwd fast = { .precision = PRECISION_FAST };
    weight w = { .w = { .type = DTYPE_F32, .n = 8, .rows = 2, .cols = 4, .stride = 16, .data = memory } };
    tensor x = tensor_view_f32(memory, 3, 4), y = tensor_view_f32(memory + 1024, 6, 2);
    const int32_t ids[] = { 7, 1, 1, 7, 7, 0 };
    moe_linear_args a = { .y = { &y }, .x = &x, .w = { &w }, .ids = ids, .top_k = 2, .n = 1 };
    prof_work k = op_moe_linear_work(&fast, &a);
    assert_int_equal(k.weight_bytes, 3 * 2 * 16);
    assert_int_equal(k.ops[OP_UNIT_F32], 2 * 6 * 2 * 4);
}

/* Keys of a sequence are read once for all its rows of a pass; a window bounds them. */
static void test_attention(void **state) {
    (void)state;
    const int32_t pos[] = { 9, 10, 0 }, seq[] = { 0, 0, 1 };
    batch b = { .T = 3, .pos = pos, .seq = seq };
    kv_view kv = { .type = DTYPE_F16, .page_tokens = 64, .n_layers = 1, .n_heads = 2, .k_head = 32, .v_head = 32 };
    assert_true(kv_view_layout(&kv));
    tensor q = tensor_view_f32(memory, 3, 4 * 32), k = tensor_view_f32(memory, 3, 2 * 32), y = tensor_view_f32(memory + 1024, 3, 4 * 32);
    attn_args a = { .y = &y, .q = &q, .k = &k, .v = &k, .b = &b, .kv = &kv, .heads = 4, .kv_heads = 2, .k_head = 32, .v_head = 32 };
    const fwd exact = { .precision = PRECISION_EXACT }, fast = { .precision = PRECISION_FAST };
    prof_work w = op_attn_work(&exact, &a);
    assert_int_equal(w.cache_bytes, (11 + 1) * kv.layer_bytes / 64);
    assert_int_equal(w.ops[OP_UNIT_F32], 2 * (10 + 11 + 1) * 4 * 64);
    w = op_attn_work(&fast, &a);
    assert_true(w.ops[OP_UNIT_F32] == 0 && w.ops[OP_UNIT_BF16] == 2 * (10 + 11 + 1) * 4 * 64);
    a.window = 4;
    w = op_attn_work(&exact, &a);
    assert_int_equal(w.cache_bytes, (5 + 1) * kv.layer_bytes / 64);
    assert_int_equal(w.ops[OP_UNIT_F32], 2 * (4 + 4 + 1) * 4 * 64);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_linear), cmocka_unit_test(test_experts), cmocka_unit_test(test_attention) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
