/* The sampler: each parameter against a distribution computed by hand, draws against their probabilities. */
#include "unit/check.h"
#include "base/rng.h"
#include "infer/sample.h"
#include <math.h>

enum { V = 8 };
static const float base[V] = { 1.0f, 3.0f, 2.0f, 3.0f, -1.0f, 0.0f, 2.5f, 0.5f };
static sample_scratch scratch;

static sampled draw(sample_params p, const int32_t *tokens, size_t n, size_t n_prompt) {
    sample_state state = { 0 };
    return sample_token(&p, &state, base, V, V, tokens, n, n_prompt, &scratch);
}

static void shares(sample_params p, double out[V]) {
    int32_t none[1] = { 0 };
    memset(out, 0, V * sizeof *out);
    for (uint64_t s = 0; s < 40000; s++) {
        p.seed = s;
        out[draw(p, none, 1, 1).id] += 1.0 / 40000;
    }
}

static void greedy_takes_the_lowest_of_equals(void **state) {
    (void)state;
    int32_t t[1] = { 0 };
    assert_int_equal(draw((sample_params){ 0 }, t, 1, 1).id, 1);
    float padded[V];
    memcpy(padded, base, sizeof base);
    padded[7] = 99; /* a logit beyond what the tokenizer knows */
    assert_int_equal(sample_token(&(sample_params){ 0 }, &(sample_state){ 0 }, padded, V, 7, t, 1, 1, &scratch).id, 1);
}

static void plain_draws_follow_softmax(void **state) {
    (void)state;
    double got[V], z = 0;
    shares((sample_params){ .temperature = 0.7f }, got);
    for (int i = 0; i < V; i++) z += exp(base[i] / 0.7);
    for (int i = 0; i < V; i++) assert_true(fabs(got[i] - exp(base[i] / 0.7) / z) < 0.012);
}

static void cuts_keep_what_they_should(void **state) {
    (void)state;
    double got[V];
    shares((sample_params){ .temperature = 1, .top_k = 2 }, got);
    assert_true(got[1] > 0.47 && got[3] > 0.47 && got[1] + got[3] > 0.9999);
    shares((sample_params){ .temperature = 1, .top_p = 0.5f }, got); /* 1: .318, 3: .318 -> two are enough */
    assert_true(got[1] + got[3] > 0.9999);
    shares((sample_params){ .temperature = 1, .min_p = 0.5f }, got); /* exp(-.5) = .61 keeps token 6, exp(-1) = .37 drops 2 */
    assert_true(got[6] > 0.2 && got[2] == 0 && got[1] > 0.3);
}

/* The definition at the top of draw.h, word for word: everything is sorted, everything is added up. */
static int by_weight_then_id(const void *x, const void *y) {
    const draw_candidate *a = x, *b = y;
    if (a->p != b->p) return a->p > b->p ? -1 : 1;
    return (a->id > b->id) - (a->id < b->id);
}

static uint64_t parts(float p) { return (uint64_t)((double)p * 0x1p45); }

static int32_t plainly(const draw_rule *r, const float *logits, size_t n, double u, draw_candidate *c) {
    float max = -INFINITY, least = r->top_k || (r->top_p > 0 && r->top_p < 1) ? 1e-7f : 0x1p-45f;
    size_t kept = 0;
    uint64_t sum = 0, run = 0;
    if (r->min_p > least) least = r->min_p;
    for (size_t i = 0; i < n; i++) max = fmaxf(max, logits[i]);
    for (size_t i = 0; i < n; i++) {
        float w = expf((logits[i] - max) / r->temperature);
        if (w >= least) c[kept++] = (draw_candidate){ w, (int32_t)i };
    }
    qsort(c, kept, sizeof *c, by_weight_then_id);
    if (r->top_k && kept > r->top_k) kept = r->top_k;
    for (size_t i = 0; i < kept; i++) sum += parts(c[i].p);
    for (size_t i = 0; r->top_p > 0 && r->top_p < 1 && i < kept; i++)
        if ((double)(run += parts(c[i].p)) >= r->top_p * (double)sum) kept = i + 1, sum = run;
    run = 0;
    for (size_t i = 0; i < kept; i++)
        if ((double)(run += parts(c[i].p)) > u * (double)sum) return c[i].id;
    return c[kept - 1].id;
}

typedef enum shape { SPREAD, FLAT, PEAKED, TIED, EQUAL, SOME_FORBIDDEN, SHAPES } shape;

static float random_logit(shape s, uint64_t seed, size_t i) {
    double u = rng_uniform(seed, i, 1), v = rng_uniform(seed, i, 2), g = sqrt(-2 * log(u + 1e-12)) * cos(6.283185307 * v);
    switch (s) {
    case SPREAD: return (float)(3 * g);
    case FLAT: return (float)(0.01 * g + 1e4); /* neighbouring floats, and weights that round together */
    case PEAKED: return (float)(v < 0.01 ? 12 + g : g - 8);
    case TIED: return (float)(rint(2 * g) / 2);
    case EQUAL: return -7;
    default: return v < 0.3 ? -INFINITY : (float)g;
    }
}

/* Every way the cuts can meet, over vocabularies of all sizes: the token is the definition's. */
static void draws_are_those_of_the_full_sort(void **state) {
    (void)state;
    enum { MOST = 151936, CASES = 3000 };
    float *logits = malloc(MOST * sizeof *logits);
    draw_candidate *c = malloc(MOST * sizeof *c);
    draw_scratch s;
    err e;
    const float temperatures[] = { 0.8f, 1, 0.05f, 2.5f, 100 }, top_ps[] = { 0, 0.95f, 0.5f, 1e-6f, 0.999f, 1 }, min_ps[] = { 0, 0.05f, 0.9f, 1, 1e-9f };
    const uint32_t top_ks[] = { 0, 40, 1, 3, 300, 5000 };
    check_ok(draw_scratch_new(&s, MOST, &e), &e);
    for (uint64_t k = 0; k < CASES; k++) {
        uint32_t x[4];
        rng_philox(77, k, 0, x);
        size_t n = k % 500 == 0 ? MOST : 1 + x[0] % (k % 3 ? 300 : 6000);
        draw_rule r = { temperatures[x[1] % 5], top_ks[x[2] % 6], top_ps[x[3] % 6], min_ps[x[0] / 7 % 5] };
        for (size_t i = 0; i < n; i++) logits[i] = random_logit((shape)(x[1] / 11 % SHAPES), k, i);
        logits[x[2] / 13 % n] = 2; /* never all forbidden */
        for (int d = 0; d < 8; d++) {
            double u = d == 7 ? 1 - 0x1p-53 : d == 6 ? 0 : rng_uniform(k, (uint64_t)d, 9);
            assert_int_equal(draw_token(&r, logits, n, u, &s), plainly(&r, logits, n, u, c));
        }
        int32_t best = draw_greedy(logits, n);
        for (size_t i = 0; i < n; i++) assert_true(i < (size_t)best ? logits[i] < logits[best] : logits[i] <= logits[best]);
    }
    free(logits);
    free(c);
    draw_scratch_free(&s);
}

static void no_number_is_never_drawn(void **state) {
    (void)state;
    float x[V] = { NAN, 1, NAN, 2, NAN, NAN, 0, NAN }, none[V];
    draw_rule r = { .temperature = 1 };
    for (int i = 0; i < V; i++) none[i] = NAN;
    assert_int_equal(draw_greedy(x, V), 3);
    assert_int_equal(draw_greedy(none, V), 0);
    for (int i = 0; i < 100; i++) assert_true(isfinite(x[draw_token(&r, x, V, i / 100.0, &scratch.draw)]));
    assert_int_equal(draw_token(&r, none, V, 0.5, &scratch.draw), 0);
    float forbidden[V] = { -INFINITY, -INFINITY, 3, -INFINITY, -INFINITY, -INFINITY, -INFINITY, -INFINITY };
    assert_int_equal(draw_token(&r, forbidden, V, 0.99, &scratch.draw), 2);
}

static void penalties_and_bias(void **state) {
    (void)state;
    int32_t t[] = { 1, 3, 3, 3 };
    assert_int_equal(draw((sample_params){ .repeat_penalty = 2 }, t, 4, 4).id, 6);
    assert_int_equal(draw((sample_params){ .presence_penalty = 0.6f }, t, 4, 1).id, 1);  /* 3 was answered, 1 is prompt */
    assert_int_equal(draw((sample_params){ .frequency_penalty = 0.3f, .presence_penalty = 0 }, t, 4, 0).id, 1); /* 1: 2.7, 3: 2.1, 6: 2.5 */
    logit_bias b[] = { { 1, -100 }, { 3, -100 }, { 4, 50 } };
    assert_int_equal(draw((sample_params){ .bias = b, .n_bias = 2 }, t, 1, 1).id, 6);
    assert_int_equal(draw((sample_params){ .bias = b, .n_bias = 3 }, t, 1, 1).id, 4);
    for (int i = 0; i < V; i++) assert_int_equal(scratch.count[i], 0);
}

static void logprobs_are_the_models_own(void **state) {
    (void)state;
    int32_t t[1] = { 1 };
    double z = 0;
    for (int i = 0; i < V; i++) z += exp(base[i]);
    sampled s = draw((sample_params){ .n_logprobs = 4, .repeat_penalty = 5 }, t, 1, 1);
    assert_int_equal(s.id, 3);
    assert_true(fabs(s.logprob - (3 - log(z))) < 1e-5);
    const int32_t order[4] = { 1, 3, 6, 2 };
    assert_int_equal(s.n_top, 4);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(s.top[i].id, order[i]);
        assert_true(fabs(s.top[i].logprob - (base[order[i]] - log(z))) < 1e-5);
    }
}

static void parameters_are_checked(void **state) {
    (void)state;
    err e;
    logit_bias b = { V, 1 };
    assert_true(sample_check(&(sample_params){ .temperature = 1, .top_p = 0.9f }, V, &e));
    assert_false(sample_check(&(sample_params){ .temperature = -1 }, V, &e));
    assert_false(sample_check(&(sample_params){ .temperature = NAN }, V, &e));
    assert_false(sample_check(&(sample_params){ .top_p = 1.5f }, V, &e));
    assert_false(sample_check(&(sample_params){ .bias = &b, .n_bias = 1 }, V, &e));
    assert_false(sample_check(&(sample_params){ .n_logprobs = 21 }, V, &e));
    assert_true(sample_check(&(sample_params){ .temperature = 1, .mirostat = 2, .dry = { .multiplier = 1 }, .dynamic_range = 0.5f }, V, &e));
    const sample_params wrong[] = { { .typical_p = 1.1f }, { .xtc_probability = -0.1f }, { .xtc_threshold = 2 }, { .dynamic_range = -1 }, { .dynamic_exponent = NAN },
                                    { .mirostat = 3 }, { .mirostat_tau = -1 }, { .mirostat_eta = 2 }, { .dry = { .multiplier = -1 } }, { .dry = { .multiplier = 1, .base = 0.5f } },
                                    { .mirostat = 1, .top_k = 4 }, { .mirostat = 2, .typical_p = 0.5f }, { .mirostat = 2, .temperature_last = true } };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) assert_false(sample_check(&wrong[i], V, &e));
}

int main(void) {
    err e;
    if (!sample_scratch_new(&scratch, V, &e)) return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(greedy_takes_the_lowest_of_equals), cmocka_unit_test(plain_draws_follow_softmax),
        cmocka_unit_test(cuts_keep_what_they_should),        cmocka_unit_test(draws_are_those_of_the_full_sort),
        cmocka_unit_test(no_number_is_never_drawn),          cmocka_unit_test(penalties_and_bias),
        cmocka_unit_test(logprobs_are_the_models_own),       cmocka_unit_test(parameters_are_checked),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    sample_scratch_free(&scratch);
    return failed;
}
