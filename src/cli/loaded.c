#include "cli/loaded.h"
#include "cli/interrupt.h"

static bool interrupted(void *ctx) { return (void)ctx, interrupt_seen(); }

bool loaded_open(loaded *l, const char *path, const engine_options *o, uint32_t context, bool with_exact, err *e) {
    runner_options ro;
    *l = (loaded){ 0 };
    if (!engine_runner_options(o, &ro, e)) return false;
    bool ok = (l->source = model_source_open(path, e)) && (l->model = model_open(l->source, e));
    if (ok && context > rope_longest_context(&l->model->spec))
        ok = err_set(e, ERR_LIMIT, "the model was not made for this context") || err_expected(e, "at most %u tokens", rope_longest_context(&l->model->spec)) ||
             err_got(e, "%u tokens", context) || err_hint(e, "give a smaller --ctx");
    ro.context = context;
    ok = ok && (l->runner = runner_new(l->model, &ro, e));
    if (ok) runner_set_stop(l->runner, interrupted, NULL);
    ro.precision = PRECISION_EXACT;
    ok = ok && (!with_exact || (l->exact = runner_new(l->model, &ro, e)));
    if (!ok) loaded_close(l);
    return ok;
}

void loaded_close(loaded *l) {
    if (l->exact) runner_free(l->exact);
    if (l->runner) runner_free(l->runner);
    if (l->model) model_close(l->model);
    model_source_close(l->source);
    *l = (loaded){ 0 };
}

bool loaded_run(runner *r, seq *s, size_t from, size_t to, size_t rows, loaded_row row, void *ctx, err *e) {
    size_t vocab = runner_model(r)->spec.vocab, most = runner_plan(r)->batch_tokens, n_rows;
    if (rows > most) rows = most;
    if (!seq_reserve(s, runner_kv(r), to)) return err_set(e, ERR_MEMORY, "the cache has no pages left for %zu tokens", to);
    for (size_t at = from, next; at < to; at = next) {
        next = to - at < rows ? to : at + rows;
        run_slice slice = { s, at, next, row ? LOGITS_ALL : LOGITS_NONE };
        float *logits = runner_step(r, &slice, 1, &n_rows);
        if (runner_gave_up(r)) return err_set(e, ERR_CANCELLED, "interrupted");
        for (size_t i = 0; row && i < n_rows; i++) row(ctx, at + i, logits + i * vocab);
    }
    return true;
}
