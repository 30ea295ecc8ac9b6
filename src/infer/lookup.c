#include "infer/lookup.h"
#include "base/mem.h"
#include <assert.h>
#include <string.h>

/* CHAIN: how many places are compared. A text that repeats itself has its best ones among the latest. */
enum { NOWHERE = -1, CHAIN = 16, FIRST_BITS = 10 };

void lookup_free(lookup *l) {
    free(l->latest);
    free(l->before);
    *l = (lookup){ 0 };
}

static uint32_t hash_at(const lookup *l, const int32_t *last) {
    uint64_t h = 0;
    for (int i = 0; i < LOOKUP_GRAM; i++) h = (h + (uint32_t)last[-i] + 1) * 0x9e3779b97f4a7c15u;
    return (uint32_t)(h >> (64 - l->bits));
}

static void enter(lookup *l, const int32_t *tokens, size_t at) {
    l->before[at] = NOWHERE;
    if (at + 1 < LOOKUP_GRAM) return;
    int32_t *latest = &l->latest[hash_at(l, tokens + at)];
    l->before[at] = *latest;
    *latest = (int32_t)at;
}

/* As many chains as places; all are entered anew when there are more. */
static void grow(lookup *l, size_t n) {
    if (n <= l->cap) return;
    if (!l->bits) l->bits = FIRST_BITS;
    while ((size_t)1 << l->bits < n) l->bits++;
    l->cap = (size_t)1 << l->bits;
    l->n = 0;
    l->before = mem_must_grow(l->before, l->cap, sizeof *l->before);
    l->latest = mem_must_grow(l->latest, l->cap, sizeof *l->latest);
    memset(l->latest, 0xff, l->cap * sizeof *l->latest); /* NOWHERE */
}

void lookup_extend(lookup *l, const int32_t *tokens, size_t n) {
    assert(n <= INT32_MAX);
    grow(l, n);
    while (l->n < n) enter(l, tokens, l->n), l->n++;
}

static size_t agreement(const int32_t *tokens, size_t a, size_t b) {
    size_t n = 0;
    while (n < LOOKUP_DEEPEST && n <= a && tokens[a - n] == tokens[b - n]) n++;
    return n;
}

lookup_match lookup_find(const lookup *l, const int32_t *tokens, size_t n) {
    lookup_match best = { 0 };
    assert(n <= l->n);
    if (!n) return best;
    int32_t at = l->before[n - 1];
    for (int i = 0; i < CHAIN && at != NOWHERE && best.length < LOOKUP_DEEPEST; i++, at = l->before[at]) {
        size_t length = agreement(tokens, (size_t)at, n - 1);
        if (length >= LOOKUP_GRAM && length > best.length) best = (lookup_match){ (size_t)at + 1, length };
    }
    return best;
}

void lookup_copy(const lookup_match *m, const int32_t *tokens, size_t n, int32_t *out, size_t n_out) {
    size_t there = n - m->next;
    for (size_t i = 0; i < n_out; i++) out[i] = i < there ? tokens[m->next + i] : out[i - there];
}
