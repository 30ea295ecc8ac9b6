/* logits_driver MODEL golden.bin [BOUND]: runs a model (a GGUF file or a Hugging Face directory) over the cases of a golden
 * file and prints for each the largest error, as a share of the largest |logit|, and the greedy tokens that agree.
 * Exit status: 0 all within BOUND (1e-4) and all tokens equal, 1 not, 2 the model or the file could not be opened. */
#include "golden/models/run.h"
#include <stdio.h>

static int complain(const err *e) {
    char text[2048];
    err_format(e, text, sizeof text);
    fprintf(stderr, "%s\n", text);
    return 2;
}

static bool run_cases(runner *r, const golden *g, double bound) {
    bool ok = true;
    for (size_t i = 0; i < g->n_cases; i++) {
        const golden_case *c = &g->cases[i];
        golden_result got = golden_run_case(r, c, 512);
        bool good = got.error <= bound && got.n_equal == c->n_greedy && got.rope_as_asked;
        printf("%s prompt %u: error %.2e, greedy %u of %u%s\n", good ? "ok    " : "FAILED", c->n_prompt, got.error, got.n_equal, c->n_greedy,
               got.rope_as_asked ? "" : ", the other rope table than the golden one");
        ok = ok && good;
    }
    return ok;
}

int main(int argc, char **argv) {
    if (argc < 3 || argc > 4) return fprintf(stderr, "usage: logits_driver MODEL golden.bin [BOUND]\n"), 2;
    err e = { 0 };
    golden g;
    if (!golden_open(&g, argv[2], &e)) return complain(&e);
    int status = 2;
    runner *r = NULL;
    model *m = NULL;
    model_source *s = model_source_open(argv[1], &e);
    if (s) m = model_open(s, &e);
    if (m && golden_fits(m, &g, &e)) r = golden_runner(m, &e);
    if (r) status = run_cases(r, &g, argc == 4 ? strtod(argv[3], NULL) : 1e-4) ? 0 : 1;
    else complain(&e);
    if (r) runner_free(r);
    if (m) model_close(m);
    if (s) model_source_close(s);
    golden_close(&g);
    return status;
}
