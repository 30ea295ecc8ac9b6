/* The samplers against llama.cpp's (tests/golden/sampler/make.py): what stays of a distribution and how likely it is, Mirostat's way
 * through a text, what DRY takes from logits. */
#include "unit/check.h"
#include "base/json.h"
#include "infer/cut.h"
#include "infer/heal.h"
#include "infer/llm.h"
#include <math.h>

#define GOLDEN PINGTI_SOURCE_DIR "/tests/golden/sampler/"
enum { MOST = 1024 };

static json_t *cases;
static sample_scratch scratch;
static float logits[MOST];

static double number(const json_t *o, const char *key) {
    json_t *v = js_get(o, key);
    return v ? json_number_value(v) : 0;
}

static size_t read_logits(const json_t *list) {
    size_t n = json_array_size(list);
    assert_true(n <= MOST);
    for (size_t i = 0; i < n; i++) logits[i] = (float)json_integer_value(json_array_get(list, i)) / 64;
    return n;
}

static sample_params read_params(const json_t *p) {
    return (sample_params){ .temperature = (float)number(p, "temperature"), .temperature_last = json_is_true(js_get(p, "temperature_last")),
                            .dynamic_range = (float)number(p, "dynamic_range"), .dynamic_exponent = (float)number(p, "dynamic_exponent"),
                            .top_k = (uint32_t)number(p, "top_k"), .top_p = (float)number(p, "top_p"), .min_p = (float)number(p, "min_p"),
                            .typical_p = (float)number(p, "typical_p"), .xtc_probability = (float)number(p, "xtc_probability"),
                            .xtc_threshold = (float)number(p, "xtc_threshold"), .mirostat = (int)number(p, "mirostat"),
                            .mirostat_tau = (float)number(p, "mirostat_tau"), .mirostat_eta = (float)number(p, "mirostat_eta") };
}

static double probability_of(const json_t *kept, int32_t id) {
    size_t i;
    json_t *pair;
    json_array_foreach(kept, i, pair)
        if (json_integer_value(json_array_get(pair, 0)) == id) return json_number_value(json_array_get(pair, 1));
    return -1;
}

static void what_stays_is_llama_cpps(void **state) {
    (void)state;
    size_t i;
    json_t *c;
    json_array_foreach(js_get(cases, "cuts"), i, c) {
        size_t n = read_logits(js_get(c, "logits")), kept = json_array_size(js_get(c, "kept"));
        sample_params p = read_params(js_get(c, "params"));
        draw_candidate *list;
        size_t got = sample_candidates(&p, logits, n, 3, &scratch.draw, &list);
        double sum = 0;
        if (!got) list[0] = (draw_candidate){ 1, draw_greedy(logits, n) }, got = 1;
        for (size_t k = 0; k < got; k++) sum += list[k].p;
        if (got != kept) fail_msg("case %zu: %zu tokens stay, not %zu", i, got, kept);
        for (size_t k = 0; k < got; k++) {
            double want = probability_of(js_get(c, "kept"), list[k].id);
            if (!(fabs(list[k].p / sum - want) < 2e-6)) fail_msg("case %zu: token %d has %g, not %g", i, list[k].id, list[k].p / sum, want);
        }
    }
    printf("%zu cases\n", i);
    assert_true(i > 50);
}

/* A seed for which the same token is drawn as there: its generator is another. */
static void draw_the_same(sample_params *p, sample_state *s, size_t n, int32_t chosen) {
    for (p->seed = 0; p->seed < 100000; p->seed++) {
        sample_state then = *s;
        int32_t none[1] = { 0 };
        if (sample_token(p, &then, logits, n, n, none, 1, 1, &scratch).id != chosen) continue;
        *s = then;
        return;
    }
    fail_msg("token %d is never drawn", chosen);
}

static void mirostat_goes_llama_cpps_way(void **state) {
    (void)state;
    size_t i, k;
    json_t *c, *step;
    json_array_foreach(js_get(cases, "mirostat"), i, c) {
        sample_params p = read_params(js_get(c, "params"));
        sample_state s = { 0 };
        json_array_foreach(js_get(c, "steps"), k, step) {
            size_t n = read_logits(js_get(step, "logits")), want = (size_t)number(step, "kept");
            draw_candidate *list, *spare;
            size_t all = draw_list(&(draw_rule){ .temperature = p.temperature }, logits, n, &scratch.draw, &list, &spare);
            size_t kept = cut_mirostat(list, all, p.mirostat, k ? s.mu : 2 * p.mirostat_tau, n);
            if (kept != want) fail_msg("version %d, step %zu: %zu tokens stay, not %zu", p.mirostat, k, kept, want);
            draw_the_same(&p, &s, n, (int32_t)number(step, "chosen"));
        }
    }
    assert_true(i >= 8);
}

static dry_breakers *read_breakers(const json_t *texts, const tokenizer *t) {
    const char *all[DRY_MAX_BREAKERS];
    size_t n = json_array_size(texts);
    err e = { 0 };
    for (size_t i = 0; i < n; i++) all[i] = json_string_value(json_array_get(texts, i));
    dry_breakers *b = dry_breakers_new(t, all, n, &e);
    check_ok(b != NULL, &e);
    return b;
}

static void dry_takes_what_llama_cpps_takes(void **state) {
    (void)state;
    err e = { 0 };
    tokenizer *t = llm_open_tokenizer(GOLDEN "vocab.gguf", &e);
    check_ok(t != NULL, &e);
    size_t i, k, n_vocab = tokenizer_n_tokens(t), taken = 0;
    json_t *c, *id;
    json_array_foreach(js_get(cases, "dry"), i, c) {
        const json_t *p = js_get(c, "params"), *text = js_get(c, "text"), *want = js_get(c, "penalties");
        int32_t tokens[MOST];
        json_array_foreach(text, k, id) tokens[k] = (int32_t)json_integer_value(id);
        dry_params d = { .multiplier = (float)number(p, "multiplier"), .base = (float)number(p, "base"), .allowed = (uint32_t)number(p, "allowed"),
                         .last = (uint32_t)number(p, "last"), .breakers = read_breakers(js_get(c, "breakers"), t) };
        memset(logits, 0, sizeof logits);
        dry_penalize(&d, logits, tokens, k, &scratch.dry, scratch.count);
        for (size_t v = 0; v < n_vocab; v++) {
            double there = probability_of(want, (int32_t)v), expected = there == -1 && !logits[v] ? 0 : there;
            if (!(fabs(logits[v] - expected) <= 1e-5 * fabs(expected))) fail_msg("case %zu: token %zu has %g, not %g", i, v, logits[v], expected);
            assert_int_equal(scratch.count[v], 0);
        }
        taken += json_array_size(want);
        dry_breakers_unref(d.breakers);
    }
    printf("%zu texts, %zu tokens made less likely\n", i, taken);
    assert_true(taken > 20);
    tokenizer_free(t);
}

static void impossible_breakers_are_refused(void **state) {
    (void)state;
    err e = { 0 };
    tokenizer *t = llm_open_tokenizer(GOLDEN "vocab.gguf", &e);
    const char *empty[] = { "a", "" }, *longest[] = { "12345678901234567890123456789012345678901" }, *many[65];
    for (int i = 0; i < 65; i++) many[i] = "x";
    assert_null(dry_breakers_new(t, empty, 2, &e));
    assert_null(dry_breakers_new(t, longest, 1, &e));
    assert_non_null(strstr(e.got, "41"));
    assert_null(dry_breakers_new(t, many, 65, &e));
    tokenizer_free(t);
}

static void healing_allows_what_transformers_allows(void **state) {
    (void)state;
    err e = { 0 };
    tokenizer *t = llm_open_tokenizer(GOLDEN "vocab.gguf", &e);
    check_ok(t != NULL, &e);
    size_t i, k, many = 0;
    json_t *c, *id;
    json_array_foreach(js_get(cases, "heal"), i, c) {
        int32_t prompt[2] = { 5, (int32_t)number(c, "last") };
        heal h;
        size_t allowed = 0;
        assert_true(heal_prompt(&h, t, prompt, 2));
        json_array_foreach(js_get(c, "allowed"), k, id) {
            size_t v = (size_t)json_integer_value(id);
            assert_true(h.allowed[v / 64] >> v % 64 & 1);
        }
        for (size_t w = 0; w < h.n_words; w++) allowed += (size_t)__builtin_popcountll(h.allowed[w]);
        assert_int_equal(allowed, k);
        many += k > 1;
        heal_free(&h);
        assert_false(heal_prompt(&h, t, prompt, 1)); /* nothing would be left */
    }
    printf("%zu endings, %zu of them with more than one way on\n", i, many);
    assert_true(many > 5);
    tokenizer_free(t);
}

static int load(void **state) {
    (void)state;
    err e = { 0 };
    cases = js_read(GOLDEN "cases.json", 1 << 24, &e);
    check_ok(cases != NULL, &e);
    return sample_scratch_new(&scratch, MOST, &e) ? 0 : 1;
}

static int let_go(void **state) {
    (void)state;
    json_decref(cases);
    sample_scratch_free(&scratch);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_stays_is_llama_cpps),
        cmocka_unit_test(mirostat_goes_llama_cpps_way),
        cmocka_unit_test(dry_takes_what_llama_cpps_takes),
        cmocka_unit_test(impossible_breakers_are_refused),
        cmocka_unit_test(healing_allows_what_transformers_allows),
    };
    return cmocka_run_group_tests(tests, load, let_go);
}
