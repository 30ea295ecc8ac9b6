#include "cli/bench_serve.h"
#include "base/rng.h"
#include "cli/interrupt.h"
#include "cli/term.h"
#include "infer/engine.h"
#include "infer/sched.h"
#include <pthread.h>
#include <stdio.h>
#include <time.h>

/* A stream's answer is as long as the context allows, at most ANSWER tokens: it must outlast the prompt. */
enum { LEAST_CONTEXT = 256, STREAM_PROMPT = 128, ANSWER = 3968, SETTLE = 8, BEFORE = 64 };

bool serve_wanted(const serve_plan *p) { return p->prompts.n && (p->first_token || p->streams.n); }

size_t serve_rows(const serve_plan *p) { return serve_wanted(p) ? bench_longest(&p->streams) + 1 : 0; }

bool serve_possible(const serve_plan *p, err *e) {
    size_t most = SCHED_MAX_RUNNING - 1, streams = bench_longest(&p->streams);
    return streams <= most || err_set(e, ERR_USAGE, "--streams asks for more answers than run beside a prompt") || err_expected(e, "at most %zu", most) || err_got(e, "%zu", streams);
}

uint32_t serve_context(const serve_plan *p) {
    size_t prompt = bench_longest(&p->prompts) + 2;
    return !serve_wanted(p) ? 0 : (uint32_t)(p->streams.n && prompt < LEAST_CONTEXT ? LEAST_CONTEXT : prompt);
}

size_t serve_cache_tokens(const serve_plan *p) {
    size_t context = serve_context(p), stream = context < STREAM_PROMPT + ANSWER ? context : STREAM_PROMPT + ANSWER;
    return context + 2 * KV_PAGE_TOKENS + bench_longest(&p->streams) * (stream + 2 * KV_PAGE_TOKENS);
}

/* ---- requests ---- */

typedef struct server {
    engine *engine;
    uint32_t vocab;
    uint64_t seed; /* every prompt is another one */
    progress progress;
    size_t read;   /* tokens of the prompts that were measured */
} server;

static request *ask(server *s, size_t prompt, size_t answer, err *e) {
    int32_t *ids = mem_must(prompt, sizeof *ids);
    uint64_t seed = ++s->seed;
    for (size_t i = 0; i < prompt; i++) ids[i] = (int32_t)(rng_uniform(seed, i, 2) * (double)s->vocab);
    request *r = request_new(&(request_options){ .prompt = ids, .n_prompt = prompt, .max_tokens = answer, .ignore_stop = true, .no_prefix_cache = true });
    free(ids);
    if (!engine_submit(s->engine, r, e)) return request_unref(r), NULL;
    if (interrupt_seen()) request_cancel(r); /* Ctrl-C cancelled those that were there */
    return r;
}

/* Seconds from handing the request over to holding its first token. */
static bool first_token(server *s, size_t prompt, double *seconds, err *e) {
    sampled t;
    request *r = ask(s, prompt, 1, e);
    if (!r) return false;
    double began = clock_seconds();
    bool ok = request_next(r, &t);
    *seconds = clock_seconds() - began;
    while (request_next(r, &t)) {}
    request_unref(r);
    progress_step(&s->progress, (double)(s->read += prompt));
    return (ok && !interrupt_seen()) || err_set(e, ERR_CANCELLED, "interrupted");
}

static bool measure_first(server *s, const serve_plan *p, size_t prompt, json_t *results, err *e) {
    double t[BENCH_MAX_REPEATS], warm;
    if (!first_token(s, prompt, &warm, e)) return false;
    for (int64_t i = 0; i < p->repeats; i++)
        if (!first_token(s, prompt, &t[i], e)) return false;
    double median = bench_median(t, (size_t)p->repeats);
    json_array_append_new(results, json_pack("{s:s, s:I, s:f, s:f, s:f}", "kind", "first token", "prompt_tokens", (json_int_t)prompt, "median_seconds", median,
                                             "fastest_seconds", t[0], "slowest_seconds", t[p->repeats - 1]));
    return true;
}

/* ---- streams beside a prompt ---- */

typedef struct stream {
    request *r;
    pthread_t thread;
    double at[ANSWER]; /* when each token was read; [n] */
    _Atomic size_t n;
    _Atomic bool ended;
} stream;

static void *read_stream(void *arg) {
    stream *s = arg;
    sampled t;
    for (size_t n = 0; request_next(s->r, &t); atomic_store(&s->n, ++n))
        if (n < ANSWER) s->at[n] = clock_seconds();
    atomic_store(&s->ended, true);
    return NULL;
}

static void wait_for(const stream *s, size_t n) {
    while (atomic_load(&s->n) < n && !atomic_load(&s->ended) && !interrupt_seen()) nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
}

/* Gaps that end within [from, to). */
static json_t *gaps_json(const stream *s, size_t n_streams, double from, double to) {
    size_t n = 0;
    double *gaps = mem_must(n_streams * ANSWER, sizeof *gaps), p50 = 0;
    for (size_t i = 0; i < n_streams; i++)
        for (size_t k = 1; k < atomic_load(&s[i].n); k++)
            if (s[i].at[k] >= from && s[i].at[k] < to) gaps[n++] = s[i].at[k] - s[i].at[k - 1];
    if (n) p50 = bench_median(gaps, n);
    json_t *j = json_pack("{s:I, s:f, s:f, s:f}", "gaps", (json_int_t)n, "p50_seconds", p50, "p99_seconds", n ? gaps[n - 1 - n / 100] : 0.0, "largest_seconds", n ? gaps[n - 1] : 0.0);
    free(gaps);
    return j;
}

static size_t still_running(const stream *s, size_t n) {
    size_t running = 0;
    for (size_t i = 0; i < n; i++) running += !atomic_load(&s[i].ended);
    return running;
}

static bool begin_streams(server *x, stream *s, size_t n, size_t *begun, err *e) {
    size_t room = runner_plan(engine_runner(x->engine))->context - STREAM_PROMPT - 1;
    for (*begun = 0; *begun < n; ++*begun) {
        stream *one = &s[*begun];
        if (!(one->r = ask(x, STREAM_PROMPT, room < ANSWER ? room : ANSWER, e))) return false;
        if (pthread_create(&one->thread, NULL, read_stream, one) == 0) continue;
        request_cancel(one->r);
        request_unref(one->r);
        return err_set(e, ERR_IO, "the system refuses another thread");
    }
    for (size_t i = 0; i < n; i++) wait_for(&s[i], SETTLE);
    return true;
}

static void end_streams(server *x, stream *s, size_t n) {
    engine_cancel_all(x->engine);
    for (size_t i = 0; i < n; i++) {
        pthread_join(s[i].thread, NULL);
        request_unref(s[i].r);
    }
}

static bool measure_streams(server *x, size_t prompt, double alone, size_t n, json_t *results, err *e) {
    stream *s = mem_must(n, sizeof *s);
    size_t begun;
    double beside;
    bool ok = begin_streams(x, s, n, &begun, e);
    if (ok) {
        double start = clock_seconds();
        wait_for(&s[0], atomic_load(&s[0].n) + BEFORE);
        double from = clock_seconds();
        engine_forget_longest_chunk(x->engine);
        ok = first_token(x, prompt, &beside, e);
        double to = clock_seconds();
        size_t outlasting = still_running(s, n);
        if (ok)
            json_array_append_new(results, json_pack("{s:s, s:I, s:I, s:I, s:f, s:f, s:I, s:o, s:o}", "kind", "streams", "streams", (json_int_t)n, "outlasting", (json_int_t)outlasting, "prompt_tokens", (json_int_t)prompt,
                                                     "alone_seconds", alone, "beside_seconds", beside, "longest_chunk", (json_int_t)engine_stats_now(x->engine).longest_chunk_beside_decodes,
                                                     "before", gaps_json(s, n, start, from), "while", gaps_json(s, n, from, to)));
    }
    end_streams(x, s, begun);
    free(s);
    return ok;
}

static size_t tokens_to_read(const serve_plan *p) {
    size_t sum = p->streams.n ? (p->streams.n + 1) * bench_longest(&p->prompts) : 0;
    for (size_t i = 0; p->first_token && i < p->prompts.n; i++) sum += ((size_t)p->repeats + 1) * p->prompts.items[i];
    return sum;
}

json_t *serve_measure(runner *r, const serve_plan *p, err *e) {
    server s = { .vocab = runner_model(r)->spec.vocab };
    json_t *results = json_array();
    double alone = 0;
    s.engine = engine_start_with(r, s.vocab, &(engine_setup){ .no_guesses = true }, e);
    bool ok = s.engine != NULL;
    interrupt_watch(s.engine);
    progress_start(&s.progress, "measuring", "tokens of prompts", (double)tokens_to_read(p), p->quiet);
    for (size_t i = 0; ok && p->first_token && i < p->prompts.n; i++) ok = measure_first(&s, p, p->prompts.items[i], results, e);
    if (ok && p->streams.n) ok = first_token(&s, bench_longest(&p->prompts), &alone, e);
    for (size_t i = 0; ok && i < p->streams.n; i++) ok = measure_streams(&s, bench_longest(&p->prompts), alone, p->streams.items[i], results, e);
    progress_end(&s.progress);
    interrupt_watch(NULL);
    engine_stop(s.engine);
    if (ok) return results;
    json_decref(results);
    return NULL;
}

/* ---- for a person ---- */

static double ms(const json_t *j, const char *key) { return 1e3 * json_number_value(js_get(j, key)); }

void serve_print(const json_t *results) {
    size_t i;
    json_t *j;
    out_puts("\n");
    json_array_foreach(results, i, j) {
        const json_t *gaps = js_get(j, "while"), *before = js_get(j, "before");
        long long prompt = (long long)json_integer_value(js_get(j, "prompt_tokens"));
        if (!gaps) {
            out_printf("first token of a prompt of %lld tokens: %.0f ms (%.0f to %.0f)\n", prompt, ms(j, "median_seconds"), ms(j, "fastest_seconds"), ms(j, "slowest_seconds"));
            continue;
        }
        out_printf("%lld other answers while a prompt of %lld tokens is read: it takes %.2f s (alone %.2f s), at most %lld rows a step\n",
                   (long long)json_integer_value(js_get(j, "streams")), prompt, ms(j, "beside_seconds") / 1e3, ms(j, "alone_seconds") / 1e3, (long long)json_integer_value(js_get(j, "longest_chunk")));
        out_printf("  gaps between their tokens: p50 %.1f ms, p99 %.1f ms, largest %.1f ms (before: %.1f, %.1f, %.1f)\n", ms(gaps, "p50_seconds"), ms(gaps, "p99_seconds"),
                   ms(gaps, "largest_seconds"), ms(before, "p50_seconds"), ms(before, "p99_seconds"), ms(before, "largest_seconds"));
        long long ended = (long long)(json_integer_value(js_get(j, "streams")) - json_integer_value(js_get(j, "outlasting")));
        if (ended) out_printf("  %lld of them had all their tokens before the prompt was read: from then on it was beside fewer\n", ended);
    }
}
