/* long_driver MODEL long.bin: runs a model over the cases of a file of tests/golden/long's form and prints for each the largest error, as
 * a share of the largest |logit|. Exit status: 0 all within 1e-4 with the rope table that was asked for, 1 not, 2 it could not be opened. */
#include "golden/long/run.h"
#include <stdio.h>

static int complain(const err *e) {
    char text[2048];
    err_format(e, text, sizeof text);
    fprintf(stderr, "%s\n", text);
    return 2;
}

int main(int argc, char **argv) {
    if (argc != 3) return fprintf(stderr, "usage: long_driver MODEL long.bin\n"), 2;
    err e = { 0 };
    long_file g;
    if (!long_open(&g, argv[2], &e)) return complain(&e);
    model_source *s = model_source_open(argv[1], &e);
    model *m = s ? model_open(s, &e) : NULL;
    runner *r = m ? long_runner(m, &g, &e) : NULL;
    int status = r ? 0 : complain(&e);
    for (size_t i = 0; r && i < g.n_cases; i++) {
        long_result got = long_run_case(r, &g.cases[i], 512);
        bool good = got.error <= 1e-4 && got.table_as_asked;
        printf("%s session of %u: error %.2e%s\n", good ? "ok    " : "FAILED", g.cases[i].n_session, got.error, got.table_as_asked ? "" : ", another rope table");
        if (!good) status = 1;
    }
    runner_free(r);
    if (m) model_close(m);
    model_source_close(s);
    long_close(&g);
    return status;
}
