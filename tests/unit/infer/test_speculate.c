/* What is guessed ahead changes no token and no log probability: every family, every way to choose, right and wrong guesses, few pages,
 * strange clocks, and company, against an engine that computes one row a token. */
#include "unit/infer/models.h"
#include "base/rng.h"
#include "infer/engine.h"

enum { PROMPT = 80, ANSWER = 90, ASKERS = 5 };

static const sample_params ways[] = {
    { .temperature = 0 },
    { .temperature = 0.3f, .seed = 11, .want_logprob = true, .n_logprobs = 3 },
    { .temperature = 0.7f, .seed = 12, .top_k = 40, .top_p = 0.9f },
    { .temperature = 0, .repeat_penalty = 1.1f, .frequency_penalty = 0.01f, .want_logprob = true },
    { .temperature = 1, .seed = 14, .min_p = 0.3f, .presence_penalty = 0.2f },
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

static engine *start(model *m, precision p, const engine_setup *o, uint32_t cache_tokens) {
    err e = { 0 };
    runner_options ro = { .threads = 2, .context = m->spec.context < 256 ? m->spec.context : 256, .cache_tokens = cache_tokens, .batch_tokens = 64, .cache_type = DTYPE_F16, .precision = p };
    runner *r = runner_new(m, &ro, &e);
    check_ok(r != NULL, &e);
    engine *en = engine_start_with(r, m->spec.vocab, o, &e);
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

static void one_model(const char *path, size_t *guessed, size_t *accepted) {
    static answer plain[ASKERS], got[ASKERS];
    opened_model o = open_model(path);
    const engine_setup setups[] = { { 0 }, { .most_guesses = 1 }, { .clock = wild_clock }, { .most_guesses = 5, .clock = wild_clock } };
    const uint32_t caches[] = { 2048, 256, 1024, 320 };
    precision p = strstr(path, "bf16") || strstr(path, "3-h") ? PRECISION_EXACT : PRECISION_FAST;
    engine *en = start(o.m, p, &(engine_setup){ .no_guesses = true }, 2048);
    ask_all(en, plain);
    assert_int_equal(engine_stats_now(en).guessed_tokens, 0);
    engine_stop(en);
    for (int k = 0; k < 4; k++) {
        char how[32];
        snprintf(how, sizeof how, "setting %d", k);
        en = start(o.m, p, &setups[k], caches[k]);
        ask_all(en, got);
        compare(path, plain, got, how);
        ask_all(en, got); /* once more, upon the pages of the first time */
        compare(path, plain, got, how);
        engine_stats s = engine_stats_now(en);
        *guessed += s.guessed_tokens;
        *accepted += s.accepted_tokens;
        engine_stop(en);
    }
    close_model(&o);
}

static void guesses_change_no_token(void **state) {
    (void)state;
    static const char *const families[] = { "qwen2", "llama3", "deepseek3", "mixtral", "qwen3moe", "phi3-longrope", "mistral-window", "llama-bf16" };
    for (size_t i = 0; i < sizeof families / sizeof *families; i++) {
        char path[512];
        size_t guessed = 0, accepted = 0;
        snprintf(path, sizeof path, PINGTI_SOURCE_DIR "/tests/golden/models/%s", families[i]);
        one_model(path, &guessed, &accepted);
        printf("%-16s %5zu guesses, %5zu right\n", families[i], guessed, accepted);
        assert_true(guessed > 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(guesses_change_no_token) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
