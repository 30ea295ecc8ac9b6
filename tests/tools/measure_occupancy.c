/* measure_occupancy MODEL [SLOTS 8] [REQUESTS 64]: static against continuous batching on one trace of requests whose answers differ in
 * length. Static: SLOTS requests begin together and the next ones wait until the last of them has ended. Continuous: a free slot
 * takes the next request. Both by the engine itself; occupancy is the sequences that decoded, per step and slot. */
#include "serving.h"
#include <math.h>
#include <pthread.h>

enum { MOST_SLOTS = 64, PROMPT = 16, SHORTEST = 4, LONGEST = 224 };

/* Answers of chat traffic: many short, some very long (log-normal, median 32). */
static size_t answer_length(uint64_t i) {
    double u = rng_uniform(11, i, 1), v = rng_uniform(11, i, 2), normal = sqrt(-2 * log(1 - u)) * cos(2 * 3.14159265358979 * v);
    double n = 32 * exp(normal);
    return n < SHORTEST ? SHORTEST : n > LONGEST ? LONGEST : (size_t)n;
}

typedef struct trace {
    serving *s;
    size_t n;
    _Atomic size_t next;
} trace;

static void wait_for(request *r) {
    sampled t;
    while (request_next(r, &t)) {}
    request_unref(r);
}

static void run_static(trace *t, size_t slots) {
    request *group[MOST_SLOTS];
    for (size_t i = 0; i < t->n; i += slots) {
        size_t n = t->n - i < slots ? t->n - i : slots;
        for (size_t k = 0; k < n; k++) group[k] = serving_ask(t->s, i + k, PROMPT, answer_length(i + k));
        for (size_t k = 0; k < n; k++) wait_for(group[k]);
    }
}

static void *slot_main(void *arg) {
    trace *t = arg;
    for (size_t i; (i = atomic_fetch_add(&t->next, 1)) < t->n;) wait_for(serving_ask(t->s, i, PROMPT, answer_length(i)));
    return NULL;
}

static void run_continuous(trace *t, size_t slots) {
    pthread_t threads[MOST_SLOTS];
    for (size_t i = 0; i < slots; i++) pthread_create(&threads[i], NULL, slot_main, t);
    for (size_t i = 0; i < slots; i++) pthread_join(threads[i], NULL);
}

static void measure(serving *s, const char *name, void (*run)(trace *, size_t), size_t n, size_t slots) {
    trace t = { .s = s, .n = n };
    engine_stats a = engine_stats_now(s->engine);
    double began = serving_now();
    run(&t, slots);
    double seconds = serving_now() - began;
    engine_stats b = engine_stats_now(s->engine);
    uint64_t steps = b.decode_steps - a.decode_steps, rows = b.decode_rows - a.decode_rows, tokens = b.generated_tokens - a.generated_tokens;
    printf("%-11s %6llu steps, %.2f of %zu slots decoding: occupancy %.1f %%, %.0f tokens/s\n", name, (unsigned long long)steps, (double)rows / (double)steps, slots,
           100.0 * (double)rows / ((double)steps * (double)slots), (double)tokens / seconds);
}

int main(int argc, char **argv) {
    size_t slots = argc > 2 ? strtoul(argv[2], NULL, 10) : 8, n = argc > 3 ? strtoul(argv[3], NULL, 10) : 64, total = 0, longest = 0;
    if (argc < 2 || slots < 1 || slots > MOST_SLOTS || !n) return fprintf(stderr, "usage: measure_occupancy MODEL [SLOTS] [REQUESTS]\n"), 2;
    err e = { 0 };
    serving s;
    uint32_t context = PROMPT + LONGEST + 1;
    if (!serving_open_model(&s, argv[1], &e) || !serving_start(&s, context, (context + 64) * (uint32_t)slots, &e)) return serving_complain(&e);
    for (size_t i = 0; i < n; i++) {
        total += answer_length(i);
        longest = answer_length(i) > longest ? answer_length(i) : longest;
    }
    printf("%zu requests, answers of %d to %zu tokens, %.0f on average\n", n, SHORTEST, longest, (double)total / (double)n);
    measure(&s, "static", run_static, n, slots);
    measure(&s, "continuous", run_continuous, n, slots);
    serving_close(&s);
    return 0;
}
