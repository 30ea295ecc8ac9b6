/* Prompt chunks beside decoding sequences, on simulated machines whose clock is a formula: the scheduler runs, nothing is computed. */
#include "unit/infer/models.h"
#include "infer/sched.h"

enum { BATCH = 512, STREAMS = 4, LONG = 8000, CONTEXT = 16384 };

static opened_model om;
static int32_t prompt[LONG];

/* What a step takes: seconds for the weights, for a sequence that decodes, for a row of prompt, for a key that a row sees. */
typedef struct machine {
    const char *name;
    double step, decode, row, key, noise;
} machine;

typedef struct site {
    const machine *m;
    runner *r;
    sched s;
    uint64_t n_steps;
    double now, longest_gap, last_beside; /* of steps in which somebody decoded */
    size_t fewest_decodes, largest_chunk;
} site;

static site open_site(const machine *m) {
    err e = { 0 };
    runner_options o = { .threads = 1, .context = CONTEXT, .cache_tokens = 4 * CONTEXT, .batch_tokens = BATCH, .cache_type = DTYPE_F16 };
    om.m->spec.context = CONTEXT; /* nothing is computed: the positions do not matter */
    site x = { .m = m, .r = runner_new(om.m, &o, &e) };
    check_ok(x.r != NULL, &e);
    sched_init(&x.s, runner_kv(x.r), x.r, 0);
    return x;
}

static request *ask(site *x, size_t n_prompt) {
    request *r = request_new(&(request_options){ .prompt = prompt, .n_prompt = n_prompt, .max_tokens = 4000, .no_prefix_cache = true });
    sched_enqueue(&x->s, r);
    return r;
}

static double lasts(site *x, const sched_step *s) {
    double wobble = 1 + x->m->noise * ((double)(x->n_steps * 7919 % 101) / 50 - 1);
    return wobble * (x->m->step + x->m->decode * (double)s->decodes + x->m->row * (double)s->prompt_rows + x->m->key * s->prompt_keys);
}

static void run_step(site *x) {
    sched_step *s = sched_next(&x->s);
    assert_true(s->n > 0);
    double seconds = lasts(x, s);
    x->n_steps++;
    x->now += seconds;
    if (s->decodes && seconds > x->longest_gap) x->longest_gap = seconds;
    if (s->decodes < x->fewest_decodes) x->fewest_decodes = s->decodes;
    if (s->prompt_rows > x->largest_chunk) x->largest_chunk = s->prompt_rows;
    for (size_t i = 0; i < s->n; i++) {
        seq_advance(s->slices[i].s, runner_kv(x->r), s->slices[i].to);
        if (s->slices[i].logits == LOGITS_NONE) continue;
        seq_push(s->slices[i].s, 7);
        s->requests[i]->answered++;
        atomic_store(&s->requests[i]->tail, atomic_load(&s->requests[i]->head));
    }
    sched_took(&x->s, seconds, 0);
}

static void watch(site *x) {
    x->longest_gap = 0;
    x->fewest_decodes = SIZE_MAX;
    x->largest_chunk = 0;
}

static void leave(site *x, request *r) {
    sched_remove(&x->s, r);
    seq_free(&r->s, runner_kv(x->r));
    request_unref(r);
}

static double prefill(site *x, request *r) {
    double began = x->now;
    while (!r->answered) run_step(x);
    return x->now - began;
}

/* Returns seconds of the long prompt alone and beside the streams. */
static void long_prompt_beside_streams(const machine *m, double *alone, double *beside, site *x) {
    request *streams[STREAMS];
    *x = open_site(m);
    watch(x);
    request *first = ask(x, LONG);
    *alone = prefill(x, first);
    assert_int_equal(x->largest_chunk, BATCH); /* nobody waits: the whole batch */
    leave(x, first);
    for (int i = 0; i < STREAMS; i++) streams[i] = ask(x, 100);
    for (int i = 0; i < 20; i++) run_step(x);
    watch(x);
    for (int k = 0; k < 2; k++) { /* the second begins at depth 0 again */
        request *r = ask(x, LONG);
        *beside = prefill(x, r);
        leave(x, r);
    }
    assert_int_equal(x->fewest_decodes, STREAMS); /* every stream in every step */
    for (int i = 0; i < STREAMS; i++) leave(x, streams[i]);
    sched_free(&x->s);
    runner_free(x->r);
}

static void streams_wait_less_than_100_ms(void **state) {
    (void)state;
    const machine machines[] = {
        { "0.5B on two cores", 0.008, 0.0004, 0.5e-3, 2e-7, 0.2 }, { "the same, slow attention", 0.008, 0.0004, 0.5e-3, 2e-6, 0.1 },
        { "1.5B on two cores", 0.025, 0.001, 2e-3, 4e-7, 0.2 },    { "many cores", 0.003, 0.0001, 0.04e-3, 1e-8, 0.3 },
    };
    for (size_t i = 0; i < sizeof machines / sizeof *machines; i++) {
        site x;
        double alone, beside;
        long_prompt_beside_streams(&machines[i], &alone, &beside, &x);
        printf("%-26s longest gap %.1f ms, largest chunk %zu; prompt %.2f s alone, %.2f s beside %d streams\n", machines[i].name, x.longest_gap * 1e3, x.largest_chunk,
               alone, beside, STREAMS);
        assert_true(x.longest_gap < 0.1);
        assert_true(beside < 4 * alone); /* and the prompt gets on */
    }
}

/* Where decoding alone takes longer than the aim, a prompt at most doubles the gap, and is read all the same. */
static void large_models_read_prompts_too(void **state) {
    (void)state;
    const machine m = { "7B on two cores", 0.12, 0.002, 10e-3, 1e-6, 0.1 };
    site x;
    double alone, beside;
    long_prompt_beside_streams(&m, &alone, &beside, &x);
    printf("%-26s longest gap %.1f ms, largest chunk %zu; prompt %.2f s alone, %.2f s beside\n", m.name, x.longest_gap * 1e3, x.largest_chunk, alone, beside);
    assert_true(x.longest_gap < 0.3);
    assert_true(x.largest_chunk >= 8);
}

/* Nothing is known when the first prompt meets the first stream: a few rows are tried. */
static void the_first_chunk_is_small(void **state) {
    (void)state;
    pace p;
    pace_init(&p, 0.1);
    assert_int_equal(pace_rows(&p, 0, 512), 16);
    assert_int_equal(pace_rows(&p, 0, 10), 10);
    pace_note(&p, 1, 0, 0, 0.01);
    pace_note(&p, 1, 64, 64 * 32, 0.01 + 64 * 1e-3);
    assert_in_range(pace_rows(&p, 0, 512), 40, 80); /* some 50 to 80 ms at 1 ms a row */
    pace_note(&p, 1, 64, 64 * 32, -5);              /* clocks that jump are not believed */
    pace_note(&p, 1, 64, 64 * 32, 1e300);
    assert_in_range(pace_rows(&p, 0, 512), 40, 80);
    for (int i = 0; i < 50; i++) pace_note(&p, 1, 64, 64 * 4000.0, 0.01 + 64 * 1e-5);
    assert_true(pace_rows(&p, 4000, 512) > 400); /* what was slow is forgotten */
}

/* Several prompts share the time of a step. */
static void prompts_share_the_time(void **state) {
    (void)state;
    const machine m = { "", 0.008, 0.0004, 0.5e-3, 2e-7, 0 };
    site x = open_site(&m);
    request *stream = ask(&x, 100), *r[3];
    for (int i = 0; i < 20; i++) run_step(&x);
    for (int i = 0; i < 3; i++) r[i] = ask(&x, i ? 2000 : 40);
    watch(&x);
    for (int i = 0; i < 3; i++) prefill(&x, r[i]);
    assert_true(x.longest_gap < 0.1 && x.fewest_decodes == 1);
    leave(&x, stream);
    for (int i = 0; i < 3; i++) leave(&x, r[i]);
    sched_free(&x.s);
    runner_free(x.r);
}

static void sixteen_streams_are_one_pass(void **state) {
    (void)state;
    const machine m = { "", 0.008, 0.0004, 0.5e-3, 2e-7, 0 };
    site x = open_site(&m);
    request *r[16];
    for (int i = 0; i < 16; i++) r[i] = ask(&x, 20 + (size_t)i);
    run_step(&x); /* all their prompts fit one batch */
    for (int i = 0; i < 50; i++) {
        run_step(&x);
        assert_int_equal(x.s.step.n, 16);
        assert_int_equal(x.s.step.decodes, 16);
        assert_int_equal(x.s.step.prompt_rows, 0);
    }
    for (int i = 0; i < 16; i++) leave(&x, r[i]);
    sched_free(&x.s);
    runner_free(x.r);
}

static int open_one(void **state) {
    (void)state;
    om = open_model(PINGTI_SOURCE_DIR "/tests/golden/models/qwen2");
    return 0;
}

static int close_one(void **state) {
    (void)state;
    close_model(&om);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(streams_wait_less_than_100_ms),
        cmocka_unit_test(large_models_read_prompts_too),
        cmocka_unit_test(the_first_chunk_is_small),
        cmocka_unit_test(prompts_share_the_time),
        cmocka_unit_test(sixteen_streams_are_one_pass),
    };
    return cmocka_run_group_tests(tests, open_one, close_one);
}
