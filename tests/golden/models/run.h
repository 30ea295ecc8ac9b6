/* Runs a model over the cases of a golden.bin, in exact precision with an f32 cache, and reports how far its logits lie from
 * the golden ones. Shared by the unit test and by tests/tools/logits_driver.c. One thread. */
#ifndef PINGTI_TESTS_GOLDEN_RUN_H
#define PINGTI_TESTS_GOLDEN_RUN_H
#include "golden/models/golden.h"
#include "infer/runner.h"
#include <math.h>

typedef struct golden_result {
    double error;       /* the largest |logit - golden| over the row's largest |golden|; infinite when one is not finite */
    uint32_t n_equal;   /* greedy tokens equal before the first that differs */
    bool rope_as_asked; /* the session's rope table is the one the golden values were made with */
} golden_result;

static inline double golden_row_error(const float *y, const float *want, uint32_t n) {
    double error = 0, largest = 0;
    for (uint32_t i = 0; i < n; i++) {
        double d = fabs((double)y[i] - (double)want[i]);
        if (!(d <= error)) error = isfinite(d) ? d : INFINITY;
        if (fabs((double)want[i]) > largest) largest = fabs((double)want[i]);
    }
    return error / largest;
}

static inline uint32_t golden_argmax(const float *y, uint32_t n) {
    uint32_t best = 0;
    for (uint32_t i = 1; i < n; i++)
        if (y[i] > y[best]) best = i;
    return best;
}

static inline void golden_worst(golden_result *r, double error) {
    if (error > r->error) r->error = error;
}

/* Every row of the prompt, in steps of at most `chunk` rows; returns the token that follows. */
static inline int32_t golden_prompt(runner *r, seq *s, const golden_case *c, size_t chunk, golden_result *out) {
    int32_t next = -1;
    for (size_t from = 0, to, at = 0; from < c->n_prompt; from = to) {
        size_t n_rows;
        to = from + chunk < c->n_prompt ? from + chunk : c->n_prompt;
        if (!seq_reserve(s, runner_kv(r), to)) return -1;
        run_slice slice = { s, from, to, LOGITS_ALL };
        const float *y = runner_step(r, &slice, 1, &n_rows);
        for (; at < c->n_rows && c->row_pos[at] < to; at++)
            golden_worst(out, golden_row_error(y + (c->row_pos[at] - from) * c->n_vocab, c->logits + at * c->n_vocab, c->n_vocab));
        next = (int32_t)golden_argmax(y + (to - from - 1) * c->n_vocab, c->n_vocab);
    }
    return next;
}

static inline golden_result golden_run_case(runner *r, const golden_case *c, size_t chunk) {
    golden_result out = { 0 };
    uint8_t rope = runner_rope_choice(r, c->n_session);
    kv_name root = runner_root_name(r, rope, NULL, 0);
    seq s;
    seq_init(&s, c->prompt, c->n_prompt, &root, rope, false);
    out.rope_as_asked = rope == c->rope_long;
    int32_t next = golden_prompt(r, &s, c, chunk, &out);
    while (out.n_equal < c->n_greedy && next == c->greedy[out.n_equal]) {
        if (++out.n_equal == c->n_greedy) break;
        size_t n = s.n, n_rows;
        seq_push(&s, next);
        if (!seq_reserve(&s, runner_kv(r), n + 1)) break;
        run_slice slice = { &s, n, n + 1, LOGITS_LAST };
        const float *y = runner_step(r, &slice, 1, &n_rows);
        if (out.n_equal + 1 == c->n_greedy) golden_worst(&out, golden_row_error(y, c->last_logits, c->n_vocab));
        next = (int32_t)golden_argmax(y, c->n_vocab);
    }
    seq_free(&s, runner_kv(r));
    return out;
}

/* What a model and its golden file must agree on before a case can run. */
static inline bool golden_fits(const model *m, const golden *g, err *e) {
    for (size_t i = 0; i < g->n_cases; i++) {
        const golden_case *c = &g->cases[i];
        if (c->n_vocab != m->spec.vocab)
            return err_set(e, ERR_FORMAT, "the model's vocabulary is not the golden file's") || err_expected(e, "%u", c->n_vocab) || err_got(e, "%u", m->spec.vocab);
        if (c->n_session > m->spec.context)
            return err_set(e, ERR_LIMIT, "case %zu is longer than the model's context", i) || err_expected(e, "at least %u", c->n_session) || err_got(e, "%u", m->spec.context);
        if (!c->n_prompt || !c->n_rows || c->row_pos[c->n_rows - 1] != c->n_prompt - 1)
            return err_set(e, ERR_FORMAT, "case %zu has no prompt, or no logits of its last token", i);
        for (uint32_t t = 0; t < c->n_prompt; t++)
            if (c->prompt[t] < 0 || (uint32_t)c->prompt[t] >= c->n_vocab) return err_set(e, ERR_FORMAT, "case %zu: token %u is not in the vocabulary", i, t);
    }
    return true;
}

static inline runner *golden_runner(model *m, err *e) {
    runner_options o = { .threads = 1, .batch_tokens = 512, .cache_type = DTYPE_F32, .precision = PRECISION_EXACT };
    return runner_new(m, &o, e);
}
#endif
