#include "grammar/lang_impl.h"
#include "base/map.h"
#include "base/mem.h"
#include <string.h>

enum { DEAD = -1, MINIMIZE_WORK = 2000000, MINIMIZE_ROUNDS = 200 };

/* ---- making one ---- */

uint32_t lang_draft_state(lang_draft *d) {
    if (d->n == d->cap) d->states = mem_must_grow(d->states, d->cap = d->cap ? 2 * d->cap : 64, sizeof *d->states);
    d->states[d->n] = (draft_state){ false };
    return (uint32_t)d->n++;
}

void lang_draft_edge(lang_draft *d, uint32_t from, uint32_t lo, uint32_t hi, uint32_t to) {
    draft_edge *last = d->n_edges ? &d->edges[d->n_edges - 1] : NULL;
    if (last && last->from == from && last->to == to && last->hi + 1 == lo) {
        last->hi = hi;
        return;
    }
    if (!effort_spend(d->w, d->n_edges % 4 == 0)) return;
    if (d->n_edges == d->cap_edges) d->edges = mem_must_grow(d->edges, d->cap_edges = d->cap_edges ? 2 * d->cap_edges : 128, sizeof *d->edges);
    d->edges[d->n_edges++] = (draft_edge){ from, lo, hi, to };
}

/* Which states lead to an accepting one: backwards along the edges. */
static void mark_alive(const lang_draft *d, bool *alive) {
    uint32_t *count = mem_must(d->n + 1, sizeof *count), *into = mem_must(d->n_edges, sizeof *into), *stack = mem_must(d->n, sizeof *stack);
    size_t depth = 0;
    for (size_t i = 0; i < d->n_edges; i++) count[d->edges[i].to + 1]++;
    for (size_t i = 0; i < d->n; i++) count[i + 1] += count[i];
    uint32_t *next = mem_must(d->n, sizeof *next);
    memcpy(next, count, d->n * sizeof *next);
    for (size_t i = 0; i < d->n_edges; i++) into[next[d->edges[i].to]++] = d->edges[i].from;
    for (size_t i = 0; i < d->n; i++)
        if (d->states[i].accept) alive[i] = true, stack[depth++] = (uint32_t)i;
    while (depth) {
        uint32_t q = stack[--depth];
        for (uint32_t i = count[q]; i < count[q + 1]; i++)
            if (!alive[into[i]]) alive[into[i]] = true, stack[depth++] = into[i];
    }
    free(count);
    free(into);
    free(stack);
    free(next);
}

static size_t edges_of(const lang_draft *d, size_t at, uint32_t state) {
    size_t n = 0;
    while (at + n < d->n_edges && d->edges[at + n].from == state) n++;
    return n;
}

/* What a state does, in terms of classes: its key among the states of one round. */
static size_t signature(const lang_draft *d, size_t at, size_t n, const bool *alive, const uint32_t *class_of, uint32_t own, uint32_t *key) {
    size_t len = 0;
    key[len++] = own;
    for (size_t i = at; i < at + n; i++) {
        const draft_edge *e = &d->edges[i];
        if (!alive[e->to]) continue;
        if (len > 1 && key[len - 1] == class_of[e->to] && key[len - 2] + 1 == e->lo) key[len - 2] = e->hi;
        else key[len++] = e->lo, key[len++] = e->hi, key[len++] = class_of[e->to];
    }
    return len;
}

/* Classes of states that behave alike, numbered from 0 in order of their first state. The count; 0: not settled in time. */
static size_t refine(const lang_draft *d, const bool *alive, uint32_t *class_of) {
    size_t classes = 0, before = SIZE_MAX, round = 0, most = MINIMIZE_WORK / (d->n + 1) + 8; /* long chains settle late: they stay as they are */
    uint32_t *next = mem_must(d->n, sizeof *next), *key = mem_must(3 * d->n_edges + 1, sizeof *key);
    for (size_t i = 0; i < d->n; i++) class_of[i] = d->states[i].accept;
    for (; classes != before && round < most && round < MINIMIZE_ROUNDS && effort_spend(d->w, 0); round++) {
        map *seen = map_new(64);
        size_t at = 0;
        before = classes;
        classes = 0;
        for (uint32_t i = 0; i < d->n; i++) {
            size_t n = edges_of(d, at, i);
            int64_t id;
            if (alive[i]) {
                size_t len = signature(d, at, n, alive, class_of, class_of[i], key);
                if (!map_get(seen, (char *)key, len * sizeof *key, &id)) map_put(seen, (char *)key, len * sizeof *key, id = (int64_t)classes++);
                next[i] = (uint32_t)id;
            }
            at += n;
        }
        memcpy(class_of, next, d->n * sizeof *next);
        map_free(seen);
    }
    free(next);
    free(key);
    return classes == before ? classes : 0;
}

/* Every living state by itself. */
static size_t apart(const lang_draft *d, const bool *alive, uint32_t *class_of) {
    uint32_t n = 0;
    for (size_t i = 0; i < d->n; i++)
        if (alive[i]) class_of[i] = n++;
    return n;
}

static bool same_class_run(const lang_edge *last, uint32_t lo, uint32_t to) { return last->to == to && last->hi + 1 == lo; }

static const lang *collapse(const lang_draft *d, const bool *alive, const uint32_t *class_of, size_t classes) {
    lang_state *states = effort_new(d->w, classes, sizeof *states);
    lang_edge *edges = effort_new(d->w, d->n_edges, sizeof *edges);
    lang *l = effort_new(d->w, 1, sizeof *l);
    if (!l || !states || !edges) return NULL;
    uint32_t n_edges = 0, done = 0;
    size_t at = 0;
    for (uint32_t i = 0; i < d->n; i++) {
        size_t n = edges_of(d, at, i);
        if (alive[i] && class_of[i] == done) {
            states[done] = (lang_state){ n_edges, 0, d->states[i].accept };
            for (size_t k = at; k < at + n; k++) {
                const draft_edge *e = &d->edges[k];
                if (!alive[e->to]) continue;
                uint32_t to = class_of[e->to];
                if (n_edges > states[done].first && same_class_run(&edges[n_edges - 1], e->lo, to)) edges[n_edges - 1].hi = e->hi;
                else edges[n_edges++] = (lang_edge){ e->lo, e->hi, to };
            }
            states[done].n = n_edges - states[done].first;
            done++;
        }
        at += n;
    }
    *l = (lang){ states, edges, (uint32_t)classes, n_edges };
    return l;
}

const lang *lang_draft_finish(lang_draft *d) {
    const lang *l = NULL;
    if (!d->w->failed) {
        bool *alive = mem_must(d->n, sizeof *alive);
        uint32_t *class_of = mem_must(d->n, sizeof *class_of);
        mark_alive(d, alive);
        alive[0] = true;
        size_t classes = refine(d, alive, class_of);
        if (!classes) classes = apart(d, alive, class_of);
        l = d->w->failed ? NULL : collapse(d, alive, class_of, classes);
        free(alive);
        free(class_of);
    }
    free(d->states);
    free(d->edges);
    *d = (lang_draft){ 0 };
    return l;
}

/* ---- combining two ---- */

typedef struct pairing {
    const lang *a, *b;
    lang_op op;
    map *known;
    int64_t (*pairs)[2];
    size_t cap;
    lang_draft d;
} pairing;

static bool accepts(const pairing *p, int64_t a, int64_t b) {
    bool in_a = a != DEAD && p->a->states[a].accept, in_b = b != DEAD && p->b->states[b].accept;
    return p->op == LANG_AND ? in_a && in_b : p->op == LANG_OR ? in_a || in_b : in_a && !in_b;
}

static bool hopeless(const pairing *p, int64_t a, int64_t b) {
    return p->op == LANG_AND ? a == DEAD || b == DEAD : p->op == LANG_OR ? a == DEAD && b == DEAD : a == DEAD;
}

static uint32_t pair_state(pairing *p, int64_t a, int64_t b) {
    int64_t id, key[2] = { a, b };
    if (map_get(p->known, (char *)key, sizeof key, &id)) return (uint32_t)id;
    if (!effort_spend(p->d.w, 1) && p->d.n) return 0;
    id = lang_draft_state(&p->d);
    map_put(p->known, (char *)key, sizeof key, id);
    if ((size_t)id >= p->cap) p->pairs = mem_must_grow(p->pairs, p->cap = p->cap ? 2 * p->cap : 64, sizeof *p->pairs);
    p->pairs[id][0] = a;
    p->pairs[id][1] = b;
    p->d.states[id].accept = accepts(p, a, b);
    return (uint32_t)id;
}

/* The edges of one side, walked along rising symbols. */
typedef struct side {
    const lang_edge *e, *end;
} side;

static side side_of(const lang *l, int64_t state) {
    if (state == DEAD) return (side){ 0 };
    const lang_edge *e = l->edges + l->states[state].first;
    return (side){ e, e + l->states[state].n };
}

/* The target for symbol x, and in *until the last symbol for which that holds. */
static int64_t target(side *s, uint32_t x, uint32_t *until) {
    while (s->e < s->end && s->e->hi < x) s->e++;
    if (s->e == s->end) return DEAD;
    uint32_t last = s->e->lo > x ? s->e->lo - 1 : s->e->hi;
    if (last < *until) *until = last;
    return s->e->lo > x ? DEAD : (int64_t)s->e->to;
}

static void pair_edges(pairing *p, uint32_t id) {
    side a = side_of(p->a, p->pairs[id][0]), b = side_of(p->b, p->pairs[id][1]);
    for (uint64_t x = 0; x < UINT32_MAX;) {
        uint32_t until = UINT32_MAX - 1;
        int64_t to_a = target(&a, (uint32_t)x, &until), to_b = target(&b, (uint32_t)x, &until);
        if (!hopeless(p, to_a, to_b)) lang_draft_edge(&p->d, id, (uint32_t)x, until, pair_state(p, to_a, to_b));
        else if (a.e == a.end && b.e == b.end) return;
        x = (uint64_t)until + 1;
    }
}

const lang *lang_combine(effort *w, const lang *a, const lang *b, lang_op op) {
    if (!a || !b || w->failed) return NULL;
    pairing p = { .a = a, .b = b, .op = op, .known = map_new(64), .d = { .w = w } };
    pair_state(&p, 0, 0);
    for (uint32_t id = 0; id < p.d.n && !w->failed; id++) pair_edges(&p, id);
    map_free(p.known);
    free(p.pairs);
    return lang_draft_finish(&p.d);
}

/* ---- simple ones ---- */

const lang *lang_none(effort *w) {
    lang_draft d = { .w = w };
    lang_draft_state(&d);
    return lang_draft_finish(&d);
}

static void any_symbol(lang_draft *d, uint32_t from, uint32_t to) {
    lang_draft_edge(d, from, 0, 0xd7ff, to);
    lang_draft_edge(d, from, 0xe000, LANG_LAST, to);
}

const lang *lang_lengths(effort *w, size_t min, size_t max) {
    lang_draft d = { .w = w };
    size_t last = max == SIZE_MAX ? min : max;
    if (!effort_spend(w, last < w->most_states ? last : w->most_states + 1)) return NULL;
    for (size_t i = 0; i <= last; i++) {
        uint32_t state = lang_draft_state(&d);
        d.states[state].accept = i >= min;
    }
    for (size_t i = 0; i < last; i++) any_symbol(&d, (uint32_t)i, (uint32_t)i + 1);
    if (max == SIZE_MAX) any_symbol(&d, (uint32_t)last, (uint32_t)last);
    return lang_draft_finish(&d);
}

const lang *lang_all(effort *w) { return lang_lengths(w, 0, SIZE_MAX); }

const lang *lang_literal(effort *w, const uint32_t *symbols, size_t n) {
    lang_draft d = { .w = w };
    if (!effort_spend(w, n)) return NULL;
    for (size_t i = 0; i <= n; i++) lang_draft_state(&d);
    for (size_t i = 0; i < n; i++) lang_draft_edge(&d, (uint32_t)i, symbols[i], symbols[i], (uint32_t)i + 1);
    d.states[n].accept = true;
    return lang_draft_finish(&d);
}

const lang *lang_not(effort *w, const lang *a) { return lang_minus(w, lang_all(w), a); }

/* ---- looking at one ---- */

bool lang_is_empty(const lang *a) { return a->n_states == 1 && !a->states[0].accept; }

bool lang_is_all(const lang *a) {
    const lang_edge *e = a->edges;
    return a->n_states == 1 && a->states[0].accept && a->n_edges == 2 && e[0].lo == 0 && e[0].hi == 0xd7ff && e[1].lo == 0xe000 && e[1].hi == LANG_LAST;
}

bool lang_equal(const lang *a, const lang *b) {
    if (a->n_states != b->n_states || a->n_edges != b->n_edges) return false;
    for (uint32_t i = 0; i < a->n_states; i++)
        if (a->states[i].accept != b->states[i].accept || a->states[i].n != b->states[i].n) return false;
    return memcmp(a->edges, b->edges, a->n_edges * sizeof *a->edges) == 0;
}

static size_t add_up(size_t a, size_t b, size_t most) { return a >= most || b >= most - a ? most : a + b; }

/* Words from a state on; a loop among states that all lead somewhere means endlessly many. done: 0 unknown, 1 under way, else count + 2. */
static size_t count_from(const lang *a, uint32_t state, size_t most, size_t *done, size_t depth) {
    if (done[state] == 1 || depth > 10000) return most;
    if (done[state]) return done[state] - 2;
    done[state] = 1;
    size_t n = a->states[state].accept;
    for (uint32_t i = 0; i < a->states[state].n && n < most; i++) {
        const lang_edge *e = &a->edges[a->states[state].first + i];
        size_t each = count_from(a, e->to, most, done, depth + 1), width = (size_t)e->hi - e->lo + 1;
        n = add_up(n, each >= (most + width - 1) / width ? most : each * width, most);
    }
    done[state] = n + 2;
    return n;
}

size_t lang_count(const lang *a, size_t most) {
    if (lang_is_empty(a)) return 0;
    size_t *done = mem_must(a->n_states, sizeof *done), n = count_from(a, 0, most, done, 0);
    free(done);
    return n;
}

typedef struct word_walk {
    const lang *a;
    void (*put)(void *ctx, const uint32_t *symbols, size_t n);
    void *ctx;
    uint32_t *word;
    size_t longest;
} word_walk;

static void words_from(const word_walk *w, uint32_t state, size_t n) {
    if (w->a->states[state].accept) w->put(w->ctx, w->word, n);
    if (n == w->longest) return;
    for (uint32_t i = 0; i < w->a->states[state].n; i++) {
        const lang_edge *e = &w->a->edges[w->a->states[state].first + i];
        for (uint32_t x = e->lo; x <= e->hi; x++) {
            w->word[n] = x;
            words_from(w, e->to, n + 1);
        }
    }
}

void lang_words(const lang *a, void (*put)(void *ctx, const uint32_t *symbols, size_t n), void *ctx, size_t longest) {
    word_walk w = { a, put, ctx, mem_must(longest + 1, sizeof *w.word), longest };
    words_from(&w, 0, 0);
    free(w.word);
}

bool lang_has(const lang *a, const uint32_t *symbols, size_t n) {
    uint32_t state = 0;
    for (size_t i = 0; i < n; i++) {
        const lang_edge *e = a->edges + a->states[state].first, *end = e + a->states[state].n;
        while (e < end && e->hi < symbols[i]) e++;
        if (e == end || e->lo > symbols[i]) return false;
        state = e->to;
    }
    return a->states[state].accept;
}
