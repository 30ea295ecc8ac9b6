#include "grammar/grammar.h"
#include "base/mem.h"
#include "grammar/gbnf.h"
#include "grammar/mask.h"
#include "grammar/schema.h"
#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

enum { STATE_ENDED = -3, WAY_BACK = 1024, COMPILE_MEMORY = 256 << 20, KEPT_MASKS = 64 };

/* The whole mask of a state, kept since the same state often comes again: within a string, for example. */
typedef struct kept_mask {
    int32_t state;
    uint64_t used; /* when, by a count of uses */
    uint64_t *bits;
} kept_mask;

struct grammar {
    _Atomic int holders;
    vocabulary *v;
    program *p;
    grammar_budget budget;
    grammar_facts facts;
    pthread_mutex_t lock; /* everything below */
    automaton *a;
    mask_cache masks;
    kept_mask kept[KEPT_MASKS];
    uint64_t uses;
    size_t collect_at;    /* bytes of the automaton */
    grammar_state *states; /* all there are */
};

struct grammar_state {
    grammar *g;
    grammar_state *next, **back; /* in the grammar's list */
    int32_t *way;                /* the states so far, at most the last WAY_BACK..2*WAY_BACK of them; the current one last */
    size_t n, cap, length;
    bool goes_on;                /* its first token is not the first of its text */
};

/* ---- compiling ---- */

static grammar_budget whole_budget(const grammar_budget *b) {
    grammar_budget full = b ? *b : (grammar_budget){ 0 };
    if (!(full.seconds > 0)) full.seconds = 5;
    if (full.prepare == 0) full.prepare = 0.25;
    if (!full.nodes) full.nodes = 200000;
    if (!full.text) full.text = 1 << 20;
    if (!full.memory) full.memory = 64 << 20;
    return full;
}

static bool check_text(size_t n, const grammar_budget *b, err *e) {
    if (n <= b->text) return true;
    return err_set(e, ERR_LIMIT, "the grammar is too long") || err_expected(e, "at most %zu bytes", b->text) || err_got(e, "%zu bytes", n);
}

static bool check_nodes(const program *p, const grammar_budget *b, err *e) {
    if (p->n_nodes <= b->nodes) return true;
    return err_set(e, ERR_LIMIT, "the compiled grammar is too large") || err_expected(e, "at most %zu nodes", b->nodes) || err_got(e, "%zu", p->n_nodes) ||
           err_hint(e, "use smaller counts in repetitions and lengths, or fewer alternatives");
}

/* llama.cpp takes it, and every answer is empty without a word: hardly what anybody means. */
static bool check_says_something(const program *p, err *e) {
    const program_node *n = &p->nodes[p->root];
    if (n[1].edges > n->edges || n[1].calls > n->calls) return true;
    return err_set(e, ERR_FORMAT, "no text but the empty one follows the grammar") || err_hint(e, "the rule 'root' says nothing: write root ::= \"yes\" | \"no\", for example");
}

static grammar *make(program *p, vocabulary *v, const grammar_budget *b, double began) {
    grammar *g = mem_must(1, sizeof *g);
    double now = effort_clock();
    g->holders = 1;
    g->v = vocabulary_ref(v);
    g->p = p;
    g->budget = *b;
    pthread_mutex_init(&g->lock, NULL);
    g->a = automaton_new(p);
    g->collect_at = b->memory;
    mask_cache_init(&g->masks, v, p);
    for (int i = 0; i < KEPT_MASKS; i++) g->kept[i].state = STATE_DEAD;
    mask_prepare(&g->masks, g->a, now + b->prepare, b->memory / 2);
    g->facts = (grammar_facts){ .rules = p->n_rules, .nodes = p->n_nodes, .seconds = effort_clock() - began };
    return g;
}

typedef struct source {
    const char *text;
    size_t n;
    bool schema, compact;
} source;

static grammar *compile(const source *in, vocabulary *v, const grammar_budget *budget, err *e) {
    grammar_budget b = whole_budget(budget);
    effort w = { .began = effort_clock(), .seconds = b.seconds, .most_states = 10 * b.nodes, .e = e };
    syntax s = { .w = &w };
    err unused;
    if (!e) w.e = e = &unused;
    if (!check_text(in->n, &b, e)) return NULL;
    w.mem = arena_new(COMPILE_MEMORY);
    bool ok = in->schema ? schema_translate(in->text, in->n, in->compact, &s) : gbnf_parse(in->text, in->n, &s);
    program *p = ok ? program_compile(&s) : NULL;
    syntax_free(&s);
    arena_free(w.mem);
    if (p && (!check_nodes(p, &b, e) || !check_says_something(p, e))) program_free(p), p = NULL;
    return p ? make(p, v, &b, w.began) : NULL;
}

grammar *grammar_compile_gbnf(const char *text, size_t n, vocabulary *v, const grammar_budget *budget, err *e) {
    return compile(&(source){ text, n, false, false }, v, budget, e);
}

grammar *grammar_compile_schema(const char *text, size_t n, bool compact, vocabulary *v, const grammar_budget *budget, err *e) {
    return compile(&(source){ text, n, true, compact }, v, budget, e);
}

grammar *grammar_ref(grammar *g) {
    atomic_fetch_add(&g->holders, 1);
    return g;
}

void grammar_unref(grammar *g) {
    if (!g || atomic_fetch_sub(&g->holders, 1) != 1) return;
    mask_cache_free(&g->masks);
    automaton_free(g->a);
    for (int i = 0; i < KEPT_MASKS; i++) free(g->kept[i].bits);
    program_free(g->p);
    vocabulary_unref(g->v);
    pthread_mutex_destroy(&g->lock);
    free(g);
}

const vocabulary *grammar_vocabulary(const grammar *g) { return g->v; }
size_t grammar_mask_words(const grammar *g) { return g->masks.words; }

static size_t bytes_kept(const grammar *g) {
    size_t n = automaton_bytes(g->a) + g->masks.bytes;
    for (int i = 0; i < KEPT_MASKS; i++) n += g->kept[i].bits ? g->masks.words * sizeof(uint64_t) : 0;
    return n;
}

grammar_facts grammar_facts_of(grammar *g) {
    pthread_mutex_lock(&g->lock);
    grammar_facts f = g->facts;
    f.states = g->a->n_states;
    f.masks = g->masks.n_masks;
    f.bytes = bytes_kept(g);
    pthread_mutex_unlock(&g->lock);
    return f;
}

/* ---- what is kept ---- */

/* States that no text stands at are forgotten when they take too much; so are masks. Neither changes a result. */
static void stay_within_memory(grammar *g) {
    if (g->masks.bytes > g->budget.memory) mask_cache_forget(&g->masks);
    if (automaton_bytes(g->a) <= g->collect_at) return;
    size_t n = 0, i = 0;
    for (grammar_state *s = g->states; s; s = s->next) n++;
    int32_t **roots = mem_must(n, sizeof *roots);
    size_t *n_roots = mem_must(n, sizeof *n_roots);
    for (grammar_state *s = g->states; s; s = s->next, i++) {
        roots[i] = s->way;
        n_roots[i] = s->n;
    }
    g->a = automaton_collect(g->a, roots, n_roots, n);
    for (i = 0; i < KEPT_MASKS; i++) g->kept[i].state = STATE_DEAD;
    size_t live = 2 * automaton_bytes(g->a);
    g->collect_at = live > g->budget.memory ? live : g->budget.memory;
    free(roots);
    free(n_roots);
}

static void enter(grammar *g) {
    pthread_mutex_lock(&g->lock);
    stay_within_memory(g);
}

static void leave(grammar *g) { pthread_mutex_unlock(&g->lock); }

bool grammar_matches(grammar *g, const char *text, size_t n) {
    enter(g);
    int32_t state = automaton_start(g->a);
    for (size_t i = 0; i < n && state >= 0; i++) state = automaton_step(g->a, state, (unsigned char)text[i]);
    bool whole = state >= 0 && g->a->states[state].ends;
    leave(g);
    return whole;
}

/* ---- states ---- */

static void push(grammar_state *s, int32_t state) {
    if (s->n == 2 * WAY_BACK) {
        memmove(s->way, s->way + WAY_BACK, WAY_BACK * sizeof *s->way);
        s->n = WAY_BACK;
    }
    if (s->n == s->cap) s->way = mem_must_grow(s->way, s->cap = s->cap ? 2 * s->cap : 16, sizeof *s->way);
    s->way[s->n++] = state;
}

static grammar_state *enlist(grammar *g) {
    grammar_state *s = mem_must(1, sizeof *s);
    s->g = grammar_ref(g);
    s->next = g->states;
    s->back = &g->states;
    if (s->next) s->next->back = &s->next;
    return g->states = s;
}

grammar_state *grammar_state_new(grammar *g) {
    enter(g);
    grammar_state *s = enlist(g);
    push(s, automaton_start(g->a));
    leave(g);
    return s;
}

grammar_state *grammar_state_copy(const grammar_state *s) {
    enter(s->g);
    grammar_state *c = enlist(s->g);
    for (size_t i = 0; i < s->n; i++) push(c, s->way[i]);
    c->length = s->length;
    c->goes_on = s->goes_on;
    leave(s->g);
    return c;
}

void grammar_state_free(grammar_state *s) {
    if (!s) return;
    grammar *g = s->g;
    pthread_mutex_lock(&g->lock);
    *s->back = s->next;
    if (s->next) s->next->back = s->back;
    pthread_mutex_unlock(&g->lock);
    free(s->way);
    free(s);
    grammar_unref(g);
}

void grammar_state_goes_on(grammar_state *s) {
    assert(!s->length);
    s->goes_on = true;
}

static bool begins(const grammar_state *s) { return s->length == 0 && !s->goes_on; }
static int32_t now(const grammar_state *s) { return s->way[s->n - 1]; }
static bool ends(const grammar_state *s) { return now(s) == STATE_ENDED || (now(s) >= 0 && s->g->a->states[now(s)].ends); }

static bool too_much(err *e) {
    return err_set(e, ERR_LIMIT, "the grammar is too ambiguous to be followed here") ||
           err_hint(e, "make its alternatives tell themselves apart by how they begin, and nest repetitions less");
}

static bool follow(grammar_state *s, int32_t token, int32_t *state, err *e) {
    size_t n;
    const unsigned char *bytes = vocabulary_bytes(s->g->v, token, begins(s), &n);
    *state = now(s);
    if (vocabulary_is_end(s->g->v, token)) {
        bool may = ends(s);
        *state = STATE_ENDED;
        return may || err_set(e, ERR_USAGE, "the text may not end here");
    }
    for (size_t i = 0; i < n && *state >= 0; i++) *state = automaton_step(s->g->a, *state, bytes[i]);
    if (bytes && *state == STATE_NONE) return too_much(e);
    return (bytes && *state >= 0) || err_set(e, ERR_USAGE, "the grammar does not allow the token here") || err_got(e, "token %d", token);
}

bool grammar_state_advance(grammar_state *s, int32_t token, err *e) {
    int32_t state;
    enter(s->g);
    bool ok = follow(s, token, &state, e);
    if (ok) push(s, state), s->length++;
    leave(s->g);
    return ok;
}

void grammar_state_rollback(grammar_state *s, size_t n_tokens) {
    assert(n_tokens < s->n && n_tokens <= s->length);
    pthread_mutex_lock(&s->g->lock);
    s->n -= n_tokens;
    s->length -= n_tokens;
    pthread_mutex_unlock(&s->g->lock);
}

size_t grammar_state_length(const grammar_state *s) { return s->length; }

/* ---- questions ---- */

static kept_mask *least_used(grammar *g) {
    kept_mask *least = &g->kept[0];
    for (int i = 0; i < KEPT_MASKS; i++) {
        if (g->kept[i].state == STATE_DEAD) return &g->kept[i];
        if (g->kept[i].used < least->used) least = &g->kept[i];
    }
    return least;
}

static const uint64_t *mask_of(grammar *g, int32_t state) {
    for (int i = 0; i < KEPT_MASKS; i++)
        if (g->kept[i].state == state) return g->kept[i].used = ++g->uses, g->kept[i].bits;
    kept_mask *m = least_used(g);
    m->state = STATE_DEAD;
    if (!m->bits) m->bits = mem_must(g->masks.words, sizeof *m->bits);
    memset(m->bits, 0, g->masks.words * sizeof *m->bits);
    if (!mask_fill(&g->masks, g->a, state, false, m->bits)) return NULL;
    m->state = state;
    m->used = ++g->uses;
    return m->bits;
}

static void allow_ends(const grammar *g, uint64_t *bits) {
    size_t n;
    const int32_t *ids = vocabulary_end_ids(g->v, &n);
    for (size_t i = 0; i < n; i++) bits[ids[i] / 64] |= 1ull << (ids[i] % 64);
}

static bool fill(grammar_state *s, uint64_t *bits) {
    grammar *g = s->g;
    bool first = begins(s) && vocabulary_trie(g->v, true) != vocabulary_trie(g->v, false);
    if (now(s) == STATE_NONE) return false;
    if (first || now(s) == STATE_ENDED) {
        memset(bits, 0, g->masks.words * sizeof *bits);
        if (first && now(s) != STATE_ENDED && !mask_fill(&g->masks, g->a, now(s), true, bits)) return false;
    } else {
        const uint64_t *kept = mask_of(g, now(s));
        if (!kept) return false;
        memcpy(bits, kept, g->masks.words * sizeof *bits);
    }
    if (ends(s)) allow_ends(g, bits);
    return true;
}

bool grammar_state_mask(grammar_state *s, uint64_t *bits, err *e) {
    enter(s->g);
    bool ok = fill(s, bits);
    leave(s->g);
    return ok || too_much(e);
}

bool grammar_state_is_complete(grammar_state *s) {
    enter(s->g);
    bool complete = ends(s);
    leave(s->g);
    return complete;
}

static bool is_over(const grammar_state *s) { return now(s) == STATE_ENDED || now(s) == STATE_END; }

bool grammar_state_is_over(grammar_state *s) {
    enter(s->g);
    bool over = is_over(s);
    leave(s->g);
    return over;
}

/* The byte that must come, or -1. */
static int forced_byte(automaton *a, int32_t state) {
    int byte = -1;
    if (state < 0 || a->states[state].ends) return -1;
    for (int c = 0; c < a->n_classes; c++) {
        int32_t to = automaton_step(a, state, a->class_first[c]);
        if (to == STATE_DEAD) continue;
        if (to == STATE_NONE || byte >= 0 || a->class_size[c] > 1) return -1;
        byte = a->class_first[c];
    }
    return byte;
}

size_t grammar_state_forced_bytes(grammar_state *s, buf *out, size_t most) {
    size_t n = 0;
    enter(s->g);
    automaton *a = s->g->a;
    int32_t state = now(s);
    for (int byte; n < most && (byte = forced_byte(a, state)) >= 0; n++) {
        buf_putc(out, (char)byte);
        state = automaton_step(a, state, (uint8_t)byte);
    }
    leave(s->g);
    return n;
}

static int32_t only_bit(const uint64_t *bits, size_t words) {
    int32_t only = -1;
    for (size_t i = 0; i < words; i++) {
        if (!bits[i]) continue;
        if (only >= 0 || (bits[i] & (bits[i] - 1))) return -1;
        only = (int32_t)(i * 64 + (size_t)__builtin_ctzll(bits[i]));
    }
    return only;
}

int32_t grammar_state_forced_token(grammar_state *s) {
    uint64_t *bits = mem_must(s->g->masks.words, sizeof *bits);
    enter(s->g);
    int32_t only = !is_over(s) && fill(s, bits) ? only_bit(bits, s->g->masks.words) : -1;
    leave(s->g);
    free(bits);
    return only >= 0 && !vocabulary_is_end(s->g->v, only) ? only : -1;
}
