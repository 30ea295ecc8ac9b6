/* The memory plan: what long contexts take is counted exactly before anything is allocated; a context that nobody asked for is lowered until it
 * fits, weights included; one that was asked for is refused with both numbers. What a pass takes is never more than was planned. */
#include "unit/infer/models.h"
#include "backend/backend.h"
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

/* Products of a layer, each in an arena that holds what the backend counts for it alone. */
static void one_product(fwd f, op_id op, const weight *const *w, uint32_t n, scratch_case c) {
    if (!w[0]->w.data) return;
    arena *outside = arena_new(0);
    fwd around = { .mem = outside };
    tensor *x = fwd_tensor(&around, c.rows, w[0]->w.cols), *y[LINEAR_MAX];
    int32_t *ids = arena_must(outside, c.rows * c.outputs, sizeof *ids);
    memset(x->data, 0, c.rows * x->stride);
    for (uint32_t i = 0; i < n; i++) y[i] = fwd_tensor(&around, c.rows * c.outputs, w[i]->w.rows);
    for (uint64_t i = 0; i < c.rows * c.outputs; i++) ids[i] = (int32_t)((i * 7 + i / c.outputs) % w[0]->w.n);
    f.mem = arena_new(f.backend->product_scratch(op, w, n, c));
    if (op == OP_ID_linear) {
        linear_args a = { .x = x, .n = n };
        for (uint32_t i = 0; i < n; i++) a.w[i] = w[i], a.y[i] = y[i];
        op_linear(&f, a);
    } else {
        moe_linear_args a = { .x = x, .ids = ids, .top_k = (uint32_t)c.outputs, .n = n };
        for (uint32_t i = 0; i < n; i++) a.w[i] = w[i], a.y[i] = y[i];
        op_moe_linear(&f, a);
    }
    arena_free(f.mem);
    arena_free(outside);
}

static void products(const model *m, const fwd *f, uint32_t rows, int threads) {
    for (uint32_t il = 0; il < m->spec.layers; il++) {
        const layer *l = &m->layers[il];
        scratch_case c = { rows, 1, (uint32_t)threads, f->precision == PRECISION_FAST }, spread = c, down = c;
        spread.outputs = m->spec.router.top_k;
        down.rows *= m->spec.router.top_k;
        one_product(*f, OP_ID_linear, (const weight *const[]){ &l->q, &l->k, &l->v }, l->k.w.data ? 3 : 1, c);
        one_product(*f, OP_ID_linear, (const weight *const[]){ &l->o }, 1, c);
        one_product(*f, OP_ID_linear, (const weight *const[]){ &l->ffn.gate, &l->ffn.up }, 2, c);
        one_product(*f, OP_ID_linear, (const weight *const[]){ &l->ffn.down }, 1, c);
        one_product(*f, OP_ID_moe_linear, (const weight *const[]){ &l->experts.gate, &l->experts.up }, 2, spread);
        one_product(*f, OP_ID_moe_linear, (const weight *const[]){ &l->experts.down }, 1, down);
    }
}

/* One pass in an arena that holds what was planned and not a byte more: beyond it the process would stop. */
static void one_pass(const opened_model *o, precision p, int threads, uint32_t rows) {
    err e = { 0 };
    int32_t id[64], pos[64], sequence[64] = { 0 }, out[64];
    runner *r = runner_new(o->m, &(runner_options){ .threads = threads, .context = 64, .batch_tokens = rows, .cache_type = DTYPE_F16, .precision = p }, &e);
    check_ok(r != NULL, &e);
    for (uint32_t i = 0; i < rows; i++) id[i] = (int32_t)((i * 37 + 5) % o->m->spec.vocab), pos[i] = out[i] = (int32_t)i;
    kv_name root = runner_root_name(r, 0, NULL, 0);
    seq s;
    seq_init(&s, id, rows, &root, 0, false);
    assert_true(seq_reserve(&s, runner_kv(r), rows));
    const uint32_t *pages = s.pages;
    arena *mem = arena_new(runner_plan(r)->scratch);
    fwd f = { .backend = backend_find("cpu"), .mem = mem, .kv = kv_view_of(runner_kv(r)), .pool = runner_pool(r), .precision = p };
    assert_non_null(model_forward(&f, o->m, &(batch){ .T = rows, .id = id, .pos = pos, .seq = sequence, .n_out = rows, .out = out, .pages = &pages }));
    arena_free(mem);
    products(o->m, &f, rows, threads);
    seq_free(&s, runner_kv(r));
    runner_free(r);
}

static void no_pass_takes_more_than_planned(void **state) {
    (void)state;
    static char paths[96][512];
    size_t n = models_under(PINGTI_SOURCE_DIR "/tests/golden/models", paths, 96);
    assert_true(n > 30);
    for (size_t i = 0; i < n; i++) {
        opened_model o = open_model(paths[i]);
        for (int p = PRECISION_EXACT; p <= PRECISION_FAST; p++)
            for (int threads = 1; threads <= 33; threads *= 33) one_pass(&o, (precision)p, threads, 1), one_pass(&o, (precision)p, threads, 60);
        close_model(&o);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(no_pass_takes_more_than_planned), cmocka_unit_test(long_contexts_are_counted), cmocka_unit_test(a_limit_lowers_the_context_or_refuses), cmocka_unit_test(weights_count) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
