/* pingti bench: prompt and generation speed of a model on this machine; medians of repetitions. */
#include "backend/backend.h"
#include "base/cpu.h"
#include "base/rng.h"
#include "cli/bench.h"
#include "cli/interrupt.h"
#include "cli/loaded.h"
#include "cli/profile.h"
#include "cli/term.h"
#include <stdio.h>
#include <string.h>

typedef struct bench_run {
    const bench_options *o;
    loaded *l;
    int32_t *ids;
    json_t *results;
    progress progress;
    size_t done;
} bench_run;

/* Seconds of prompt rows [0, prompt) and of `generate` single rows after them; nothing is shared between repetitions. */
static bool time_once(bench_run *b, size_t prompt, size_t generate, double *prompt_s, double *generate_s, err *e) {
    runner *r = b->l->runner;
    uint8_t rope = runner_rope_choice(r, prompt + generate);
    kv_name root = runner_root_name(r, rope, NULL, 0);
    seq s;
    size_t n_rows;
    double start = clock_seconds();
    seq_init(&s, b->ids, prompt + generate, &root, rope, false);
    bool ok = loaded_run(r, &s, 0, prompt ? prompt - 1 : 0, runner_plan(r)->batch_tokens, NULL, NULL, e);
    if (ok && !seq_reserve(&s, runner_kv(r), prompt + generate)) ok = err_set(e, ERR_MEMORY, "the cache has no pages left");
    if (ok && prompt) runner_step(r, &(run_slice){ &s, prompt - 1, prompt, LOGITS_LAST }, 1, &n_rows);
    double middle = clock_seconds();
    for (size_t i = 0; ok && i < generate && !interrupt_seen(); i++)
        runner_step(r, &(run_slice){ &s, prompt + i, prompt + i + 1, LOGITS_LAST }, 1, &n_rows);
    *prompt_s = middle - start;
    *generate_s = clock_seconds() - middle;
    seq_free(&s, runner_kv(r));
    return ok;
}

static bool measure(bench_run *b, const char *kind, size_t prompt, size_t generate, err *e) {
    double times[BENCH_MAX_REPEATS], prompt_s, generate_s;
    size_t n = (size_t)b->o->repeats, counted = generate ? generate : prompt;
    for (size_t i = 0; i < n; i++) {
        if (!time_once(b, prompt, generate, &prompt_s, &generate_s, e)) return false;
        if (interrupt_seen()) return err_set(e, ERR_CANCELLED, "interrupted");
        times[i] = generate ? generate_s : prompt_s;
        progress_step(&b->progress, (double)(b->done += counted));
    }
    double median = bench_median(times, n), rate = (double)counted / median;
    json_t *j = json_pack("{s:s, s:I, s:I, s:f, s:f, s:f, s:f}", "kind", kind, "tokens", (json_int_t)counted, "depth", (json_int_t)(generate ? prompt : 0),
                          "median_seconds", median, "fastest_seconds", times[0], "slowest_seconds", times[n - 1], "tokens_per_second", rate);
    if (generate) json_object_set_new(j, "weight_bytes_per_second", json_real(rate * (double)b->l->model->weight_bytes));
    json_array_append_new(b->results, j);
    return true;
}

static bool measure_all(bench_run *b, const lengths *p, const lengths *g, err *e) {
    double work = 0, warm;
    for (size_t i = 0; i < p->n; i++) work += (double)p->items[i];
    for (size_t i = 0; i < g->n; i++) work += (double)g->items[i];
    progress_start(&b->progress, "measuring", "tokens", work * (double)b->o->repeats, b->o->quiet);
    interrupt_soft(true);
    /* once before counting: the file is read, the scratch memory grown */
    bool ok = (!p->n || time_once(b, bench_longest(p), 0, &warm, &warm, e)) && (!g->n || time_once(b, 1, 1, &warm, &warm, e));
    for (size_t i = 0; ok && i < p->n; i++) ok = measure(b, "prompt", p->items[i], 0, e);
    for (size_t i = 0; ok && i < g->n; i++) ok = measure(b, "generate", (size_t)b->o->depth, g->items[i], e);
    interrupt_soft(false);
    progress_end(&b->progress);
    return ok;
}

static json_t *header_json(const bench_run *b, const char *path) {
    runner *r = b->l->runner;
    return json_pack("{s:o, s:s, s:I, s:s, s:s, s:i, s:s, s:s, s:s, s:i}", "model", out_json_text(path, strlen(path)), "family", b->l->model->spec.family,
                     "weight_bytes", (json_int_t)b->l->model->weight_bytes, "backend", runner_backend_name(r), "kernels", backend_kernels_name(),
                     "threads", runner_threads(r), "precision", runner_precision(r) == PRECISION_EXACT ? "exact" : "fast", "cache_type",
                     dtype_name(kv_view_of(runner_kv(r))->type), "processor", cpu_model_name(), "repeats", (int)b->o->repeats);
}

static void print_results(const bench_run *b) {
    runner *r = b->l->runner;
    size_t i;
    json_t *j;
    out_printf("%s, %s of weights; %s (%s), %d threads, %s, cache %s; %s\n", b->l->model->spec.family, show_bytes(b->l->model->weight_bytes).text,
               runner_backend_name(r), backend_kernels_name(), runner_threads(r), runner_precision(r) == PRECISION_EXACT ? "exact" : "fast",
               dtype_name(kv_view_of(runner_kv(r))->type), cpu_model_name());
    out_printf("%-10s %8s %8s %12s %12s %14s\n", "what", "tokens", "depth", "median", "tokens/s", "weights/s");
    json_array_foreach(b->results, i, j) {
        json_t *bytes = js_get(j, "weight_bytes_per_second");
        out_printf("%-10s %8lld %8lld %12s %12.2f %14s\n", json_string_value(js_get(j, "kind")), (long long)json_integer_value(js_get(j, "tokens")),
                   (long long)json_integer_value(js_get(j, "depth")), show_duration(json_real_value(js_get(j, "median_seconds"))).text,
                   json_real_value(js_get(j, "tokens_per_second")), bytes ? show_bytes((uint64_t)json_real_value(bytes)).text : "");
    }
}

static void show(bench_run *b, const char *path) {
    if (!b->o->json) return print_results(b);
    json_t *j = header_json(b, path);
    json_object_set(j, "results", b->results);
    out_json(j, true);
}

static bool random_ids(bench_run *b, size_t n, err *e) {
    if (!(b->ids = mem_array(n, sizeof *b->ids, e))) return false;
    for (size_t i = 0; i < n; i++) b->ids[i] = (int32_t)(rng_uniform(1, i, 0) * (double)b->l->model->spec.vocab);
    return true;
}

int bench_model(const bench_options *o, const char *path) {
    err e = { 0 };
    loaded l = { 0 };
    lengths p = { 0 }, g = { 0 };
    bench_run b = { .o = o, .l = &l, .results = json_array() };
    bool ok = bench_lengths(o->prompts, "prompt-lengths", &p, &e) && bench_lengths(o->generates, "gen-lengths", &g, &e);
    size_t need = ok ? bench_longest(&g) + (size_t)o->depth : 0;
    if (ok && bench_longest(&p) > need) need = bench_longest(&p);
    if (need < 2) need = 2;
    profile timed = profile_start(&o->engine);
    ok = ok && loaded_open(&l, path, &o->engine, (uint32_t)need, false, &e) && random_ids(&b, need, &e);
    if (ok) runner_set_prof(l.runner, timed.prof);
    ok = ok && measure_all(&b, &p, &g, &e);
    if (ok) show(&b, path);
    int status = ok ? out_status() : cli_fail(&e);
    loaded_close(&l);
    free(b.ids);
    json_decref(b.results);
    return profile_end(&timed, status);
}
