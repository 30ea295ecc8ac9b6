#include "infer/request_impl.h"
#include "base/mem.h"
#include <string.h>
#include <time.h>

static void *copy(const void *p, size_t n, size_t size) {
    void *c = n ? mem_must(n, size) : NULL;
    if (n) memcpy(c, p, n * size);
    return c;
}

request *request_new(const request_options *o) {
    request *r = mem_must(1, sizeof *r);
    r->holders = 1;
    r->options = *o;
    r->options.prompt = r->prompt = copy(o->prompt, o->n_prompt, sizeof *o->prompt);
    r->options.stop_ids = r->stop_ids = copy(o->stop_ids, o->n_stop_ids, sizeof *o->stop_ids);
    r->options.sample.bias = r->bias = copy(o->sample.bias, o->sample.n_bias, sizeof *o->sample.bias);
    dry_breakers_ref(o->sample.dry.breakers);
    r->options.first_allowed = r->first_allowed = copy(o->first_allowed, o->n_first_allowed, sizeof *o->first_allowed);
    r->options.tenant = r->tenant = copy(o->tenant, o->tenant_len, 1);
    grammar_state *s = o->grammar ? grammar_state_new(o->grammar) : NULL;
    if (s && o->thinking) grammar_state_goes_on(s), r->waiting = s, r->thinking = *o->thinking;
    else r->grammar = s;
    r->usage.prompt_tokens = o->n_prompt;
    pthread_mutex_init(&r->lock, NULL);
    pthread_cond_init(&r->more, NULL);
    return r;
}

void request_unref(request *r) {
    if (!r || atomic_fetch_sub(&r->holders, 1) != 1) return;
    pthread_mutex_destroy(&r->lock);
    pthread_cond_destroy(&r->more);
    free(r->prompt);
    free(r->stop_ids);
    free(r->bias);
    free(r->first_allowed);
    dry_breakers_unref(r->options.sample.dry.breakers);
    free(r->tenant);
    grammar_state_free(r->grammar);
    grammar_state_free(r->waiting);
    free(r);
}

double request_clock(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

size_t request_ring_room(const request *r) { return REQUEST_RING - (atomic_load(&r->head) - atomic_load(&r->tail)); }

static void wake(request *r) {
    pthread_mutex_lock(&r->lock);
    pthread_cond_signal(&r->more);
    pthread_mutex_unlock(&r->lock);
}

void request_put(request *r, const sampled *t) {
    size_t head = atomic_load(&r->head);
    r->ring[head % REQUEST_RING] = *t;
    atomic_store(&r->head, head + 1);
    wake(r);
}

void request_end(request *r, finish_reason why, const err *e) {
    r->finish = why;
    if (e) r->error = *e;
    atomic_store(&r->done, true);
    wake(r);
}

bool request_next(request *r, sampled *out) {
    size_t tail = atomic_load(&r->tail);
    if (atomic_load(&r->head) == tail) {
        pthread_mutex_lock(&r->lock);
        while (atomic_load(&r->head) == tail && !atomic_load(&r->done)) pthread_cond_wait(&r->more, &r->lock);
        pthread_mutex_unlock(&r->lock);
    }
    if (atomic_load(&r->head) == tail) return false; /* done, and nothing was put before it */
    *out = r->ring[tail % REQUEST_RING];
    atomic_store(&r->tail, tail + 1);
    return true;
}

void request_cancel(request *r) { atomic_store(&r->cancelled, true); }
finish_reason request_finish(const request *r) { return r->finish; }
const err *request_error(const request *r) { return &r->error; }
request_usage request_usage_of(const request *r) { return r->usage; }
