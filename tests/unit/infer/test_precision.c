/* How far fast mode (int8 activations) is from exact, measured on the golden models and on a real one where it lies beside the
 * checkout, with weights in several block formats: KL divergence and top-1 agreement, each with a bound. */
#include "unit/infer/encode.h"
#include "unit/infer/models.h"
#include "base/mem.h"
#include "infer/runner.h"
#include "tensor/quant.h"
#include <math.h>

enum { TOKENS = 256 };

static float *all_logits(model *m, precision p, const int32_t *tokens) {
    err e = { 0 };
    size_t rows, vocab = m->spec.vocab;
    runner *r = runner_new(m, &(runner_options){ .threads = 2, .context = TOKENS, .batch_tokens = TOKENS, .cache_type = DTYPE_F16, .precision = p }, &e);
    check_ok(r != NULL, &e);
    kv_name root = runner_root_name(r, 0, NULL, 0);
    seq s;
    seq_init(&s, tokens, TOKENS, &root, 0, false);
    assert_true(seq_reserve(&s, runner_kv(r), TOKENS));
    float *copy = mem_must(TOKENS * vocab, sizeof *copy), *logits = runner_step(r, &(run_slice){ &s, 0, TOKENS, LOGITS_ALL }, 1, &rows);
    memcpy(copy, logits, TOKENS * vocab * sizeof *copy);
    seq_free(&s, runner_kv(r));
    runner_free(r);
    return copy;
}

static double kl(const float *a, const float *b, size_t n, bool *same_top) {
    double za = 0, zb = 0, sum = 0;
    size_t top_a = 0, top_b = 0;
    for (size_t i = 0; i < n; i++) {
        za += exp((double)a[i]);
        zb += exp((double)b[i]);
        if (a[i] > a[top_a]) top_a = i;
        if (b[i] > b[top_b]) top_b = i;
    }
    for (size_t i = 0; i < n; i++) sum += exp(a[i]) / za * ((a[i] - log(za)) - (b[i] - log(zb)));
    *same_top = top_a == top_b;
    return sum;
}

static void measure(const char *path, dtype t, double most_kl, double least_top1) {
    opened_model o = open_model(path);
    void *memory[1024];
    size_t n = encode_model(o.m, t, memory), agree = 0;
    int32_t tokens[TOKENS];
    double total = 0;
    assert_true(n > 0 && n < 1024);
    for (int i = 0; i < TOKENS; i++) tokens[i] = (i * 37 + i / 7) % (int32_t)o.m->spec.vocab;
    float *exact = all_logits(o.m, PRECISION_EXACT, tokens), *fast = all_logits(o.m, PRECISION_FAST, tokens);
    for (size_t i = 0; i < TOKENS; i++) {
        bool same;
        total += kl(exact + i * o.m->spec.vocab, fast + i * o.m->spec.vocab, o.m->spec.vocab, &same);
        agree += same;
    }
    const char *name = strrchr(path, '/') + 1;
    printf("%-14s %-5s fast against exact: KL %.5f nats, top-1 agreement %.1f %%\n", name, dtype_name(t), total / TOKENS, 100.0 * (double)agree / TOKENS);
    assert_true(total / TOKENS < most_kl);
    assert_true((double)agree / TOKENS >= least_top1);
    for (size_t i = 0; i < n; i++) free(memory[i]);
    free(exact);
    free(fast);
    close_model(&o);
}

static void fast_stays_near_exact(void **state) {
    (void)state;
    static const dtype formats[] = { DTYPE_Q8_0, DTYPE_Q4_0, DTYPE_Q5_1 };
    char path[8192];
    for (size_t i = 0; i < 3; i++) {
        const char *data = check_data_dir();
        if (data) {
            snprintf(path, sizeof path, "%s/models/babyllama-1M", data);
            measure(path, formats[i], 0.005, 0.95);
        } else printf("no real models beside the checkout: golden models alone\n");
    }
    measure(PINGTI_SOURCE_DIR "/tests/golden/precision/model", DTYPE_Q8_0, 0.01, 0.9);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(fast_stays_near_exact) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
