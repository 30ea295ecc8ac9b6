/* pingti perplexity: exp of the mean negative log-likelihood of a text, by a stated protocol; and what fast mode costs. */
#include "cli/input.h"
#include "cli/loaded.h"
#include "cli/out.h"
#include "cli/profile.h"
#include "cli/term.h"
#include <math.h>
#include <stdio.h>

typedef struct perplexity_options {
    model_choice choice;
    engine_options engine;
    int64_t windows;
    int protocol;
    bool compare_exact, json, quiet;
} perplexity_options;

enum { PROTOCOL_LLAMACPP, PROTOCOL_GPTQ };

#define AT(member) offsetof(perplexity_options, member)
static const opt_row rows[] = {
    { "protocol", 0, OPT_CHOICE, AT(protocol), "llamacpp", NULL, "llamacpp|gptq", 0, 0,
      "llamacpp: windows of 512 (or --ctx), BOS first when the model adds it, the second half scored. gptq: windows of 2048 (or --ctx), every token but the first scored" },
    { "windows", 0, OPT_INT, AT(windows), "0", "N", NULL, 0, 1e9, "only the first N windows; 0: all" },
    { "compare-exact", 0, OPT_FLAG, AT(compare_exact), "off", NULL, NULL, 0, 0, "also in exact mode: KL divergence and how often the likeliest token is the same" },
    { "json", 0, OPT_FLAG, AT(json), "off", NULL, NULL, 0, 0, "the result as JSON" },
    { "quiet", 'q', OPT_FLAG, AT(quiet), "off", NULL, NULL, 0, 0, "no progress" },
};
#undef AT
static const opt_table table = { "Measuring", ROWS(rows) };

typedef struct moments {
    double sum, squares, most;
    size_t n;
} moments;

static void moments_add(moments *m, double x) {
    m->sum += x;
    m->squares += x * x;
    if (x > m->most) m->most = x;
    m->n++;
}

static double mean(const moments *m) { return m->n ? m->sum / (double)m->n : 0; }
static double standard_error(const moments *m) {
    double v = m->n > 1 ? (m->squares - m->sum * mean(m)) / (double)(m->n - 1) : 0;
    return m->n ? sqrt((v > 0 ? v : 0) / (double)m->n) : 0;
}

typedef struct measure {
    const perplexity_options *o;
    loaded *l;
    token_list tokens;
    size_t window, first, n_windows; /* tokens of a window; first scored position's row; how many */
    int32_t bos;                     /* put first in every window, or -1 */
    size_t vocab;
    moments nll, exact_nll, kl;
    size_t same_top;
    float *reference;                /* exact log-probabilities of a window's scored rows, [window - 1 - first, vocab] */
    const int32_t *ids;              /* of the window under way */
} measure;

/* log softmax of a row: returns log-sum-exp, in double. */
static double log_sum_exp(const float *x, size_t n, size_t *top) {
    size_t best = 0;
    double sum = 0;
    for (size_t i = 1; i < n; i++)
        if (x[i] > x[best]) best = i;
    for (size_t i = 0; i < n; i++) sum += exp((double)x[i] - (double)x[best]);
    if (top) *top = best;
    return log(sum) + (double)x[best];
}

static void on_exact_row(void *ctx, size_t position, const float *logits) {
    measure *m = ctx;
    double lse = log_sum_exp(logits, m->vocab, NULL);
    float *out = m->reference + (position - m->first) * m->vocab;
    for (size_t i = 0; i < m->vocab; i++) out[i] = (float)((double)logits[i] - lse);
    moments_add(&m->exact_nll, lse - (double)logits[m->ids[position + 1]]);
}

static void compare_row(measure *m, const float *exact, const float *logits, double lse, size_t top) {
    double kl = 0;
    size_t exact_top = 0;
    for (size_t i = 0; i < m->vocab; i++) {
        if (exact[i] > exact[exact_top]) exact_top = i;
        kl += exp((double)exact[i]) * ((double)exact[i] - ((double)logits[i] - lse));
    }
    moments_add(&m->kl, kl > 0 ? kl : 0);
    m->same_top += exact_top == top;
}

static void on_row(void *ctx, size_t position, const float *logits) {
    measure *m = ctx;
    size_t top;
    double lse = log_sum_exp(logits, m->vocab, &top);
    moments_add(&m->nll, lse - (double)logits[m->ids[position + 1]]);
    if (m->reference) compare_row(m, m->reference + (position - m->first) * m->vocab, logits, lse, top);
}

/* One window through one runner: rows before `first` without logits; the last token is only predicted. */
static bool run_window(measure *m, runner *r, loaded_row row, err *e) {
    kv_name root = runner_root_name(r, runner_rope_choice(r, m->window), NULL, 0);
    seq s;
    seq_init(&s, m->ids, m->window, &root, runner_rope_choice(r, m->window), false);
    bool ok = loaded_run(r, &s, 0, m->first, 512, NULL, NULL, e) && loaded_run(r, &s, m->first, m->window - 1, 64, row, m, e);
    seq_free(&s, runner_kv(r));
    return ok;
}

static bool measure_windows(measure *m, err *e) {
    progress p;
    bool ok = true;
    int32_t *ids = mem_array(m->window, sizeof *ids, e);
    if (!ids) return false;
    m->ids = ids;
    progress_start(&p, "measuring", "tokens", (double)(m->n_windows * m->window), m->o->quiet);
    for (size_t w = 0; ok && w < m->n_windows; w++) {
        for (size_t i = 0; i < m->window; i++) ids[i] = m->tokens.ids[w * m->window + i];
        if (m->bos >= 0) ids[0] = m->bos;
        ok = (!m->reference || run_window(m, m->l->exact, on_exact_row, e)) && run_window(m, m->l->runner, on_row, e);
        progress_step(&p, (double)((w + 1) * m->window));
    }
    progress_end(&p);
    free(ids);
    return ok;
}

static const char *protocol_name(const measure *m) { return m->o->protocol == PROTOCOL_GPTQ ? "gptq" : "llamacpp"; }

static json_t *result_json(const measure *m) {
    double ppl = exp(mean(&m->nll));
    json_t *j = json_pack("{s:f, s:f, s:f, s:I, s:I, s:I, s:s, s:s, s:s}", "perplexity", ppl, "standard_error", ppl * standard_error(&m->nll), "nll",
                          mean(&m->nll), "scored_tokens", (json_int_t)m->nll.n, "windows", (json_int_t)m->n_windows, "window", (json_int_t)m->window,
                          "protocol", protocol_name(m), "precision", m->o->engine.exact ? "exact" : "fast", "cache_type",
                          dtype_name(kv_view_of(runner_kv(m->l->runner))->type));
    if (m->reference)
        json_object_set_new(j, "against_exact", json_pack("{s:f, s:f, s:f, s:f, s:f}", "exact_perplexity", exp(mean(&m->exact_nll)), "kl_mean", mean(&m->kl),
                                                          "kl_standard_error", standard_error(&m->kl), "kl_max", m->kl.most, "same_top1",
                                                          (double)m->same_top / (double)m->nll.n));
    return j;
}

static void print_result(const measure *m) {
    double ppl = exp(mean(&m->nll));
    out_printf("perplexity  %.4f ± %.4f\n", ppl, ppl * standard_error(&m->nll));
    out_printf("protocol    %s: %zu windows of %zu tokens, %zu tokens scored (%s), %s\n", protocol_name(m), m->n_windows, m->window, m->nll.n,
               m->o->protocol == PROTOCOL_GPTQ ? "all but the first of each" : "the second half of each", m->o->engine.exact ? "exact" : "fast");
    if (!m->reference) return;
    out_printf("exact       %.4f ± %.4f\n", exp(mean(&m->exact_nll)), exp(mean(&m->exact_nll)) * standard_error(&m->exact_nll));
    out_printf("divergence  KL %.3e ± %.1e nats a token (largest %.3e); the likeliest token is the same for %.3f %%\n", mean(&m->kl), standard_error(&m->kl),
               m->kl.most, 100.0 * (double)m->same_top / (double)m->nll.n);
}

/* How the text is cut, by the protocol. */
static bool prepare(measure *m, const buf *text, const tokenizer *t, err *e) {
    bool gptq = m->o->protocol == PROTOCOL_GPTQ;
    if (!tokenizer_encode(t, buf_str(text), text->len, TOKENIZE_ADD_SPECIAL, &m->tokens, e)) return false;
    m->first = gptq ? 0 : m->window / 2;
    m->bos = !gptq && tokenizer_adds_bos(t) ? tokenizer_bos(t) : -1;
    m->n_windows = m->tokens.n / m->window;
    if (m->o->windows && (size_t)m->o->windows < m->n_windows) m->n_windows = (size_t)m->o->windows;
    if (m->n_windows) return true;
    return err_set(e, ERR_USAGE, "the text is too short") || err_expected(e, "at least one window of %zu tokens", m->window) ||
           err_got(e, "%zu tokens", m->tokens.n) || err_hint(e, "give a longer text or a smaller --ctx");
}

static bool in_vocabulary(const measure *m, err *e) {
    for (size_t i = 0; i < m->tokens.n; i++)
        if (m->tokens.ids[i] < 0 || (size_t)m->tokens.ids[i] >= m->vocab)
            return err_set(e, ERR_FORMAT, "the tokenizer has more tokens than the model") || err_hint(e, "tokenizer and weights are of different models");
    return true;
}

static bool measure_text(measure *m, const char *path, const buf *text, prof *prof, err *e) {
    tokenizer *t = llm_open_tokenizer(path, e);
    bool ok = t && prepare(m, text, t, e) && loaded_open(m->l, path, &m->o->engine, (uint32_t)m->window, m->o->compare_exact, e);
    if (t) tokenizer_free(t);
    if (!ok) return false;
    runner_set_prof(m->l->runner, prof);
    m->vocab = m->l->model->spec.vocab;
    uint64_t cells;
    if (m->o->compare_exact && (!mem_mul(m->window - 1 - m->first, m->vocab, &cells) || !(m->reference = mem_array(cells, sizeof(float), e)))) return false;
    return in_vocabulary(m, e) && measure_windows(m, e);
}

static int run(const void *options, opt_state *s) {
    const perplexity_options *o = options;
    err e = { 0 };
    buf text = { 0 };
    loaded l = { 0 };
    measure m = { .o = o, .l = &l, .window = o->engine.context ? (size_t)o->engine.context : o->protocol == PROTOCOL_GPTQ ? 2048 : 512 };
    const char *path = choice_path(s, &o->choice, NULL, &e);
    bool ok = path && (m.window >= 4 || err_set(&e, ERR_USAGE, "a window has at least 4 tokens"));
    if (ok && o->engine.memory_plan) return print_memory_plan(path, &o->engine, o->json);
    profile timed = profile_start(&o->engine);
    ok = ok && input_text(opt_arg(s, 0), NULL, &text, &e);
    if (ok && !o->quiet) input_note_broken(&text);
    ok = ok && measure_text(&m, path, &text, timed.prof, &e);
    if (ok && o->json) out_json(result_json(&m), true);
    else if (ok) print_result(&m);
    int status = ok ? out_status() : cli_fail(&e);
    loaded_close(&l);
    free(m.reference);
    token_list_free(&m.tokens);
    buf_free(&text);
    return profile_end(&timed, status);
}

static const opt_part parts[] = { PART(model_choice_table, perplexity_options, choice), { &table, 0 }, PART(engine_table, perplexity_options, engine) };

const command command_perplexity = {
    { "perplexity", "perplexity -m MODEL [options] [FILE]",
      "How well a model predicts a text: the exponential of the mean negative log-likelihood of its tokens, with its standard error. "
      "Numbers can only be compared under one protocol, on one text; --protocol states it. With --compare-exact the same text also runs in "
      "exact mode, and the divergence of fast from exact is printed. FILE absent: standard input.",
      "  pingti perplexity -m model.gguf wiki.test.raw\n"
      "  pingti perplexity -m model.gguf --protocol gptq --ctx 2048 wiki.test.raw\n"
      "  pingti perplexity -m model.gguf --compare-exact --windows 20 --json wiki.test.raw\n",
      parts, sizeof parts / sizeof *parts, 0, 1 },
    sizeof(perplexity_options), run,
};
