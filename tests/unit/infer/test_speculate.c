/* What is guessed ahead changes no token and no log probability: every family, every way to choose, right and wrong guesses, few pages,
 * strange clocks, and company, against an engine that computes one row a token. */
#include "unit/infer/models.h"
#include "base/rng.h"
#include "infer/engine.h"

enum { PROMPT = 80, ANSWER = 90, ASKERS = 10 };

static const logit_bias bias[] = { { 5, 1.5f }, { 9, -100 }, { 36, 0.5f } };

static const sample_params ways[] = {
    { .temperature = 0 },
    { .temperature = 0.3f, .seed = 11, .want_logprob = true, .n_logprobs = 3 },
    { .temperature = 0.7f, .seed = 12, .top_k = 40, .top_p = 0.9f },
    { .temperature = 0, .repeat_penalty = 1.1f, .frequency_penalty = 0.01f, .want_logprob = true },
    { .temperature = 1, .seed = 14, .min_p = 0.3f, .presence_penalty = 0.2f },
    { .temperature = 0.5f, .seed = 15, .mirostat = 2, .mirostat_tau = 1.5f },
    { .temperature = 0.6f, .seed = 16, .typical_p = 0.5f, .xtc_probability = 0.2f, .dynamic_range = 0.3f, .temperature_last = true },
    { .temperature = 0.2f, .seed = 17, .dry = { .multiplier = 0.05f, .allowed = 5 } },
    { .temperature = 0.9f, .seed = 18, .dynamic_range = 0.4f, .dynamic_exponent = 1.5f, .min_p = 0.001f, .top_k = 100, .top_p = 0.97f, .typical_p = 0.95f, .xtc_probability = 0.4f,
      .xtc_threshold = 0.05f, .dry = { .multiplier = 0.3f, .base = 1.5f, .allowed = 3, .last = 60 }, .repeat_penalty = 1.05f, .repeat_last = 40, .presence_penalty = 0.1f,
      .frequency_penalty = 0.05f, .bias = bias, .n_bias = 3, .want_logprob = true, .n_logprobs = 5 }, /* all at once */
    { .temperature = 0.8f, .seed = 19, .mirostat = 1, .mirostat_tau = 3, .mirostat_eta = 0.2f, .repeat_penalty = 1.1f, .bias = bias, .n_bias = 2 },
};
enum { WAYS = sizeof ways / sizeof *ways };

typedef struct answer {
    sampled tokens[ANSWER];
    size_t n;
    finish_reason finish;
    request_usage usage;
} answer;

/* Seconds that jump back and forth: any number of guesses comes to pay. */
static double wild_clock(void) {
    static uint64_t calls; /* the engine thread's alone */
    calls++;
    return rng_uniform(6, calls / 5, 3) * (calls % 3 ? 0.2 : 1e-4) + (double)(calls % 13);
}

static runner *make_runner(model *m, precision p, uint32_t cache_tokens) {
    err e = { 0 };
    runner_options ro = { .threads = 2, .context = m->spec.context < 256 ? m->spec.context : 256, .cache_tokens = cache_tokens, .batch_tokens = 64, .cache_type = DTYPE_F16, .precision = p };
    runner *r = runner_new(m, &ro, &e);
    check_ok(r != NULL, &e);
    return r;
}

/* The draft's pages may be fewer than its texts want. */
static engine *start(model *m, precision p, const engine_setup *o, model *draft, uint32_t cache_tokens) {
    err e = { 0 };
    engine_setup setup = *o;
    if (draft) setup.draft = make_runner(draft, PRECISION_FAST, cache_tokens < 1024 ? cache_tokens : 1024);
    engine *en = engine_start_with(make_runner(m, p, cache_tokens), m->spec.vocab, &setup, &e);
    check_ok(en != NULL, &e);
    return en;
}

/* A text that repeats itself, with a flaw now and then. */
static request *ask(engine *en, int who) {
    const model *m = runner_model(engine_runner(en));
    int32_t prompt[PROMPT], stop = (int32_t)(m->spec.vocab / 3);
    err e = { 0 };
    size_t n = m->spec.context < 256 ? 20 : PROMPT;
    for (size_t i = 0; i < n; i++) prompt[i] = (int32_t)((rng_uniform(9, i, (uint64_t)who) < 0.05 ? 17 * i : (i % (size_t)(7 + who)) * 31 + 5) % m->spec.vocab);
    request_options o = { .prompt = prompt, .n_prompt = n, .max_tokens = m->spec.context < 256 ? m->spec.context - n : ANSWER - (size_t)who, .sample = ways[who % WAYS],
                          .stop_ids = &stop, .n_stop_ids = 1, .ignore_stop = who == 1 };
    if (o.max_tokens > ANSWER) o.max_tokens = ANSWER;
    request *r = request_new(&o);
    check_ok(engine_submit(en, r, &e), &e);
    return r;
}

static void read_answer(request *r, answer *a) {
    sampled t;
    memset(a, 0, sizeof *a);
    while (request_next(r, &t)) {
        assert_true(a->n < ANSWER);
        a->tokens[a->n++] = t;
    }
    a->finish = request_finish(r);
    a->usage = request_usage_of(r);
    request_unref(r);
}

static void ask_all(engine *en, answer *a) {
    request *r[ASKERS];
    for (int i = 0; i < ASKERS; i++) r[i] = ask(en, i);
    for (int i = 0; i < ASKERS; i++) read_answer(r[i], &a[i]);
}

static void compare(const char *path, const answer *want, const answer *got, const char *how) {
    for (int i = 0; i < ASKERS; i++) {
        if (want[i].n != got[i].n || want[i].finish != got[i].finish) fail_msg("%s, %s: asker %d: %zu tokens, not %zu", path, how, i, got[i].n, want[i].n);
        for (size_t t = 0; t < want[i].n; t++)
            if (memcmp(&want[i].tokens[t], &got[i].tokens[t], sizeof(sampled)) != 0) fail_msg("%s, %s: asker %d: token %zu differs", path, how, i, t);
        assert_int_equal(got[i].usage.generated_tokens, got[i].n);
        assert_true(got[i].usage.accepted_tokens <= got[i].usage.guessed_tokens);
    }
}

/* Other company, another order, and somebody who leaves. */
static void ask_in_threes(engine *en, answer *a) {
    for (int first = ASKERS - 1; first >= 0; first -= 3) {
        request *r[3], *leaver = ask(en, first / 2);
        int n = first < 2 ? first + 1 : 3;
        for (int i = 0; i < n; i++) r[i] = ask(en, first - i);
        request_cancel(leaver);
        for (int i = n - 1; i >= 0; i--) read_answer(r[i], &a[first - i]);
        request_unref(leaver);
    }
}

static void ask_one_by_one(engine *en, answer *a) {
    for (int i = 0; i < ASKERS; i++) read_answer(ask(en, i), &a[i]);
}

typedef struct setting {
    const char *name;
    engine_setup setup;
    enum { NO_DRAFT, SAME, OTHER } draft;
    uint32_t cache;
} setting;

static const setting settings[] = {
    { "found", { 0 }, NO_DRAFT, 2048 },
    { "found, one", { .most_guesses = 1 }, NO_DRAFT, 256 },
    { "found, wild clock", { .clock = wild_clock }, NO_DRAFT, 1024 },
    { "found, five, wild clock", { .most_guesses = 5, .clock = wild_clock }, NO_DRAFT, 320 },
    { "the model drafts for itself", { 0 }, SAME, 2048 },
    { "the model drafts for itself, wild clock", { .clock = wild_clock }, SAME, 320 },
    { "another model drafts", { 0 }, OTHER, 1024 },
    { "another model drafts, wild clock", { .clock = wild_clock }, OTHER, 256 },
};
enum { SETTINGS = sizeof settings / sizeof *settings };

typedef struct count {
    size_t guessed, accepted;
} count;

static void one_model(const char *path, const char *other, count counts[SETTINGS]) {
    static answer plain[ASKERS], got[ASKERS];
    opened_model o = open_model(path), d[3] = { [SAME] = open_model(path), [OTHER] = open_model(other) };
    precision p = strstr(path, "bf16") || strstr(path, "3-h") ? PRECISION_EXACT : PRECISION_FAST;
    engine *en = start(o.m, p, &(engine_setup){ .no_guesses = true }, NULL, 2048);
    ask_all(en, plain);
    assert_int_equal(engine_stats_now(en).guessed_tokens, 0);
    ask_one_by_one(en, got);
    compare(path, plain, got, "alone");
    ask_in_threes(en, got);
    compare(path, plain, got, "in threes");
    engine_stop(en);
    for (int k = 0; k < SETTINGS; k++) {
        const setting *s = &settings[k];
        if (s->draft == OTHER && d[OTHER].m->spec.vocab < o.m->spec.vocab) continue;
        en = start(o.m, p, &s->setup, d[s->draft].m, s->cache);
        ask_all(en, got);
        compare(path, plain, got, s->name);
        if (k % 2) ask_in_threes(en, got);
        else ask_all(en, got); /* once more, upon the pages of the first time */
        compare(path, plain, got, s->name);
        engine_stats now = engine_stats_now(en);
        counts[k].guessed += now.guessed_tokens;
        counts[k].accepted += now.accepted_tokens;
        engine_stop(en);
    }
    close_model(&o);
    close_model(&d[SAME]);
    close_model(&d[OTHER]);
}

static void guesses_change_no_token(void **state) {
    (void)state;
    static const char *const families[] = { "qwen2", "llama3", "deepseek3", "mixtral", "qwen3moe", "phi3-longrope", "mistral-window", "llama-bf16" };
    enum { N = sizeof families / sizeof *families };
    count counts[SETTINGS] = { 0 };
    for (size_t i = 0; i < N; i++) {
        char path[512], other[512];
        snprintf(path, sizeof path, PINGTI_SOURCE_DIR "/tests/golden/models/%s", families[i]);
        snprintf(other, sizeof other, PINGTI_SOURCE_DIR "/tests/golden/models/%s", families[(i + 1) % N]);
        one_model(path, other, counts);
    }
    for (int k = 0; k < SETTINGS; k++) {
        printf("%-40s %6zu guesses, %6zu right\n", settings[k].name, counts[k].guessed, counts[k].accepted);
        assert_true(counts[k].guessed > 0);
    }
    assert_true(counts[4].accepted > 0); /* it draws as it draws itself; how often it is asked is a matter of time */
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(guesses_change_no_token) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
