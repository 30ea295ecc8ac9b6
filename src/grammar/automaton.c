#include "grammar/automaton.h"
#include "base/mem.h"
#include <string.h>

/* A set of items in the making, kept in order of node; one item for a node, its continuations united. */
typedef struct item_set {
    pda_item *items; /* [AUTOMATON_ITEMS + 1] */
    size_t n;
    bool ends, full;
} item_set;

enum { SETS = AUTOMATON_NESTING + 8 };

/* Room for one step: sets for unions within unions, and the rules that are called at this point. */
typedef struct pda_work {
    pda_item *pool; /* [SETS][AUTOMATON_ITEMS + 1] */
    size_t used;
    int32_t *then;  /* [n_rules] where a called rule goes on; STATE_NONE: not called */
    uint32_t *heap; /* [n_rules] called rules, first in order on top */
    size_t n_heap;
    uint32_t *rule_at; /* [n_rules] the rule with that place in the order */
} pda_work;

/* ---- memory ---- */

static item_set set_open(automaton *a) {
    item_set s = { .items = a->work->pool + a->work->used * (AUTOMATON_ITEMS + 1), .full = a->work->used == SETS - 1 };
    if (!s.full) a->work->used++;
    return s;
}

static void set_close(automaton *a) { a->work->used--; }

static void set_classes(automaton *a) {
    bool begins[257] = { true };
    for (size_t i = 0; i < a->p->n_edges; i++) begins[a->p->edges[i].lo] = begins[a->p->edges[i].hi + 1] = true;
    a->n_classes = -1;
    for (int b = 0; b < 256; b++) {
        if (begins[b]) a->class_first[++a->n_classes] = (uint8_t)b;
        a->class_of[b] = (uint8_t)a->n_classes;
        if (a->class_size[a->n_classes] < 255) a->class_size[a->n_classes]++;
    }
    a->n_classes++;
}

static pda_work *work_new(const program *p) {
    pda_work *w = mem_must(1, sizeof *w);
    w->pool = mem_must((size_t)SETS * (AUTOMATON_ITEMS + 1), sizeof *w->pool);
    w->then = mem_must(p->n_rules, sizeof *w->then);
    w->heap = mem_must(p->n_rules, sizeof *w->heap);
    w->rule_at = mem_must(p->n_rules, sizeof *w->rule_at);
    for (size_t r = 0; r < p->n_rules; r++) {
        w->then[r] = STATE_NONE;
        w->rule_at[p->order[r]] = (uint32_t)r;
    }
    return w;
}

automaton *automaton_new(const program *p) {
    automaton *a = mem_must(1, sizeof *a);
    a->p = p;
    a->known = map_new(256);
    a->unions = map_new(16);
    a->work = work_new(p);
    set_classes(a);
    a->states = mem_must_grow(NULL, a->cap_states = 256, sizeof *a->states);
    a->states[a->n_states++] = (pda_state){ .row = UINT32_MAX, .ends = true };
    const char key[] = { 1 };
    map_put(a->known, key, 1, STATE_END);
    return a;
}

void automaton_free(automaton *a) {
    if (!a) return;
    free(a->work->pool);
    free(a->work->then);
    free(a->work->heap);
    free(a->work->rule_at);
    free(a->work);
    map_free(a->known);
    map_free(a->unions);
    free(a->states);
    free(a->items);
    free(a->steps);
    free(a);
}

size_t automaton_bytes(const automaton *a) {
    size_t per_key = 64; /* of a map, roughly, beside the key itself */
    return a->cap_states * sizeof *a->states + a->cap_items * sizeof *a->items * 2 + a->cap_steps * sizeof *a->steps +
           (map_count(a->known) + map_count(a->unions)) * per_key;
}

/* ---- sets and states ---- */

static int32_t unite(automaton *a, int32_t x, int32_t y);

/* Puts an item in its place; false: a bound is passed. */
static bool set_put(automaton *a, item_set *s, uint32_t node, int32_t then) {
    size_t lo = 0, hi = s->n;
    if (s->full) return false;
    if (s->n && s->items[s->n - 1].node < node) lo = s->n;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (s->items[mid].node < node) lo = mid + 1;
        else hi = mid;
    }
    if (lo < s->n && s->items[lo].node == node) {
        if (s->items[lo].then == then) return true;
        int32_t both = unite(a, s->items[lo].then, then);
        s->items[lo].then = both;
        return both >= 0;
    }
    if (s->n == AUTOMATON_ITEMS) return false;
    memmove(s->items + lo + 1, s->items + lo, (s->n - lo) * sizeof *s->items);
    s->items[lo] = (pda_item){ node, then };
    s->n++;
    return true;
}

static bool set_put_state(automaton *a, item_set *s, int32_t state) {
    s->ends |= a->states[state].ends;
    for (uint32_t i = 0; i < a->states[state].n_items; i++) {
        pda_item item = a->items[a->states[state].items + i];
        if (!set_put(a, s, item.node, item.then)) return false;
    }
    return true;
}

/* A node, and where its rule may end here, what follows the rule. */
static bool set_put_node(automaton *a, item_set *s, uint32_t node, int32_t then) {
    const program_node *n = &a->p->nodes[node];
    bool goes_on = n[1].edges > n->edges || n[1].calls > n->calls;
    return (!goes_on || set_put(a, s, node, then)) && (!n->accept || set_put_state(a, s, then));
}

static int32_t add_state(automaton *a, const item_set *s) {
    uint32_t nesting = 0;
    while (a->n_items + s->n > a->cap_items) a->items = mem_must_grow(a->items, a->cap_items = a->cap_items ? 2 * a->cap_items : 1024, sizeof *a->items);
    if (a->n_states == a->cap_states) a->states = mem_must_grow(a->states, a->cap_states *= 2, sizeof *a->states);
    memcpy(a->items + a->n_items, s->items, s->n * sizeof *s->items);
    for (size_t i = 0; i < s->n; i++)
        if (s->items[i].then != STATE_END && a->states[s->items[i].then].nesting + 1u > nesting) nesting = a->states[s->items[i].then].nesting + 1u;
    a->states[a->n_states] = (pda_state){ (uint32_t)a->n_items, (uint32_t)s->n, UINT32_MAX, (uint16_t)nesting, s->ends };
    a->n_items += s->n;
    return (int32_t)a->n_states++;
}

/* The state of a set; the empty one that does not end is STATE_DEAD. */
static int32_t intern(automaton *a, item_set *s) {
    int64_t id;
    if (s->full) return STATE_NONE;
    if (!s->n && !s->ends) return STATE_DEAD;
    /* the key: the items, and one byte that says whether the text may end; the pool has room for it */
    char *key = (char *)s->items;
    size_t n = s->n * sizeof *s->items;
    key[n] = s->ends;
    if (map_get(a->known, key, n + 1, &id)) return (int32_t)id;
    id = add_state(a, s);
    map_put(a->known, key, n + 1, id);
    return (int32_t)id;
}

/* Both continuations at once. Unions nest no deeper than the shallower of the two. */
static int32_t unite(automaton *a, int32_t x, int32_t y) {
    int64_t id;
    int32_t key[2] = { x < y ? x : y, x < y ? y : x };
    if (x == y) return x;
    if (map_get(a->unions, (char *)key, sizeof key, &id)) return (int32_t)id;
    item_set s = set_open(a);
    if (s.full) return STATE_NONE;
    bool ok = set_put_state(a, &s, x) && set_put_state(a, &s, y);
    int32_t both = ok ? intern(a, &s) : STATE_NONE;
    set_close(a);
    if (ok) map_put(a->unions, (char *)key, sizeof key, both);
    return both;
}

static int32_t state_of(automaton *a, uint32_t node, int32_t then) {
    item_set s = set_open(a);
    int32_t id = set_put_node(a, &s, node, then) ? intern(a, &s) : STATE_NONE;
    if (!s.full) set_close(a);
    return id;
}

int32_t automaton_start(automaton *a) { return state_of(a, a->p->root, STATE_END); }
int32_t automaton_of_node(automaton *a, uint32_t node) { return state_of(a, node, STATE_END); }

/* ---- steps ---- */

static void heap_push(pda_work *w, const uint32_t *order, uint32_t rule) {
    size_t i = w->n_heap++;
    for (; i && order[w->heap[(i - 1) / 2]] > order[rule]; i = (i - 1) / 2) w->heap[i] = w->heap[(i - 1) / 2];
    w->heap[i] = rule;
}

static uint32_t heap_pop(pda_work *w, const uint32_t *order) {
    uint32_t top = w->heap[0], last = w->heap[--w->n_heap];
    size_t i = 0;
    for (size_t k; (k = 2 * i + 1) < w->n_heap; i = k) {
        if (k + 1 < w->n_heap && order[w->heap[k + 1]] < order[w->heap[k]]) k++;
        if (order[w->heap[k]] >= order[last]) break;
        w->heap[i] = w->heap[k];
    }
    w->heap[i] = last;
    return top;
}

/* The rules called at a node begin here too. Calls beyond the bound on nesting are not offered. */
static bool call_rules(automaton *a, uint32_t node, int32_t then) {
    pda_work *w = a->work;
    for (uint32_t k = a->p->nodes[node].calls; k < a->p->nodes[node + 1].calls; k++) {
        uint32_t rule = a->p->calls[k].rule;
        int32_t back = state_of(a, a->p->calls[k].back, then);
        if (back < 0) return false;
        if (a->states[back].nesting >= AUTOMATON_NESTING) continue;
        if (w->then[rule] == STATE_NONE) heap_push(w, a->p->order, rule);
        w->then[rule] = w->then[rule] == STATE_NONE ? back : unite(a, w->then[rule], back);
        if (w->then[rule] < 0) return false;
    }
    return true;
}

static bool take_byte(automaton *a, item_set *s, uint32_t node, int32_t then, uint8_t byte) {
    const program_edge *e = a->p->edges + a->p->nodes[node].edges, *end = a->p->edges + a->p->nodes[node + 1].edges;
    while (e < end && e->hi < byte) e++;
    return e == end || e->lo > byte || set_put_node(a, s, e->to, then);
}

static bool step_all(automaton *a, item_set *s, int32_t state, uint8_t byte) {
    pda_work *w = a->work;
    bool ok = true;
    for (uint32_t i = 0; i < a->states[state].n_items && ok; i++) {
        pda_item item = a->items[a->states[state].items + i];
        ok = take_byte(a, s, item.node, item.then, byte) && call_rules(a, item.node, item.then);
    }
    while (w->n_heap) {
        uint32_t rule = heap_pop(w, a->p->order), node = a->p->entry[rule];
        int32_t then = w->then[rule];
        w->then[rule] = STATE_NONE;
        ok = ok && take_byte(a, s, node, then, byte) && call_rules(a, node, then);
    }
    return ok;
}

static uint32_t add_row(automaton *a) {
    size_t n = (size_t)a->n_classes;
    if (a->n_steps + n > a->cap_steps) a->steps = mem_must_grow(a->steps, a->cap_steps = a->cap_steps ? 2 * a->cap_steps : 64 * n, sizeof *a->steps);
    for (size_t i = 0; i < n; i++) a->steps[a->n_steps + i] = STATE_NONE;
    a->n_steps += n;
    return (uint32_t)(a->n_steps - n);
}

int32_t automaton_learn(automaton *a, int32_t state, int class) {
    item_set s = set_open(a);
    bool ok = step_all(a, &s, state, a->class_first[class]);
    int32_t to = ok ? intern(a, &s) : STATE_NONE;
    set_close(a);
    if (!ok) return STATE_NONE;
    if (a->states[state].row == UINT32_MAX) {
        uint32_t row = add_row(a);
        a->states[state].row = row;
    }
    a->steps[a->states[state].row + (uint32_t)class] = to;
    return to;
}

/* ---- forgetting ---- */

typedef struct moving {
    automaton *from, *to;
    int32_t *moved; /* [from's states] */
} moving;

/* Continuations first; they nest no deeper than AUTOMATON_NESTING. */
static int32_t move_state(moving *m, int32_t state) {
    if (state < 0) return state;
    if (m->moved[state] != STATE_NONE) return m->moved[state];
    const pda_state *old = &m->from->states[state];
    item_set s = { .items = mem_must(old->n_items + 1, sizeof *s.items), .ends = old->ends };
    for (uint32_t i = 0; i < old->n_items; i++) {
        pda_item item = m->from->items[old->items + i];
        s.items[s.n++] = (pda_item){ item.node, move_state(m, item.then) };
    }
    m->moved[state] = intern(m->to, &s);
    free(s.items);
    return m->moved[state];
}

automaton *automaton_collect(automaton *old, int32_t *const *roots, const size_t *n_roots, size_t n_lists) {
    moving m = { old, automaton_new(old->p), mem_must(old->n_states, sizeof *m.moved) };
    for (size_t i = 0; i < old->n_states; i++) m.moved[i] = STATE_NONE;
    for (size_t i = 0; i < n_lists; i++)
        for (size_t k = 0; k < n_roots[i]; k++) roots[i][k] = move_state(&m, roots[i][k]);
    free(m.moved);
    automaton_free(old);
    return m.to;
}
