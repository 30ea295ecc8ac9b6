/* What storing K and V in fewer bits costs, in exact precision against an f32 cache: KL divergence and top-1 agreement on the golden models and
 * on trained ones where they lie beside the checkout, each with a bound. docs/cache.md has the measurements. */
#include "unit/infer/models.h"
#include "base/mem.h"
#include "infer/runner.h"
#include <math.h>

enum { TOKENS = 240 };

static float *all_logits(model *m, dtype cache, const int32_t *tokens, size_t n) {
    err e = { 0 };
    size_t rows, vocab = m->spec.vocab;
    runner *r = runner_new(m, &(runner_options){ .threads = 2, .context = TOKENS, .batch_tokens = TOKENS, .cache_type = cache, .precision = PRECISION_EXACT }, &e);
    check_ok(r != NULL, &e);
    kv_name root = runner_root_name(r, 0, NULL, 0);
    seq s;
    seq_init(&s, tokens, n, &root, 0, false);
    assert_true(seq_reserve(&s, runner_kv(r), n));
    float *copy = mem_must(n * vocab, sizeof *copy);
    memcpy(copy, runner_step(r, &(run_slice){ &s, 0, n, LOGITS_ALL }, 1, &rows), n * vocab * sizeof *copy);
    seq_free(&s, runner_kv(r));
    runner_free(r);
    return copy;
}

static double log_sum(const float *a, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += exp((double)a[i]);
    return log(sum);
}

static size_t argmax(const float *a, size_t n) {
    size_t best = 0;
    for (size_t i = 1; i < n; i++) best = a[i] > a[best] ? i : best;
    return best;
}

/* A text that the model itself goes on with, which is what it was made for; every 20th token is another one, so that it does not run in a circle. */
static void own_text(model *m, int32_t *tokens) {
    err e = { 0 };
    runner *r = runner_new(m, &(runner_options){ .threads = 1, .context = TOKENS, .batch_tokens = 1, .cache_type = DTYPE_F32, .precision = PRECISION_EXACT }, &e);
    check_ok(r != NULL, &e);
    kv_name root = runner_root_name(r, 0, NULL, 0);
    size_t rows;
    seq s;
    tokens[0] = 1;
    seq_init(&s, tokens, 1, &root, 0, false);
    for (size_t n = 1; n < TOKENS; n++) {
        assert_true(seq_reserve(&s, runner_kv(r), n));
        float *y = runner_step(r, &(run_slice){ &s, n - 1, n, LOGITS_LAST }, 1, &rows);
        tokens[n] = n % 20 ? (int32_t)argmax(y, m->spec.vocab) : (int32_t)(n * 37 % m->spec.vocab);
        seq_push(&s, tokens[n]);
    }
    seq_free(&s, runner_kv(r));
    runner_free(r);
}

static void measure(const char *path, dtype cache, double most_kl, double least_top1) {
    opened_model o = open_model(path);
    size_t vocab = o.m->spec.vocab, agree = 0;
    int32_t tokens[TOKENS];
    double kl = 0;
    own_text(o.m, tokens);
    float *a = all_logits(o.m, DTYPE_F32, tokens, TOKENS), *b = all_logits(o.m, cache, tokens, TOKENS);
    for (size_t t = 0; t < TOKENS; t++) {
        const float *x = a + t * vocab, *y = b + t * vocab;
        double zx = log_sum(x, vocab), zy = log_sum(y, vocab);
        for (size_t i = 0; i < vocab; i++) kl += exp(x[i] - zx) * ((x[i] - zx) - (y[i] - zy));
        agree += argmax(x, vocab) == argmax(y, vocab);
    }
    printf("%-14s %-5s cache against F32: KL %.7f nats, top-1 agreement %.2f %%\n", strrchr(path, '/') + 1, dtype_name(cache), kl / TOKENS, 100.0 * (double)agree / TOKENS);
    assert_true(kl / TOKENS < most_kl);
    assert_true((double)agree / TOKENS >= least_top1);
    free(a);
    free(b);
    close_model(&o);
}

static void the_cache_formats_lose_little(void **state) {
    (void)state;
    static const char *const golden[] = { "llama2", "qwen2", "phi3", "deepseek2" };
    static const char *const trained[] = { "stories260K", "babyllama-1M" };
    char path[4400];
    for (size_t i = 0; i < sizeof golden / sizeof *golden; i++) {
        snprintf(path, sizeof path, "%s/tests/golden/models/%s", PINGTI_SOURCE_DIR, golden[i]);
        measure(path, DTYPE_F16, 1e-5, 0.98);
        measure(path, DTYPE_Q8_0, 2e-3, 0.95);
    }
    for (size_t i = 0; check_data_dir() && i < sizeof trained / sizeof *trained; i++) {
        snprintf(path, sizeof path, "%s/models/%s", check_data_dir(), trained[i]);
        if (!file_is_dir(path)) continue;
        measure(path, DTYPE_F16, 1e-4, 0.98);
        measure(path, DTYPE_Q8_0, 1e-2, 0.95);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(the_cache_formats_lose_little) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
