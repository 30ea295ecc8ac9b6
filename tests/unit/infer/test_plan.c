/* The memory plan: what long contexts take is counted exactly before anything is allocated; a context that nobody asked for is lowered until it
 * fits, weights included; one that was asked for is refused with both numbers. */
#include "unit/infer/models.h"
#include "infer/runner.h"

static const char MODEL[] = PINGTI_SOURCE_DIR "/tests/golden/long/llama3-128k"; /* 2 layers, 2 KV heads of 16 elements */
static const uint64_t MIB = 1 << 20;

static memory_plan plan_of(const model *m, runner_options o) {
    memory_plan p;
    err e = { 0 };
    check_ok(memory_plan_make(&p, m, &o, &e), &e);
    return p;
}

static void refused(const model *m, runner_options o, const char *available, const char *needed) {
    memory_plan p;
    err e = { 0 };
    assert_false(memory_plan_make(&p, m, &o, &e));
    assert_int_equal(e.code, ERR_MEMORY);
    assert_non_null(strstr(e.expected, available));
    assert_non_null(strstr(e.got, needed));
    assert_non_null(strstr(e.hint, "--ctx"));
}

/* A token of a layer and head: K [16] and V padded to a strip of 32; Q8_0: both in blocks of 32 int8 and a scale. */
static void long_contexts_are_counted(void **state) {
    (void)state;
    opened_model o = open_model(MODEL);
    static const struct { dtype type; uint64_t token; } cases[] = { { DTYPE_F32, 4ull * 4 * (16 + 32) }, { DTYPE_F16, 4ull * 2 * (16 + 32) }, { DTYPE_Q8_0, 4ull * 34 * 2 } };
    for (size_t i = 0; i < 3; i++)
        for (uint32_t context = 32768; context <= 131072; context *= 4) {
            memory_plan p = plan_of(o.m, (runner_options){ .context = context, .cache_type = cases[i].type });
            assert_int_equal(p.kv_bytes_per_token, cases[i].token);
            assert_int_equal(p.kv_bytes, context * cases[i].token);
            assert_int_equal(p.total, p.kv_bytes + p.scratch + p.weights_copied + (p.packed_in_file ? 0 : p.weights_packed));
            assert_false(p.context_lowered);
        }
    close_model(&o);
}

static void a_limit_lowers_the_context_or_refuses(void **state) {
    (void)state;
    opened_model o = open_model(MODEL);
    runner_options free_choice = { .cache_type = DTYPE_F16, .batch_tokens = 64 };
    memory_plan whole = plan_of(o.m, free_choice);
    assert_int_equal(whole.context, 131072);
    for (uint32_t keep = 65536; keep >= 512; keep /= 2) { /* exactly enough for so many tokens, and one byte less */
        uint64_t fits = whole.total + whole.weights_in_files - whole.kv_bytes + (uint64_t)keep * whole.kv_bytes_per_token;
        free_choice.memory_limit = fits;
        memory_plan p = plan_of(o.m, free_choice);
        assert_int_equal(p.context, keep);
        assert_true(p.context_lowered && p.total + p.weights_in_files == fits && !p.weights_reread);
        if (keep == 512) break;
        free_choice.memory_limit = fits - 1;
        assert_int_equal(plan_of(o.m, free_choice).context, keep / 2);
    }
    free_choice.memory_limit = MIB / 8;
    refused(o.m, free_choice, "0.1 MiB", "512 tokens");
    char available[32];
    free_choice.memory_limit = whole.scratch + 20 * MIB;
    snprintf(available, sizeof available, "%.1f MiB", (double)free_choice.memory_limit / (double)MIB);
    free_choice.context = 131072; /* asked for: never lowered */
    refused(o.m, free_choice, available, "48.0 MiB cache for 131072 tokens");
    free_choice.cache_type = DTYPE_Q8_0;
    refused(o.m, free_choice, available, "34.0 MiB cache for 131072 tokens");
    free_choice.context = 32768;
    assert_int_equal(plan_of(o.m, free_choice).context, 32768);
    close_model(&o);
}

/* The limit holds for packed weights too, in memory or as a file that is read at every step. */
static void weights_count(void **state) {
    (void)state;
    opened_model o = open_model(MODEL);
    memory_plan exact = plan_of(o.m, (runner_options){ .context = 512, .cache_type = DTYPE_F16, .precision = PRECISION_EXACT });
    assert_int_equal(exact.weights_in_files, exact.weights_mapped);
    assert_true(exact.weights_mapped > 0);
    runner_options o1 = { .context = 512, .cache_type = DTYPE_F16, .precision = PRECISION_EXACT, .memory_limit = exact.total + exact.weights_in_files - 1 };
    memory_plan p;
    err e = { 0 };
    assert_false(memory_plan_make(&p, o.m, &o1, &e));
    o1.memory_limit++;
    check_ok(memory_plan_make(&p, o.m, &o1, &e), &e);
    close_model(&o);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(long_contexts_are_counted), cmocka_unit_test(a_limit_lowers_the_context_or_refuses), cmocka_unit_test(weights_count) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
