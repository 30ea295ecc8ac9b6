/* pingti bench -m MODEL: prompts, single sequences and batches of sequences, each as a share of what the machine could do. What a phase
 * reads and computes is counted by the profiler in an uncounted round, so it is what the ops really did: active experts, cached
 * keys, no embedding table; the machine's memory is measured between the rounds, since that of a shared machine moves within seconds. */
#include "backend/backend.h"
#include "base/cpu.h"
#include "base/rng.h"
#include "cli/bench_serve.h"
#include "cli/interrupt.h"
#include "cli/loaded.h"
#include "cli/profile.h"
#include "cli/term.h"
#include <stdio.h>
#include <string.h>

/* `sequences` prompts read together, then each gets `generate` tokens, one a step. */
typedef struct phase {
    const char *kind;
    size_t sequences, prompt, generate;
} phase;

typedef struct bench_run {
    const bench_options *o;
    loaded *l;
    probe *probe;  /* NULL: no limits wanted */
    probe_limits limits;
    double *dram;  /* what memory gave beside all phases: before and after every round */
    size_t n_dram;
    prof *counter; /* of the uncounted round */
    prof *profile; /* of --profile, or NULL */
    int32_t *ids;
    serve_plan serve;
    json_t *results;
    progress progress;
    size_t done;
} bench_run;

/* ---- one round ---- */

/* Prompts fill each step's rows in order, like the engine's chunks. */
static void read_prompts(runner *r, seq *s, size_t n, size_t prompt) {
    size_t most = runner_plan(r)->batch_tokens, n_rows;
    run_slice *slices = mem_must(n, sizeof *slices);
    for (size_t first = 0; first < n && !interrupt_seen();) {
        size_t rows = 0, used = 0;
        for (size_t i = first; i < n && rows < most; i++) {
            size_t from = s[i].n_cached, to = prompt - from < most - rows ? prompt : from + most - rows;
            slices[used++] = (run_slice){ &s[i], from, to, to == prompt ? LOGITS_LAST : LOGITS_NONE };
            rows += to - from;
        }
        runner_step(r, slices, used, &n_rows);
        if (runner_gave_up(r)) break;
        while (first < n && s[first].n_cached == prompt) first++;
    }
    free(slices);
}

static void generate(runner *r, seq *s, const phase *p) {
    size_t n_rows;
    run_slice *slices = mem_must(p->sequences, sizeof *slices);
    for (size_t t = p->prompt; t < p->prompt + p->generate && !interrupt_seen(); t++) {
        for (size_t i = 0; i < p->sequences; i++) slices[i] = (run_slice){ &s[i], t, t + 1, LOGITS_LAST };
        runner_step(r, slices, p->sequences, &n_rows);
    }
    free(slices);
}

typedef struct round_times {
    double prompt, generate;
} round_times;

/* What one part of a round (prompts, or answers) reads and computes. */
typedef struct counted {
    prof_sum sum;
    uint64_t expert_bytes, passes, rows; /* bytes: of sum.weight_bytes, those of experts that some row chose */
} counted;

static counted take_counts(prof *p) {
    counted c = { prof_total(p), prof_of_name(p, OP_ID_moe_linear).weight_bytes, prof_passes(p), prof_rows(p) };
    prof_clear(p);
    return c;
}

/* The sequences of a phase, as far as a round may keep them: a depth to generate at is read once, all else in every round. */
static bool begin_round(bench_run *b, const phase *p, seq *s, err *e) {
    kv *k = runner_kv(b->l->runner);
    size_t each = p->prompt + p->generate, kept = strcmp(p->kind, "generate") == 0 ? p->prompt : 0;
    for (size_t i = 0; i < p->sequences; i++) {
        if (s[i].n_cached) seq_rewind(&s[i], k, kept);
        while (s[i].n < each) seq_push(&s[i], b->ids[i + s[i].n]); /* every sequence its own tokens */
        if (!seq_reserve(&s[i], k, each)) return err_set(e, ERR_MEMORY, "the cache has no pages left for %zu sequences of %zu tokens", p->sequences, each);
    }
    return true;
}

/* A round of a phase. The counter sees the part that the phase is about. */
static bool run_round(bench_run *b, const phase *p, seq *s, bool count, counted work[2], round_times *times, err *e) {
    runner *r = b->l->runner;
    if (!begin_round(b, p, s, e)) return false;
    runner_set_prof(r, count ? b->counter : b->profile);
    if (count) prof_clear(b->counter);
    double start = clock_seconds(), middle;
    if (s[0].n_cached < p->prompt) read_prompts(r, s, p->sequences, p->prompt);
    middle = clock_seconds();
    if (count) work[0] = take_counts(b->counter);
    double again = clock_seconds();
    generate(r, s, p);
    *times = (round_times){ middle - start, clock_seconds() - again };
    if (count) work[1] = take_counts(b->counter);
    return true;
}

/* ---- shares ---- */

typedef struct measured {
    double median, fastest, slowest; /* seconds */
    double memory; /* share of what memory gave beside the same round, median; 0: not measured */
    counted work;
} measured;

/* dram[n + 1]: bytes per second before and after every round, or NULL. */
static measured measured_of(double *times, const double *dram, size_t n, counted work) {
    double bytes = (double)(work.sum.weight_bytes + work.sum.cache_bytes), shares[BENCH_MAX_REPEATS];
    for (size_t i = 0; dram && i < n; i++) shares[i] = times[i] > 0 ? bytes / times[i] / ((dram[i] + dram[i + 1]) / 2) : 0;
    double memory = dram ? bench_median(shares, n) : 0, median = bench_median(times, n);
    return (measured){ median, times[0], times[n - 1], memory, work };
}

static double peak_of(const probe_limits *l, int unit) {
    const probe_rate r[PROF_UNITS] = { [OP_UNIT_F32] = l->f32, [OP_UNIT_BF16] = l->bf16, [OP_UNIT_INT8] = l->int8 };
    return r[unit].all;
}

/* What came of the phase against the memory measured beside its rounds, and against the peaks of its kinds of arithmetic. */
static void put_shares(json_t *j, const bench_run *b, const measured *m, const double *dram) {
    double at_peak = 0, most = -1, all = 0;
    int main_unit = 0;
    for (int u = 0; u < PROF_UNITS; u++) {
        double t = (double)m->work.sum.ops[u] / peak_of(&b->limits, u);
        at_peak += t;
        all += (double)m->work.sum.ops[u];
        if (t > most) main_unit = u, most = t;
    }
    double memory = m->memory, arithmetic = at_peak / m->median;
    json_t *beside = json_array();
    for (int i = 0; i <= b->o->repeats; i++) json_array_append_new(beside, json_real(dram[i]));
    json_object_set_new(j, "dram_bytes_per_second", beside);
    json_object_set_new(j, "dram_share", json_real(memory));
    json_object_set_new(j, "peak_share", json_real(arithmetic));
    json_object_set_new(j, "peak_ops_per_second", json_real(all / at_peak));
    json_object_set_new(j, "limit", json_string(memory >= arithmetic ? "memory" : op_unit_name((op_unit)main_unit)));
    json_object_set_new(j, "share", json_real(memory >= arithmetic ? memory : arithmetic));
}

/* Bytes of the matrices of one expert of one layer, as moe_linear counts them. */
static uint64_t expert_bytes(const ffn_weights *w) {
    const fwd f = { .precision = PRECISION_FAST };
    tensor x = { .rows = 1 }, y = { .rows = 1 };
    int32_t id = 0;
    return op_moe_linear_work(&f, &(moe_linear_args){ .y = { &y, &y, &y }, .x = &x, .w = { &w->gate, &w->up, &w->down }, .ids = &id, .top_k = 1, .n = 3 }).weight_bytes;
}

/* How many experts a step's rows chose in a layer, and how many different ones that were: so many are read. Means over layers and steps. */
static void put_experts(json_t *j, const bench_run *b, const counted *c) {
    const model *m = b->l->model;
    uint64_t one = 0; /* expert of every layer that has some */
    for (uint32_t il = 0; il < m->spec.layers; il++)
        if (m->spec.sparse[il]) one += expert_bytes(&m->layers[il].experts);
    if (!one || !c->passes) return;
    double passes = (double)c->passes;
    json_object_set_new(j, "experts", json_pack("{s:I, s:f, s:f, s:I}", "all", (json_int_t)m->spec.router.experts, "chosen",
                                                (double)c->rows / passes * m->spec.router.top_k, "read",
                                                (double)c->expert_bytes / passes / (double)one, "bytes", (json_int_t)c->expert_bytes));
}

static void put_measured(json_t *j, const bench_run *b, const measured *m, size_t tokens, const double *dram) {
    const prof_sum *w = &m->work.sum;
    double ops = 0, weights = (double)w->weight_bytes, cache = (double)w->cache_bytes;
    for (int u = 0; u < PROF_UNITS; u++) ops += (double)w->ops[u];
    json_object_update_new(j, json_pack("{s:f, s:f, s:f, s:f, s:I, s:I, s:f, s:f, s:f, s:f}", "median_seconds", m->median, "fastest_seconds", m->fastest,
                                        "slowest_seconds", m->slowest, "tokens_per_second", (double)tokens / m->median, "weight_bytes",
                                        (json_int_t)w->weight_bytes, "cache_bytes", (json_int_t)w->cache_bytes, "ops", ops,
                                        "weight_bytes_per_second", weights / m->median, "bytes_per_second", (weights + cache) / m->median,
                                        "ops_per_second", ops / m->median));
    for (int u = 0; u < PROF_UNITS; u++)
        if (w->ops[u]) {
            char key[16];
            snprintf(key, sizeof key, "%s_ops", op_unit_name((op_unit)u));
            json_object_set_new(j, key, json_integer((json_int_t)w->ops[u]));
        }
    put_experts(j, b, &m->work);
    if (b->probe) put_shares(j, b, m, dram);
}

/* ---- phases ---- */

static json_t *phase_json(const bench_run *b, const phase *p, const measured m[2], const double *dram) {
    size_t prompts = p->sequences * p->prompt, answers = p->sequences * p->generate;
    if (strcmp(p->kind, "batch") != 0) {
        bool answer = p->generate > 0;
        json_t *j = json_pack("{s:s, s:I, s:I}", "kind", p->kind, "tokens", (json_int_t)(answer ? answers : prompts), "depth", (json_int_t)(answer ? p->prompt : 0));
        put_measured(j, b, &m[answer], answer ? answers : prompts, dram);
        return j;
    }
    json_t *prompt = json_object(), *answer = json_object();
    if (prompts) put_measured(prompt, b, &m[0], prompts, dram);
    if (answers) put_measured(answer, b, &m[1], answers, dram);
    double all = (prompts ? m[0].median : 0) + (answers ? m[1].median : 0);
    return json_pack("{s:s, s:I, s:I, s:I, s:f, s:f, s:f, s:o, s:o}", "kind", p->kind, "sequences", (json_int_t)p->sequences, "prompt_tokens",
                     (json_int_t)p->prompt, "generated_tokens", (json_int_t)p->generate, "prompt_tokens_per_second",
                     prompts ? (double)prompts / m[0].median : 0.0, "generated_tokens_per_second", answers ? (double)answers / m[1].median : 0.0,
                     "total_tokens_per_second", (double)(prompts + answers) / all, "prompt", prompt, "generate", answer);
}

static size_t tokens_of(const phase *p) { return p->sequences * (strcmp(p->kind, "generate") == 0 ? p->generate : p->prompt + p->generate); }

static bool repeat(bench_run *b, const phase *p, seq *s, err *e) {
    double prompts[BENCH_MAX_REPEATS], answers[BENCH_MAX_REPEATS], *dram = b->dram + b->n_dram;
    size_t n = (size_t)b->o->repeats;
    counted work[2];
    round_times t;
    /* the first round counts what is done; it also reads the file and grows the scratch memory */
    if (!run_round(b, p, s, true, work, &t, e)) return false;
    if (b->probe) b->dram[b->n_dram++] = probe_dram(b->probe, true);
    for (size_t i = 0; i < n; i++) {
        if (!run_round(b, p, s, false, NULL, &t, e)) return false;
        if (interrupt_seen()) return err_set(e, ERR_CANCELLED, "interrupted");
        prompts[i] = t.prompt;
        answers[i] = t.generate;
        if (b->probe) b->dram[b->n_dram++] = probe_dram(b->probe, true);
        progress_step(&b->progress, (double)(b->done += tokens_of(p)));
    }
    if (!b->probe) dram = NULL;
    measured m[2] = { measured_of(prompts, dram, n, work[0]), measured_of(answers, dram, n, work[1]) };
    json_array_append_new(b->results, phase_json(b, p, m, dram));
    return true;
}

static bool measure(bench_run *b, const phase *p, err *e) {
    runner *r = b->l->runner;
    uint8_t rope = runner_rope_choice(r, p->prompt + p->generate);
    kv_name root = runner_root_name(r, rope, NULL, 0);
    seq *s = mem_must(p->sequences, sizeof *s);
    for (size_t i = 0; i < p->sequences; i++) seq_init(&s[i], b->ids + i, 1, &root, rope, false);
    bool ok = repeat(b, p, s, e);
    for (size_t i = 0; i < p->sequences; i++) seq_free(&s[i], runner_kv(r));
    free(s);
    return ok;
}

typedef struct phase_list {
    phase items[2 * BENCH_MAX_LENGTHS + BENCH_MAX_LENGTHS * BENCH_MAX_LENGTHS * BENCH_MAX_LENGTHS];
    size_t n, rows, tokens, longest, pages; /* most rows of a step, tokens of all repetitions, longest sequence, most pages */
} phase_list;

static void add_phase(phase_list *l, phase p) {
    size_t each = p.prompt + p.generate, pages = p.sequences * ((each + KV_PAGE_TOKENS - 1) / KV_PAGE_TOKENS);
    l->items[l->n++] = p;
    l->tokens += tokens_of(&p);
    if (each > l->longest) l->longest = each;
    if (pages > l->pages) l->pages = pages;
    if (p.sequences > l->rows) l->rows = p.sequences;
}

/* served: prompts are measured through the engine. */
static bool make_phases(const bench_options *o, bool served, phase_list *l, err *e) {
    lengths p, g, s;
    *l = (phase_list){ .longest = 2, .pages = 1, .rows = 1 };
    if (!bench_lengths(o->prompts, "prompt-lengths", &p, e) || !bench_lengths(o->generates, "gen-lengths", &g, e) ||
        !bench_lengths(o->sequences ? o->sequences : "0", "sequences", &s, e))
        return false;
    for (size_t i = 0; !served && i < p.n; i++) add_phase(l, (phase){ "prompt", 1, p.items[i], 0 });
    for (size_t i = 0; i < g.n; i++) add_phase(l, (phase){ "generate", 1, (size_t)o->depth, g.items[i] });
    for (size_t i = 0; i < s.n; i++)
        for (size_t a = 0; a < (p.n ? p.n : 1); a++)
            for (size_t c = 0; c < (g.n ? g.n : 1); c++)
                if (p.n || g.n) add_phase(l, (phase){ "batch", s.items[i], p.n ? p.items[a] : 0, g.n ? g.items[c] : 0 });
    if (l->n || served) return true;
    return err_set(e, ERR_USAGE, "there is nothing to measure") || err_expected(e, "--prompt-lengths or --gen-lengths above 0");
}

static bool fits_a_step(const bench_run *b, const phase_list *l, err *e) {
    size_t most = runner_plan(b->l->runner)->batch_tokens, served = serve_rows(&b->serve);
    if (l->rows > most)
        return err_set(e, ERR_USAGE, "--sequences asks for more sequences than a step has rows") || err_expected(e, "at most %zu (--batch)", most) ||
               err_got(e, "%zu", l->rows);
    return served <= most || err_set(e, ERR_USAGE, "--streams leaves no row of a step to the prompt") || err_expected(e, "at least %zu rows (--batch)", served) ||
           err_got(e, "%zu", most);
}

static bool measure_all(bench_run *b, const phase_list *l, err *e) {
    if (b->o->limits && !(b->probe = probe_new(runner_threads(b->l->runner), e))) return false;
    if (b->probe && b->o->plot) probe_all(b->probe, &b->limits);
    else if (b->probe) probe_peaks(b->probe, &b->limits);
    b->counter = prof_new(op_names(), OP_COUNT, 0, 0);
    b->dram = mem_must(((size_t)b->o->repeats + 1) * l->n, sizeof *b->dram);
    progress_start(&b->progress, "measuring", "tokens", (double)l->tokens * (double)b->o->repeats, b->o->quiet);
    interrupt_soft(true);
    bool ok = true;
    for (size_t i = 0; ok && i < l->n; i++) ok = measure(b, &l->items[i], e);
    if (b->n_dram) b->limits.dram.all = bench_median(b->dram, b->n_dram);
    interrupt_soft(false);
    progress_end(&b->progress);
    return ok;
}

static json_t *results_json(const bench_run *b, const char *path) {
    runner *r = b->l->runner;
    json_t *j = json_pack("{s:o, s:s, s:I, s:s, s:s, s:i, s:s, s:s, s:s, s:i}", "model", out_json_text(path, strlen(path)), "family", b->l->model->spec.family,
                          "weight_bytes", (json_int_t)b->l->model->weight_bytes, "backend", runner_backend_name(r), "kernels", backend_kernels_name(),
                          "threads", runner_threads(r), "precision", runner_precision(r) == PRECISION_EXACT ? "exact" : "fast", "cache_type",
                          dtype_name(kv_view_of(runner_kv(r))->type), "processor", cpu_model_name(), "repeats", (int)b->o->repeats);
    if (b->probe) {
        json_t *limits = json_object();
        bench_put_limits(limits, &b->limits);
        json_object_set_new(j, "machine", limits);
    }
    json_object_set(j, "results", b->results);
    return j;
}

static bool plan_serving(bench_run *b, err *e) {
    b->serve = (serve_plan){ .first_token = b->o->first_token, .repeats = b->o->repeats, .quiet = b->o->quiet };
    return bench_lengths(b->o->prompts, "prompt-lengths", &b->serve.prompts, e) && bench_lengths(b->o->streams ? b->o->streams : "0", "streams", &b->serve.streams, e) &&
           serve_possible(&b->serve, e);
}

/* The last thing that is measured: the engine takes the runner. */
static bool measure_serving(bench_run *b, json_t *results, err *e) {
    if (!serve_wanted(&b->serve)) return true;
    runner *r = b->l->runner;
    b->l->runner = NULL;
    json_t *serving = serve_measure(r, &b->serve, e);
    if (serving) json_object_set_new(results, "serving", serving);
    return serving != NULL;
}

static bool random_ids(bench_run *b, size_t n, err *e) {
    if (!(b->ids = mem_array(n, sizeof *b->ids, e))) return false;
    for (size_t i = 0; i < n; i++) b->ids[i] = (int32_t)(rng_uniform(1, i, 0) * (double)b->l->model->spec.vocab);
    return true;
}

static bool open_for(bench_run *b, const phase_list *l, const char *path, err *e) {
    engine_options o = b->o->engine;
    size_t phases = l->pages * KV_PAGE_TOKENS, serving = serve_cache_tokens(&b->serve), context = serve_context(&b->serve);
    if (!o.cache_tokens) o.cache_tokens = phases > serving ? phases : serving;
    return loaded_open(b->l, path, &o, (uint32_t)(l->longest > context ? l->longest : context), false, e) && fits_a_step(b, l, e) && random_ids(b, l->longest + l->rows, e);
}

int bench_model(const bench_options *o, const char *path) {
    err e = { 0 };
    loaded l = { 0 };
    phase_list *phases = mem_must(1, sizeof *phases);
    profile timed = profile_start(&o->engine);
    bench_run b = { .o = o, .l = &l, .results = json_array(), .profile = timed.prof };
    bool ok = plan_serving(&b, &e) && make_phases(o, serve_wanted(&b.serve), phases, &e) && open_for(&b, phases, path, &e) && measure_all(&b, phases, &e);
    json_t *results = ok ? results_json(&b, path) : NULL;
    ok = ok && measure_serving(&b, results, &e);
    ok = ok && (!o->plot || bench_plot(o->plot, results, js_get(results, "machine"), b.results, &e));
    if (ok && o->json) out_json(json_incref(results), true);
    else if (ok) bench_print(results);
    int status = ok ? out_status() : cli_fail(&e);
    loaded_close(&l);
    probe_free(b.probe);
    prof_free(b.counter);
    free(b.dram);
    free(b.ids);
    free(phases);
    json_decref(b.results);
    json_decref(results);
    return profile_end(&timed, status);
}
