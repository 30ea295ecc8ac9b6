/* From nondeterministic automata to minimal deterministic ones: subset construction over ranges, then Moore's partition refinement. */
#include "grammar/lang_impl.h"
#include "base/buf.h"
#include "base/map.h"
#include "base/mem.h"
#include <string.h>

void nfa_free(nfa *a) {
    free(a->first);
    free(a->edges);
    *a = (nfa){ 0 };
}

uint32_t nfa_state(nfa *a) {
    if (!effort_spend(a->w, 1) && a->n) return 0;
    if (a->n == a->cap) a->first = mem_must_grow(a->first, a->cap = a->cap ? 2 * a->cap : 64, sizeof *a->first);
    a->first[a->n] = 0;
    return (uint32_t)a->n++;
}

void nfa_put(nfa *a, uint32_t from, uint32_t lo, uint32_t hi, uint32_t to) {
    if (!effort_spend(a->w, a->n_edges % 4 == 0)) return; /* edges count too: four as a state */
    if (a->n_edges == a->cap_edges) a->edges = mem_must_grow(a->edges, a->cap_edges = a->cap_edges ? 2 * a->cap_edges : 128, sizeof *a->edges);
    a->edges[a->n_edges] = (nfa_edge){ lo, hi, to, a->first[from] };
    a->first[from] = (uint32_t)++a->n_edges;
}

void nfa_skip(nfa *a, uint32_t from, uint32_t to) { nfa_put(a, from, 1, 0, to); }

/* One determinization under way. */
typedef struct subsets {
    const nfa *a;
    uint32_t accept;
    map *known;            /* sorted set of states -> deterministic state */
    uint32_t *members;     /* all sets one after another */
    size_t n_members, cap_members;
    size_t *from;          /* [n + 1] where each set lies */
    size_t cap_from;
    uint32_t *mark, stamp; /* [a->n] states of the set being made */
    uint32_t *stack, *set; /* [a->n] */
    lang_edge *out;        /* edges of the set being expanded */
    size_t n_out, cap_out;
    uint32_t *bounds;
    size_t cap_bounds;
    lang_draft d;
} subsets;

static bool matters(const subsets *s, uint32_t q) {
    if (q == s->accept) return true;
    for (uint32_t i = s->a->first[q]; i; i = s->a->edges[i - 1].next)
        if (s->a->edges[i - 1].lo <= s->a->edges[i - 1].hi) return true;
    return false;
}

/* Adds q and what is reached from it without a symbol to the set. */
static size_t close_over(subsets *s, uint32_t q, size_t n) {
    size_t depth = 0;
    if (s->mark[q] == s->stamp) return n;
    s->mark[s->stack[depth++] = q] = s->stamp;
    while (depth) {
        q = s->stack[--depth];
        if (matters(s, q)) s->set[n++] = q;
        for (uint32_t i = s->a->first[q]; i; i = s->a->edges[i - 1].next) {
            const nfa_edge *e = &s->a->edges[i - 1];
            if (e->lo <= e->hi || s->mark[e->to] == s->stamp) continue;
            s->mark[s->stack[depth++] = e->to] = s->stamp;
        }
    }
    return n;
}

static int by_value(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* The deterministic state of s->set[0..n). */
static uint32_t intern(subsets *s, size_t n) {
    int64_t id;
    s->a->w->since_clock += (unsigned)(n / 16); /* large sets take their time: the clock is looked at sooner */
    if (n) qsort(s->set, n, sizeof *s->set, by_value);
    if (map_get(s->known, (const char *)s->set, n * sizeof *s->set, &id)) return (uint32_t)id;
    if (!effort_spend(s->a->w, 1)) return 0;
    id = lang_draft_state(&s->d);
    map_put(s->known, (const char *)s->set, n * sizeof *s->set, id);
    while (s->n_members + n > s->cap_members) s->members = mem_must_grow(s->members, s->cap_members = s->cap_members ? 2 * s->cap_members : 1024, sizeof *s->members);
    if (n) memcpy(s->members + s->n_members, s->set, n * sizeof *s->set);
    s->n_members += n;
    if ((size_t)id + 2 > s->cap_from) s->from = mem_must_grow(s->from, s->cap_from = s->cap_from ? 2 * s->cap_from : 64, sizeof *s->from);
    s->from[id + 1] = s->n_members;
    for (size_t i = 0; i < n; i++)
        if (s->set[i] == s->accept) s->d.states[id].accept = true;
    return (uint32_t)id;
}

static void gather(subsets *s, uint32_t id) {
    s->n_out = 0;
    for (size_t m = s->from[id]; m < s->from[id + 1]; m++)
        for (uint32_t i = s->a->first[s->members[m]]; i; i = s->a->edges[i - 1].next) {
            const nfa_edge *e = &s->a->edges[i - 1];
            if (e->lo > e->hi) continue;
            if (s->n_out == s->cap_out) s->out = mem_must_grow(s->out, s->cap_out = s->cap_out ? 2 * s->cap_out : 64, sizeof *s->out);
            s->out[s->n_out++] = (lang_edge){ e->lo, e->hi, e->to };
        }
}

/* Where ranges of s->out begin or have ended, sorted. */
static size_t cut(subsets *s) {
    size_t n = 0, unique = 0;
    if (2 * s->n_out > s->cap_bounds) s->bounds = mem_must_grow(s->bounds, s->cap_bounds = 2 * s->n_out, sizeof *s->bounds);
    for (size_t i = 0; i < s->n_out; i++) {
        s->bounds[n++] = s->out[i].lo;
        s->bounds[n++] = s->out[i].hi + 1;
    }
    if (n) qsort(s->bounds, n, sizeof *s->bounds, by_value);
    for (size_t i = 0; i < n; i++)
        if (!i || s->bounds[i] != s->bounds[i - 1]) s->bounds[unique++] = s->bounds[i];
    return unique;
}

static int by_lo(const void *a, const void *b) {
    const lang_edge *x = a, *y = b;
    return (x->lo > y->lo) - (x->lo < y->lo);
}

static void expand(subsets *s, uint32_t id) {
    gather(s, id);
    if (s->n_out) qsort(s->out, s->n_out, sizeof *s->out, by_lo);
    size_t n = cut(s);
    for (size_t i = 0; i + 1 < n; i++) {
        uint32_t lo = s->bounds[i], hi = s->bounds[i + 1] - 1;
        size_t in = 0;
        s->stamp++;
        for (size_t k = 0; k < s->n_out && s->out[k].lo <= lo; k++)
            if (s->out[k].hi >= hi) in = close_over(s, s->out[k].to, in);
        if (in) {
            uint32_t to = intern(s, in);
            lang_draft_edge(&s->d, id, lo, hi, to);
        }
    }
}

static void subsets_free(subsets *s) {
    map_free(s->known);
    free(s->members);
    free(s->from);
    free(s->mark);
    free(s->stack);
    free(s->set);
    free(s->out);
    free(s->bounds);
}

const lang *lang_of_nfa(const nfa *a, uint32_t start, uint32_t accept) {
    if (a->w->failed) return NULL;
    subsets s = { .a = a, .accept = accept, .known = map_new(64), .mark = mem_must(a->n, sizeof *s.mark), .stack = mem_must(a->n, sizeof *s.stack),
                  .set = mem_must(a->n, sizeof *s.set), .from = mem_must(2, sizeof *s.from), .cap_from = 2, .stamp = 1, .d = { .w = a->w } };
    intern(&s, close_over(&s, start, 0));
    for (uint32_t id = 0; id < s.d.n && !a->w->failed; id++) expand(&s, id);
    subsets_free(&s);
    return lang_draft_finish(&s.d);
}
