/* Every model of tests/golden/models, from its Hugging Face directory and from its GGUF: the logits that transformers computed,
 * within 1e-4 of the largest, and its 40 greedy tokens, whether the prompt comes whole or in pieces. */
#include "unit/check.h"
#include "golden/models/run.h"
#include <dirent.h>

static const double BOUND = 1e-4;

/* Returns how many cases failed; each failure is printed, so that one run shows all. */
static int run_model(const char *path, const golden *g, double *worst) {
    err e = { 0 };
    model_source *s = model_source_open(path, &e);
    model *m = s ? model_open(s, &e) : NULL;
    runner *r = m && golden_fits(m, g, &e) ? golden_runner(m, &e) : NULL;
    int failed = 0;
    if (!r) {
        char text[2048];
        err_format(&e, text, sizeof text);
        print_error("%s: %s\n", path, text);
        failed = 1;
    }
    for (size_t i = 0; r && i < g->n_cases; i++) {
        const golden_case *c = &g->cases[i];
        for (size_t chunk = 512; chunk; chunk = chunk == 512 ? 7 : 0) {
            golden_result got = golden_run_case(r, c, chunk);
            if (got.error > *worst) *worst = got.error;
            if (got.error <= BOUND && got.n_equal == c->n_greedy && got.rope_as_asked) continue;
            print_error("%s, prompt of %u in pieces of %zu: error %.2e of at most %.0e, %u of %u greedy tokens%s\n", path, c->n_prompt, chunk, got.error, BOUND,
                        got.n_equal, c->n_greedy, got.rope_as_asked ? "" : ", the other rope table");
            failed++;
        }
    }
    runner_free(r);
    model_close(m);
    model_source_close(s);
    return failed;
}

static int run_directory(const char *dir, size_t *n_models, double *worst) {
    char path[640], gguf[640];
    err e = { 0 };
    golden g;
    snprintf(path, sizeof path, "%s/golden.bin", dir);
    snprintf(gguf, sizeof gguf, "%s/model.gguf", dir);
    if (!golden_open(&g, path, &e)) {
        print_error("%s: %s\n", dir, e.what);
        return 1;
    }
    int failed = run_model(dir, &g, worst);
    ++*n_models;
    if (file_exists(gguf)) {
        failed += run_model(gguf, &g, worst);
        ++*n_models;
    }
    golden_close(&g);
    return failed;
}

static void every_family_computes_what_transformers_does(void **state) {
    (void)state;
    const char *root = PINGTI_SOURCE_DIR "/tests/golden/models";
    DIR *d = opendir(root);
    assert_non_null(d);
    size_t n_models = 0;
    int failed = 0;
    double worst = 0;
    for (struct dirent *entry; (entry = readdir(d));) {
        char dir[512], config[560];
        snprintf(dir, sizeof dir, "%s/%.200s", root, entry->d_name);
        snprintf(config, sizeof config, "%s/config.json", dir);
        if (entry->d_name[0] != '.' && file_exists(config)) failed += run_directory(dir, &n_models, &worst);
    }
    closedir(d);
    printf("%zu models, largest error %.1e of the largest logit\n", n_models, worst);
    assert_true(n_models >= 60);
    assert_int_equal(failed, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(every_family_computes_what_transformers_does) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
