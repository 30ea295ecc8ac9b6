/* From a request's tokens to text: whole code points, stop strings, and what must be held back until they are decided. */
#include "base/mem.h"
#include "infer/heal.h"
#include "infer/llm.h"
#include <string.h>

typedef struct text_flow {
    const generate_options *o;
    buf held;            /* decided text that could still begin a stop string */
    const char *stopped; /* the stop string that came */
    bool refused;        /* on_text said no */
    size_t said;         /* bytes to come that the prompt has said already */
} text_flow;

/* The earliest stop string in s[0..n), the longest of those that start together. */
static const char *find_stop(const generate_options *o, const char *s, size_t n, size_t *at) {
    const char *found = NULL;
    for (size_t i = 0; i < o->n_stop; i++) {
        size_t len = strlen(o->stop[i]);
        const char *p = len ? memmem(s, n, o->stop[i], len) : NULL;
        if (p && (!found || (size_t)(p - s) < *at || ((size_t)(p - s) == *at && len > strlen(found)))) {
            found = o->stop[i];
            *at = (size_t)(p - s);
        }
    }
    return found;
}

/* How many bytes at the end of s are the beginning of some stop string. */
static size_t possible_stop(const generate_options *o, const char *s, size_t n) {
    size_t longest = 0;
    for (size_t i = 0; i < o->n_stop; i++) {
        size_t len = strlen(o->stop[i]), most = len ? len - 1 : 0;
        for (size_t k = most < n ? most : n; k > longest; k--)
            if (memcmp(s + n - k, o->stop[i], k) == 0) longest = k;
    }
    return longest;
}

static bool emit(text_flow *t, size_t n) {
    if (n && t->o->on_text && !t->o->on_text(t->o->ctx, t->held.data, n)) t->refused = true;
    memmove(t->held.data, t->held.data + n, t->held.len - n);
    t->held.len -= n;
    return !t->refused;
}

static void leave_out_said(text_flow *t) {
    size_t n = t->said < t->held.len ? t->said : t->held.len;
    if (!n) return;
    memmove(t->held.data, t->held.data + n, t->held.len - n);
    t->held.len -= n;
    t->said -= n;
}

/* Passes on what is decided; false when the answer is over. */
static bool flow(text_flow *t, bool last) {
    size_t at = 0;
    leave_out_said(t);
    if (!t->held.len) return true;
    t->stopped = find_stop(t->o, t->held.data, t->held.len, &at);
    if (t->stopped) return emit(t, at), false;
    return emit(t, last ? t->held.len : t->held.len - possible_stop(t->o, t->held.data, t->held.len));
}

static bool is_stop_id(const llm *l, int32_t id) {
    for (size_t i = 0; i < l->n_stop_ids; i++)
        if (l->stop_ids[i] == id) return true;
    return false;
}

static void read_answer(const llm *l, const generate_options *o, request *r, text_flow *t) {
    detok d;
    sampled token;
    detok_init(&d, l->tokenizer, o->show_control);
    while (request_next(r, &token)) {
        if (t->stopped || t->refused) continue; /* ended here; what the engine still sent is drained */
        if (o->on_token) o->on_token(o->ctx, &token);
        if (is_stop_id(l, token.id) && !o->ignore_stop && !o->show_control) continue;
        detok_put(&d, token.id, &t->held);
        if (!flow(t, false)) request_cancel(r);
    }
    if (t->stopped || t->refused) return;
    detok_finish(&d, &t->held);
    flow(t, true);
}

/* What the options say by text becomes tokens. false with an error; the caller lets go of both. */
static bool prepare(llm *l, const generate_options *o, request_options *ro, heal *h, const reasoning *thinking, err *e) {
    const char *const *breakers = o->n_dry_breakers ? o->dry_breakers : dry_default_breakers;
    size_t n = o->n_dry_breakers ? o->n_dry_breakers : sizeof dry_default_breakers / sizeof *dry_default_breakers;
    if (ro->sample.dry.multiplier > 0 && !ro->sample.dry.breakers && !(ro->sample.dry.breakers = dry_breakers_new(l->tokenizer, breakers, n, e))) return false;
    if (o->grammar && reasoning_is_open(l->tokenizer, o->prompt, o->n_prompt)) ro->thinking = thinking;
    if (o->heal && o->grammar) return err_set(e, ERR_USAGE, "an answer cannot both heal the prompt's last token and follow a grammar");
    if (!o->heal || !heal_prompt(h, l->tokenizer, o->prompt, o->n_prompt)) return true;
    ro->n_prompt--;
    ro->first_allowed = h->allowed;
    ro->n_first_allowed = h->n_words;
    return true;
}

static bool run(llm *l, const generate_options *o, const request_options *ro, size_t said, generate_result *result, err *e) {
    request *r = request_new(ro);
    text_flow t = { .o = o, .said = said };
    bool ok = engine_submit(l->engine, r, e);
    if (ok) {
        read_answer(l, o, r, &t);
        finish_reason why = request_finish(r);
        *result = (generate_result){ t.stopped ? FINISH_STOP : t.refused ? FINISH_CANCELLED : why, t.stopped, said, request_usage_of(r) };
        if (why == FINISH_ERROR) ok = (*e = *request_error(r), false);
    }
    buf_free(&t.held);
    request_unref(r);
    return ok;
}

bool llm_generate(llm *l, const generate_options *o, generate_result *result, err *e) {
    request_options ro = { .prompt = o->prompt, .n_prompt = o->n_prompt, .max_tokens = o->max_tokens, .sample = o->sample,
                           .stop_ids = l->stop_ids, .n_stop_ids = l->n_stop_ids, .ignore_stop = o->ignore_stop, .no_prefix_cache = o->no_prefix_cache, .grammar = o->grammar };
    heal h = { 0 };
    reasoning thinking = reasoning_begin(l->tokenizer);
    bool ok = prepare(l, o, &ro, &h, &thinking, e) && run(l, o, &ro, h.n_bytes, result, e);
    if (ro.sample.dry.breakers != o->sample.dry.breakers) dry_breakers_unref(ro.sample.dry.breakers);
    heal_free(&h);
    return ok;
}
