/* Every model of tests/golden/long, from its directory and from its GGUF: logits at positions around 8K, 32K and 128K as transformers
 * computes them, within 1e-4 of the largest, whatever the chunking; the rope table that a session takes; how long a context may be. */
#include "unit/check.h"
#include "golden/long/run.h"
#include <dirent.h>

static const double BOUND = 1e-4;
static const char ROOT[] = PINGTI_SOURCE_DIR "/tests/golden/long";

typedef struct opened {
    model_source *s;
    model *m;
} opened;

static opened open_golden(const char *path) {
    err e = { 0 };
    opened o = { .s = model_source_open(path, &e) };
    check_ok(o.s != NULL, &e);
    o.m = model_open(o.s, &e);
    check_ok(o.m != NULL, &e);
    return o;
}

static void close_golden(opened *o) {
    model_close(o->m);
    model_source_close(o->s);
}

/* Returns how many cases failed; each failure is printed. */
static int run_model(const char *path, const long_file *g, double *worst) {
    err e = { 0 };
    opened o = open_golden(path);
    runner *r = long_runner(o.m, g, &e);
    check_ok(r != NULL, &e);
    int failed = 0;
    for (size_t i = 0; i < g->n_cases; i++) {
        const long_case *c = &g->cases[i];
        for (size_t chunk = 512; chunk; chunk = chunk == 512 && i + 1 == g->n_cases ? 61 : 0) {
            long_result got = long_run_case(r, c, chunk);
            if (got.error > *worst) *worst = got.error;
            if (got.error <= BOUND && got.table_as_asked) continue;
            print_error("%s, session of %u in pieces of %zu: error %.2e of at most %.0e%s\n", path, c->n_session, chunk, got.error, BOUND,
                        got.table_as_asked ? "" : ", another rope table");
            failed++;
        }
    }
    runner_free(r);
    close_golden(&o);
    return failed;
}

static void positions_to_128k_are_computed_as_transformers_does(void **state) {
    (void)state;
    DIR *d = opendir(ROOT);
    assert_non_null(d);
    int failed = 0, n = 0;
    double worst = 0;
    for (struct dirent *entry; (entry = readdir(d));) {
        char path[512], dir[500];
        err e = { 0 };
        long_file g;
        snprintf(dir, sizeof dir, "%s/%.200s", ROOT, entry->d_name);
        snprintf(path, sizeof path, "%s/long.bin", dir);
        if (!file_exists(path)) continue;
        check_ok(long_open(&g, path, &e), &e);
        failed += run_model(dir, &g, &worst);
        snprintf(path, sizeof path, "%s/model.gguf", dir);
        if (file_exists(path)) failed += run_model(path, &g, &worst), n++;
        n++;
        long_close(&g);
    }
    closedir(d);
    printf("%d models, largest error %.1e of the largest logit\n", n, worst);
    assert_true(n >= 11);
    assert_int_equal(failed, 0);
}

typedef struct border {
    const char *model;
    uint32_t context, longest, n_tables, upto[4];
} border;

static const border BORDERS[] = {
    { "llama3-128k", 131072, 131072, 1, { 131072 } },
    { "qwen2-yarn-128k", 131072, 131072, 1, { 131072 } }, /* its config says 32768: YaRN says more */
    { "phi3-longrope-128k", 131072, 131072, 2, { 4096 } },
    { "llama-linear-32k", 8192, 32768, 1, { 8192 } },
    { "llama-dynamic-32k", 8192, 32768, 3, { 8192, 16384 } },
    { "deepseek3-yarn-160k", 163840, 163840, 1, { 163840 } },
};

/* The table is chosen by the planned length, exactly at the border, and what is longer than the rope can be is refused with both numbers. */
static void sessions_take_the_table_of_their_planned_length(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof BORDERS / sizeof *BORDERS; i++) {
        const border *b = &BORDERS[i];
        char path[512];
        snprintf(path, sizeof path, "%s/%s", ROOT, b->model);
        opened o = open_golden(path);
        assert_int_equal(o.m->spec.context, b->context);
        assert_int_equal(rope_longest_context(&o.m->spec), b->longest);
        assert_int_equal(o.m->rope.n, b->n_tables);
        assert_int_equal(rope_tables_choose(&o.m->rope, 1), 0);
        for (uint32_t t = 0; t + 1 < b->n_tables; t++) {
            assert_int_equal(rope_tables_choose(&o.m->rope, b->upto[t]), t);
            assert_int_equal(rope_tables_choose(&o.m->rope, (size_t)b->upto[t] + 1), t + 1);
        }
        assert_int_equal(rope_tables_choose(&o.m->rope, b->longest), b->n_tables - 1);
        memory_plan p;
        err e = { 0 };
        char text[1024];
        assert_false(memory_plan_make(&p, o.m, &(runner_options){ .context = b->longest + 1, .cache_type = DTYPE_F16 }, &e));
        err_format(&e, text, sizeof text);
        snprintf(path, sizeof path, "at most %u tokens", b->longest);
        assert_non_null(strstr(text, path));
        snprintf(path, sizeof path, "%u tokens", b->longest + 1);
        assert_non_null(strstr(text, path));
        close_golden(&o);
    }
}

/* The same tokens in sessions planned for either side of a border: pages of one are never taken for the other's. */
static void prefixes_are_not_shared_across_a_border(void **state) {
    (void)state;
    err e = { 0 };
    char path[512];
    snprintf(path, sizeof path, "%s/phi3-longrope-128k", ROOT);
    opened o = open_golden(path);
    runner *r = runner_new(o.m, &(runner_options){ .threads = 1, .context = 8192, .cache_type = DTYPE_F16, .precision = PRECISION_EXACT }, &e);
    check_ok(r != NULL, &e);
    int32_t tokens[200];
    for (int i = 0; i < 200; i++) tokens[i] = 3 + i % 80;
    for (int pass = 0; pass < 3; pass++) {
        uint8_t rope = runner_rope_choice(r, pass == 1 ? 4097 : 4096);
        kv_name root = runner_root_name(r, rope, NULL, 0);
        seq s;
        seq_init(&s, tokens, 200, &root, rope, true);
        assert_int_equal(seq_adopt_prefix(&s, runner_kv(r)), pass == 2 ? 192 : 0);
        assert_true(seq_reserve(&s, runner_kv(r), 200));
        size_t n;
        runner_step(r, &(run_slice){ &s, s.n_cached, 200, LOGITS_LAST }, 1, &n);
        seq_free(&s, runner_kv(r));
    }
    runner_free(r);
    close_golden(&o);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(positions_to_128k_are_computed_as_transformers_does),
        cmocka_unit_test(sessions_take_the_table_of_their_planned_length),
        cmocka_unit_test(prefixes_are_not_shared_across_a_border),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
