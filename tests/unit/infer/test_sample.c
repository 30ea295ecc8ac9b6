/* The sampler: each parameter against a distribution computed by hand, draws against their probabilities. */
#include "unit/check.h"
#include "infer/sample.h"
#include <math.h>

enum { V = 8 };
static const float base[V] = { 1.0f, 3.0f, 2.0f, 3.0f, -1.0f, 0.0f, 2.5f, 0.5f };
static sample_scratch scratch;

static sampled draw(sample_params p, const int32_t *tokens, size_t n, size_t n_prompt) {
    return sample_token(&p, base, V, V, tokens, n, n_prompt, &scratch);
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
    assert_int_equal(sample_token(&(sample_params){ 0 }, padded, V, 7, t, 1, 1, &scratch).id, 1);
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
}

int main(void) {
    err e;
    if (!sample_scratch_new(&scratch, V, &e)) return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(greedy_takes_the_lowest_of_equals), cmocka_unit_test(plain_draws_follow_softmax),
        cmocka_unit_test(cuts_keep_what_they_should),        cmocka_unit_test(penalties_and_bias),
        cmocka_unit_test(logprobs_are_the_models_own),       cmocka_unit_test(parameters_are_checked),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    sample_scratch_free(&scratch);
    return failed;
}
