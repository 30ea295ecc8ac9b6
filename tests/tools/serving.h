/* An engine of random prompts, for the programs that measure serving: no tokenizer is needed, random weights will do. */
#ifndef PINGTI_TESTS_SERVING_H
#define PINGTI_TESTS_SERVING_H
#include "base/rng.h"
#include "infer/engine.h"
#include "model/source.h"
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

typedef struct serving {
    model_source *source;
    model *m;
    engine *engine;
} serving;

static inline int serving_complain(const err *e) {
    char text[2048];
    err_format(e, text, sizeof text);
    fprintf(stderr, "%s\n", text);
    return 1;
}

static inline bool serving_open_model(serving *s, const char *path, err *e) {
    *s = (serving){ .source = model_source_open(path, e) };
    s->m = s->source ? model_open(s->source, e) : NULL;
    return s->m != NULL;
}

static inline bool serving_start(serving *s, uint32_t context, uint32_t cache_tokens, err *e) {
    runner_options o = { .context = context, .cache_tokens = cache_tokens, .cache_type = DTYPE_F16, .precision = PRECISION_FAST };
    runner *r = runner_new(s->m, &o, e);
    s->engine = r ? engine_start_with(r, s->m->spec.vocab, &(engine_setup){ .no_guesses = true }, e) : NULL;
    return s->engine != NULL;
}

static inline void serving_close(serving *s) {
    engine_stop(s->engine);
    model_close(s->m);
    model_source_close(s->source);
}

/* A request of n random tokens for exactly `answer` tokens. */
static inline request *serving_ask(serving *s, uint64_t seed, size_t n, size_t answer) {
    int32_t *prompt = malloc(n * sizeof *prompt);
    err e;
    for (size_t i = 0; i < n; i++) prompt[i] = (int32_t)(rng_uniform(seed, i, 1) * s->m->spec.vocab);
    request *r = request_new(&(request_options){ .prompt = prompt, .n_prompt = n, .max_tokens = answer, .ignore_stop = true, .no_prefix_cache = true });
    free(prompt);
    if (engine_submit(s->engine, r, &e)) return r;
    exit(serving_complain(&e));
}

static inline double serving_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}
#endif
