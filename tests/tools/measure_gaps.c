/* measure_gaps MODEL [PROMPT 8192] [STREAMS 4]: what the readers of STREAMS answers notice while a prompt of PROMPT tokens is read: the
 * gaps between their tokens before, meanwhile and after, and what the prompt's first token took alone and beside them. */
#include "serving.h"
#include <pthread.h>
#include <string.h>

enum { MOST_STREAMS = 64, BEFORE = 64, STREAM_PROMPT = 128, MOST_TOKENS = 3500 };

typedef struct stream {
    request *r;
    pthread_t thread;
    double at[MOST_TOKENS]; /* when each token was read */
    _Atomic size_t n;
    _Atomic bool ended;
} stream;

static void *read_stream(void *arg) {
    stream *s = arg;
    sampled t;
    while (request_next(s->r, &t)) {
        size_t n = atomic_load(&s->n);
        if (n == MOST_TOKENS) continue;
        s->at[n] = serving_now();
        atomic_store(&s->n, n + 1);
    }
    atomic_store(&s->ended, true);
    return NULL;
}

static void wait_for_tokens(stream *s, size_t n) {
    while (atomic_load(&s->n) < n && !atomic_load(&s->ended)) nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Gaps that end within [from, to). */
static void show(const char *when, const stream *s, int n_streams, double from, double to) {
    size_t n = 0;
    double *gaps = malloc(sizeof *gaps * MOST_TOKENS * (size_t)n_streams);
    for (int i = 0; i < n_streams; i++)
        for (size_t k = 1; k < atomic_load(&s[i].n); k++)
            if (s[i].at[k] >= from && s[i].at[k] < to) gaps[n++] = (s[i].at[k] - s[i].at[k - 1]) * 1e3;
    qsort(gaps, n, sizeof *gaps, by_value);
    if (n) printf("%-22s %6zu gaps: p50 %6.1f ms, p99 %6.1f ms, longest %6.1f ms\n", when, n, gaps[n / 2], gaps[n - 1 - n / 100], gaps[n - 1]);
    free(gaps);
}

static double first_token(serving *s, uint64_t seed, size_t n) {
    double began = serving_now(), took;
    sampled t;
    request *r = serving_ask(s, seed, n, 1);
    request_next(r, &t);
    took = serving_now() - began;
    while (request_next(r, &t)) {}
    request_unref(r);
    return took;
}

static void measure(serving *x, size_t prompt, size_t answer, int n_streams) {
    static stream streams[MOST_STREAMS];
    double alone = first_token(x, 1, prompt), start, from, to;
    for (int i = 0; i < n_streams; i++) {
        streams[i].r = serving_ask(x, (uint64_t)i + 2, STREAM_PROMPT, answer);
        pthread_create(&streams[i].thread, NULL, read_stream, &streams[i]);
    }
    for (int i = 0; i < n_streams; i++) wait_for_tokens(&streams[i], 8);
    start = serving_now();
    wait_for_tokens(&streams[0], 8 + BEFORE);
    from = serving_now();
    first_token(x, 99, prompt);
    to = serving_now();
    wait_for_tokens(&streams[0], atomic_load(&streams[0].n) + BEFORE);
    double end = serving_now();
    engine_stats stats = engine_stats_now(x->engine);
    engine_cancel_all(x->engine);
    for (int i = 0; i < n_streams; i++) {
        pthread_join(streams[i].thread, NULL);
        request_unref(streams[i].r);
    }
    printf("prompt of %zu tokens: %.2f s alone, %.2f s beside %d streams (longest chunk %zu rows)\n", prompt, alone, to - from, n_streams, stats.longest_chunk_beside_decodes);
    show("before", streams, n_streams, start, from);
    show("while it is read", streams, n_streams, from, to);
    show("after", streams, n_streams, to, end);
}

int main(int argc, char **argv) {
    size_t prompt = argc > 2 ? strtoul(argv[2], NULL, 10) : 8192;
    int n_streams = argc > 3 ? atoi(argv[3]) : 4;
    if (argc < 2 || !prompt || n_streams < 1 || n_streams > MOST_STREAMS) return fprintf(stderr, "usage: measure_gaps MODEL [PROMPT] [STREAMS]\n"), 2;
    err e = { 0 };
    serving s;
    if (!serving_open_model(&s, argv[1], &e)) return serving_complain(&e);
    uint32_t most = s.m->spec.context, context = (uint32_t)(prompt > MOST_TOKENS ? prompt : MOST_TOKENS) + 512;
    if (context > most) context = most;
    if (prompt >= context || context < 2 * STREAM_PROMPT) return fprintf(stderr, "the model's context is %u tokens\n", most), 2;
    if (!serving_start(&s, context, context + (uint32_t)n_streams * (MOST_TOKENS + 512), &e)) return serving_complain(&e);
    measure(&s, prompt, context - STREAM_PROMPT < MOST_TOKENS ? context - STREAM_PROMPT : MOST_TOKENS, n_streams);
    serving_close(&s);
    return 0;
}
