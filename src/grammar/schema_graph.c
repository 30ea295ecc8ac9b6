#include "grammar/schema_graph.h"
#include "base/mem.h"
#include <string.h>

void graph_open(graph *g, translation *t, size_t key_size) { *g = (graph){ .t = t, .known = map_new(64), .key_size = key_size, .n = GRAPH_FIRST }; }

uint32_t graph_state(graph *g, const void *key) {
    int64_t id;
    if (map_get(g->known, key, g->key_size, &id)) return (uint32_t)id;
    if (!effort_spend(g->t->w, 1)) return GRAPH_END;
    map_put(g->known, key, g->key_size, id = g->n++);
    buf_put(&g->keys, key, g->key_size);
    return (uint32_t)id;
}

const void *graph_key(const graph *g, uint32_t state) { return g->keys.data + (state - GRAPH_FIRST) * g->key_size; }

void graph_edge(graph *g, uint32_t from, const syn *label, uint32_t to) {
    if (!label || !effort_spend(g->t->w, 0)) return;
    if (g->n_edges == g->cap_edges) g->edges = mem_must_grow(g->edges, g->cap_edges = g->cap_edges ? 2 * g->cap_edges : 64, sizeof *g->edges);
    g->edges[g->n_edges++] = (syn_edge){ from, to, label };
}

const syn *graph_close(graph *g) {
    const syn *s = g->t->w->failed ? NULL : syn_graph(g->t->w, g->edges, g->n_edges, g->n);
    map_free(g->known);
    buf_free(&g->keys);
    free(g->edges);
    return s;
}

/* ---- arrays ---- */

static const syn *sequence(translation *t, const syn *a, const syn *b, const syn *c) {
    const syn *all[] = { a, b, c };
    return a && b && c ? syn_list(t->w, SYN_SEQ, all, 3) : NULL;
}

static const syn *item(translation *t, size_t index, const syn *value) { return sequence(t, syn_text(t->w, index ? "," : ""), t->gap, value); }

enum { MAX_CONTAINS = 6 };

typedef struct array_key {
    uint64_t index;
    uint64_t counts[MAX_CONTAINS];
} array_key;

typedef struct array_graph {
    graph g;
    const array_case *c;
    uint64_t last; /* indexes from here on are alike */
} array_graph;

static term item_term(const array_case *c, uint64_t i) { return i < c->n_prefix ? c->prefix[i] : c->rest; }

/* How far matches are counted: to the bound that matters. */
static uint64_t counted(const contains_rule *r) { return r->max == UNBOUNDED ? r->min : r->max; }

/* An edge for each way in which the next item can count for the rules from k on. */
static void item_edges(array_graph *a, uint32_t from, const array_key *key, array_key *next, term value, size_t k) {
    translation *t = a->g.t;
    if (t->w->failed || term_is_empty(t, value)) return;
    if (k == a->c->n_contains) {
        uint32_t to = graph_state(&a->g, next);
        graph_edge(&a->g, from, item(t, (size_t)key->index, rule_of_term(t, value)), to);
        return;
    }
    const contains_rule *r = &a->c->contains[k];
    bool exact = r->max != UNBOUNDED;
    next->counts[k] = key->counts[k];
    if (key->index < r->from) return item_edges(a, from, key, next, value, k + 1);
    item_edges(a, from, key, next, exact ? term_and(t, value, term_not(t, r->what)) : value, k + 1);
    if (key->counts[k] == counted(r)) return; /* one more would be too many, or is not asked for */
    next->counts[k] = key->counts[k] + 1;
    item_edges(a, from, key, next, term_and(t, value, r->what), k + 1);
    next->counts[k] = key->counts[k];
}

static void array_edges(array_graph *a, uint32_t state) {
    array_key key = *(const array_key *)graph_key(&a->g, state), next = { .index = key.index < a->last ? key.index + 1 : a->last };
    bool enough = key.index >= a->c->min;
    for (size_t k = 0; k < a->c->n_contains; k++) enough &= key.counts[k] >= a->c->contains[k].min;
    if (enough) graph_edge(&a->g, state, sequence(a->g.t, a->g.t->gap, syn_text(a->g.t->w, "]"), syn_text(a->g.t->w, "")), GRAPH_END);
    if (key.index < a->c->max) item_edges(a, state, &key, &next, item_term(a->c, key.index), 0);
}

const syn *graph_of_array(translation *t, const array_case *c) {
    array_graph a = { .c = c, .last = c->n_prefix > c->min ? c->n_prefix : c->min };
    array_key start = { 0 };
    if (c->n_contains > MAX_CONTAINS) {
        err_set(t->w->e, ERR_LIMIT, "the schema combines too many 'contains'");
        err_expected(t->w->e, "at most %d for one array", MAX_CONTAINS);
        return effort_refuse(t->w), NULL;
    }
    for (size_t k = 0; k < c->n_contains; k++)
        if (c->contains[k].from > a.last) a.last = c->contains[k].from;
    if (!a.last) a.last = 1; /* the first item has no comma */
    if (c->max != UNBOUNDED) a.last = c->max;
    graph_open(&a.g, t, sizeof start);
    graph_edge(&a.g, GRAPH_START, syn_text(t->w, "["), graph_state(&a.g, &start));
    for (uint32_t s = GRAPH_FIRST; s < a.g.n && !t->w->failed; s++) array_edges(&a, s);
    return graph_close(&a.g);
}

/* ---- arrays of few values ---- */

typedef struct values_key {
    uint32_t index, used;
} values_key;

const syn *graph_of_values(translation *t, const value_choice *v) {
    graph g;
    values_key start = { 0 };
    graph_open(&g, t, sizeof start);
    graph_edge(&g, GRAPH_START, syn_text(t->w, "["), graph_state(&g, &start));
    for (uint32_t s = GRAPH_FIRST; s < g.n && !t->w->failed; s++) {
        values_key key = *(const values_key *)graph_key(&g, s);
        if (key.index >= v->min) graph_edge(&g, s, sequence(t, t->gap, syn_text(t->w, "]"), syn_text(t->w, "")), GRAPH_END);
        if (key.index >= v->max) continue;
        uint32_t may = v->at[key.index < v->n_prefix ? key.index : v->n_prefix] & ~key.used;
        for (uint32_t i = 0; i < v->n; i++) {
            if (!(may >> i & 1)) continue;
            values_key next = { key.index + 1, key.used | 1u << i };
            graph_edge(&g, s, item(t, key.index, v->text[i]), graph_state(&g, &next));
        }
    }
    return graph_close(&g);
}
