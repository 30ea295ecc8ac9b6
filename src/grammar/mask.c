#include "grammar/mask.h"
#include "base/mem.h"
#include <string.h>

enum { DEEPEST = 1024, WIDE = 64, FEW = 256, MANY_EDGES = 4 };
static const size_t WALK_LIMIT = 4u << 20; /* items looked at in one walk: a bound that does not depend on what is known already */

/* Where a walk stands: at a state of the automaton, or, as long as nothing but one rule matters, at a node of that rule. The latter
 * needs nothing to be learnt: long texts within one rule, such as strings, are the most that masks have to do with. */
static inline int32_t at_node(const program *p, uint32_t node) { return -(int32_t)(2 * node + p->nodes[node].accept) - 16; }
static inline uint32_t node_at(int32_t at) { return (uint32_t)(-at - 16) / 2; }
static inline bool accepts_at(int32_t at) { return (-at - 16) % 2; }

typedef struct standing {
    plain_run plain; /* what can be passed over there; its `longest` alone matters */
    int32_t place;
} standing;

/* One walk of a trie together with the automaton. */
typedef struct walk {
    mask_cache *c;
    automaton *a;
    const token_trie *t;
    uint64_t *bits;
    uint32_t *exits;
    size_t n_exits, cap_exits, left;
    bool want_exits;
    struct standing *at; /* by depth; the cache's */
} walk;

static int32_t place_of(automaton *a, uint32_t node) {
    const program_node *n = &a->p->nodes[node];
    return n[1].calls > n->calls ? automaton_of_node(a, node) : at_node(a->p, node);
}

/* Where each byte leads from a node without calls: places of nodes stay what they are, those of states do not, and are left open. */
static void make_jumps(mask_cache *c, const program *p, uint32_t node) {
    int32_t *to = c->jumps[node] = mem_must(256, sizeof *to);
    for (int b = 0; b < 256; b++) to[b] = STATE_DEAD;
    for (uint32_t k = p->nodes[node].edges; k < p->nodes[node + 1].edges; k++) {
        const program_edge *e = &p->edges[k];
        bool calls = p->nodes[e->to + 1].calls > p->nodes[e->to].calls;
        for (int b = e->lo; b <= e->hi; b++) to[b] = calls ? STATE_NONE : at_node(p, e->to);
    }
    c->bytes += 256 * sizeof *to;
}

static int32_t step(walk *w, int32_t at, uint8_t byte) {
    automaton *a = w->a;
    if (at >= 0) return automaton_step(a, at, byte);
    const int32_t *jumps = w->c->jumps[node_at(at)];
    if (jumps && jumps[byte] != STATE_NONE) return jumps[byte];
    const program_node *n = &a->p->nodes[node_at(at)];
    if (!jumps && n[1].edges - n->edges > MANY_EDGES) make_jumps(w->c, a->p, node_at(at));
    const program_edge *e = a->p->edges + n->edges, *end = a->p->edges + n[1].edges;
    while (e < end && e->hi < byte) e++;
    return e == end || e->lo > byte ? STATE_DEAD : place_of(a, e->to);
}

/* How much there is to look at, and whether the rule or the text may end. */
static size_t weight_of(const automaton *a, int32_t at) { return at >= 0 ? a->states[at].n_items + 1u : 1; }
static bool may_end(const automaton *a, int32_t at) { return at >= 0 ? a->states[at].ends : accepts_at(at); }

static void note_exit(walk *w, uint32_t node) {
    if (w->n_exits == w->cap_exits) w->exits = mem_must_grow(w->exits, w->cap_exits = w->cap_exits ? 2 * w->cap_exits : 64, sizeof *w->exits);
    w->exits[w->n_exits++] = node;
}

static void allow_tokens(walk *w, uint32_t from, uint32_t to) {
    for (uint32_t k = w->t->first[from]; k < w->t->first[to]; k++) w->bits[w->t->ids[k] / 64] |= 1ull << (w->t->ids[k] % 64);
}

/* What a place takes without looking. Where ends of the rule are wanted, none may lie within: silent runs of one item alone. Else the
 * run of any item will do; which one is the best is told by the first few. */
static plain_run plain_at(const walk *w, int32_t at) {
    plain_run best = { 0 };
    if (at < 0) best = *plain_run_of(w->c->plain, w->a->p, node_at(at));
    const pda_state *s = at < 0 ? NULL : &w->a->states[at];
    for (uint32_t i = 0; s && i < s->n_items && i < MANY_EDGES && (s->n_items == 1 || !w->want_exits); i++) {
        const plain_run *r = plain_run_of(w->c->plain, w->a->p, w->a->items[s->items + i].node);
        if (__builtin_popcountll(r->classes) > __builtin_popcountll(best.classes)) best = *r;
    }
    if (w->want_exits) best.longest = best.silent;
    return best;
}

static void stand(walk *w, unsigned depth, int32_t at) { w->at[depth] = (standing){ plain_at(w, at), at }; }

static bool walk_nodes(walk *w, uint32_t from, uint32_t to);

/* Whether no text from node i on, all of it plain, is longer than the run that begins there. */
static bool fits(const token_trie *t, uint32_t i, const plain_run *r) { return r->longest == PLAIN_ENDLESS || (t->most[i] < 255 && t->most[i] - t->nth[i] < r->longest); }

/* The last character of the run that begins with node i, counted as the trie counts; 0: not told, or there is nothing to gain. */
static unsigned run_ends(const walk *w, uint32_t i, const standing *s) {
    unsigned last = w->t->nth[i] + s->plain.silent - 1u;
    return s->place < 0 && s->plain.silent && w->t->end[i] > i + 1 && last < 255 ? last : 0;
}

/* Node i and what is below: plain, but longer than the run, which ends with character `last`. There the walk goes on from the node that
 * the run leads to. */
static bool walk_stretch(walk *w, uint32_t i, standing s, unsigned last) {
    const token_trie *t = w->t;
    uint32_t node = node_at(s.place), end = t->end[i], living = i;
    size_t looked = 0;
    for (unsigned n = 0; n < s.plain.silent; n++) node = plain_run_of(w->c->plain, w->a->p, node)->next;
    int32_t place = place_of(w->a, node);
    if (place == STATE_NONE) return false;
    standing over = { plain_at(w, place), place };
    for (; i < end; looked++) {
        if (t->most[i] <= last) i = t->end[i];
        else if (t->nth[i] <= last) i++;
        else {
            allow_tokens(w, living, i);
            w->at[t->depth[i] - 1] = over;
            if (step(w, place, t->byte[i]) != STATE_DEAD && !walk_nodes(w, i, t->end[i])) return false;
            living = i = t->end[i];
        }
    }
    allow_tokens(w, living, end);
    if (w->left <= looked) return false;
    w->left -= looked;
    return true;
}

/* Trie nodes from..to-1, on whose parents the walk stands. Neighbouring nodes that live are allowed together: whether a token ends
 * at one of them is not to be guessed. */
static bool walk_nodes(walk *w, uint32_t from, uint32_t to) {
    const token_trie *t = w->t;
    uint32_t living = from;
    for (uint32_t i = from; i < to;) {
        standing *s = &w->at[t->depth[i] - 1];
        bool plain = !(t->classes[i] & ~s->plain.classes);
        unsigned last = plain ? run_ends(w, i, s) : 0;
        if (plain && fits(t, i, &s->plain)) {
            i = t->end[i];
            continue;
        }
        if (last) {
            allow_tokens(w, living, i);
            if (!walk_stretch(w, i, *s, last)) return false;
            living = i = t->end[i];
            continue;
        }
        int32_t at = step(w, s->place, t->byte[i]);
        if (at == STATE_DEAD) {
            allow_tokens(w, living, i);
            living = i = t->end[i];
            continue;
        }
        size_t weight = at == STATE_NONE ? w->left : weight_of(w->a, at);
        if (w->left <= weight) return false;
        w->left -= weight;
        if (t->end[i] > i + 1) {
            if (w->want_exits && may_end(w->a, at)) note_exit(w, i);
            stand(w, t->depth[i], at);
        }
        i++;
    }
    allow_tokens(w, living, to);
    return true;
}

static bool walk_all(walk *w, int32_t at) {
    stand(w, 0, at);
    return walk_nodes(w, 0, (uint32_t)w->t->n);
}

/* ---- what a node alone decides ---- */

static size_t count_bits(const uint64_t *bits, size_t words) {
    size_t n = 0;
    for (size_t i = 0; i < words; i++) n += (size_t)__builtin_popcountll(bits[i]);
    return n;
}

static void keep_few(node_mask *m, size_t words, size_t n) {
    m->ids = mem_must(n, sizeof *m->ids);
    for (size_t i = 0; i < words; i++)
        for (uint64_t b = m->bits[i]; b; b &= b - 1) m->ids[m->n_ids++] = (int32_t)(i * 64 + (size_t)__builtin_ctzll(b));
    free(m->bits);
    m->bits = NULL;
}

static node_mask *make_node_mask(mask_cache *c, automaton *a, uint32_t node) {
    node_mask *m = mem_must(1, sizeof *m);
    walk w = { .c = c, .a = a, .t = vocabulary_trie(c->v, false), .at = c->at, .left = WALK_LIMIT, .want_exits = true };
    int32_t at = place_of(a, node);
    w.bits = m->bits = mem_must(c->words, sizeof *m->bits);
    m->refused = at == STATE_NONE || !walk_all(&w, at);
    m->exits = w.exits;
    m->n_exits = w.n_exits;
    size_t n = count_bits(m->bits, c->words);
    if (n <= FEW) keep_few(m, c->words, n);
    c->bytes += sizeof *m + m->n_ids * sizeof *m->ids + (m->bits ? c->words * sizeof *m->bits : 0) + m->n_exits * sizeof *m->exits;
    c->n_masks++;
    return m;
}

static const node_mask *mask_of_node(mask_cache *c, automaton *a, uint32_t node) {
    if (!c->nodes[node]) c->nodes[node] = make_node_mask(c, a, node);
    return c->nodes[node];
}

static void node_mask_free(node_mask *m) {
    if (!m) return;
    free(m->ids);
    free(m->bits);
    free(m->exits);
    free(m);
}

void mask_cache_init(mask_cache *c, const vocabulary *v, const program *p) {
    *c = (mask_cache){ .v = v, .words = (vocabulary_n_tokens(v) + 63) / 64, .n_nodes = p->n_nodes };
    c->nodes = mem_must(p->n_nodes, sizeof *c->nodes);
    c->jumps = mem_must(p->n_nodes, sizeof *c->jumps);
    c->plain = mem_must(p->n_nodes, sizeof *c->plain);
    c->at = mem_must(DEEPEST + 1, sizeof *c->at);
}

void mask_cache_forget(mask_cache *c) {
    for (size_t i = 0; i < c->n_nodes; i++) {
        node_mask_free(c->nodes[i]);
        free(c->jumps[i]);
        c->nodes[i] = NULL;
        c->jumps[i] = NULL;
    }
    c->n_masks = c->bytes = 0;
}

void mask_cache_free(mask_cache *c) {
    if (c->nodes) mask_cache_forget(c);
    free(c->nodes);
    free(c->jumps);
    free(c->plain);
    free(c->at);
    *c = (mask_cache){ 0 };
}

/* ---- a state's mask ---- */

static void add_node_mask(const mask_cache *c, const node_mask *m, uint64_t *bits) {
    for (size_t i = 0; i < m->n_ids; i++) bits[m->ids[i] / 64] |= 1ull << (m->ids[i] % 64);
    for (size_t i = 0; m->bits && i < c->words; i++) bits[i] |= m->bits[i];
}

static bool walk_exits(walk *w, const node_mask *m, int32_t then) {
    if (!w->a->states[then].n_items) return true; /* nothing can follow */
    for (size_t i = 0; i < m->n_exits; i++) {
        uint32_t node = m->exits[i];
        stand(w, w->t->depth[node], then);
        if (!walk_nodes(w, node + 1, w->t->end[node])) return false;
    }
    return true;
}

bool mask_fill(mask_cache *c, automaton *a, int32_t state, bool first, uint64_t *bits) {
    const token_trie *running = vocabulary_trie(c->v, false), *begins = vocabulary_trie(c->v, first);
    walk w = { .c = c, .a = a, .t = begins, .bits = bits, .at = c->at, .left = WALK_LIMIT };
    if (begins != running) return walk_all(&w, state);
    for (uint32_t i = 0; i < a->states[state].n_items; i++) {
        pda_item item = a->items[a->states[state].items + i];
        const node_mask *m = mask_of_node(c, a, item.node);
        if (m->refused) return false;
        add_node_mask(c, m, bits);
        if (!walk_exits(&w, m, item.then)) return false;
    }
    return true;
}

static bool is_wide(const program *p, uint32_t node) {
    unsigned bytes = 0;
    for (uint32_t k = p->nodes[node].edges; k < p->nodes[node + 1].edges; k++) bytes += p->edges[k].hi - p->edges[k].lo + 1u;
    return bytes >= WIDE;
}

void mask_prepare(mask_cache *c, automaton *a, double until, size_t most_bytes) {
    for (uint32_t node = 0; node < c->n_nodes; node++) {
        if (!is_wide(a->p, node)) continue;
        if (effort_clock() > until || c->bytes > most_bytes || automaton_bytes(a) > most_bytes) return;
        mask_of_node(c, a, node);
    }
}
