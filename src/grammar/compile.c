/* From rules to a program. Rules that match nothing at all are left out; small ones that are not recursive are put where they are
 * named; each of the rest becomes one deterministic automaton, named by calls. */
#include "base/map.h"
#include "base/mem.h"
#include "grammar/program.h"
#include "grammar/spell.h"
#include <string.h>

enum { CALL = 0x110000, INLINE_WEIGHT = 12, INLINE_DEPTH = 24, OUTLINE_WEIGHT = 256, MAX_WEIGHT = 1 << 20 };

typedef struct rule_facts {
    const syn *body;
    bool alive, nullable, loops, inlined;
    uint32_t uses;    /* named in other rules; once within a repetition counts twice */
    uint32_t weight;  /* states it would take, roughly */
    uint32_t depth;   /* of rules put into it */
    uint32_t pending; /* rules it names that are not ordered yet */
} rule_facts;

typedef struct compiler {
    effort *w;
    const syntax *s;
    rule_facts *rules;
    size_t n, cap;
    map *outlines;      /* address of a repetition whose kid became a rule -> that rule */
    const lang **langs; /* [n] of the rules that are called */
} compiler;

static uint32_t saturate(uint64_t x) { return x < MAX_WEIGHT ? (uint32_t)x : MAX_WEIGHT; }

/* ---- what is repeated often and is not small becomes a rule ---- */

static uint32_t outlined_as(const compiler *c, const syn *repeat) {
    int64_t rule;
    return map_get(c->outlines, (const char *)&repeat, sizeof repeat, &rule) ? (uint32_t)rule : UINT32_MAX;
}

static uint32_t new_rule(compiler *c, const syn *body) {
    if (c->n == c->cap) c->rules = mem_must_grow(c->rules, c->cap = c->cap ? 2 * c->cap : 64, sizeof *c->rules);
    c->rules[c->n] = (rule_facts){ .body = body };
    return (uint32_t)c->n++;
}

static void make_outline(compiler *c, const syn *repeat) {
    uint32_t rule = new_rule(c, repeat->kids[0]);
    map_put(c->outlines, (const char *)&repeat, sizeof repeat, rule);
}

static uint32_t copies(const syn *repeat) { return repeat->max == SYN_FOREVER ? repeat->min + 1 : repeat->max; }

/* Controls are written as escapes, characters beyond ASCII as up to four bytes (spell.c). */
static uint64_t weigh_json(const lang *l) {
    uint64_t sum = l->n_states;
    for (uint32_t i = 0; i < l->n_edges; i++) {
        const lang_edge *e = &l->edges[i];
        sum += 1 + (e->lo < 0x20 ? ((e->hi < 0x20 ? e->hi : 0x1f) - e->lo + 1) * 6 : 0) + (e->hi > 0x7f ? 8 : 0);
    }
    return sum;
}

/* The weight of a tree with its rules as calls; on the way, outlines. */
static uint32_t weigh(compiler *c, const syn *s) {
    uint64_t sum = 1;
    switch (s->kind) {
    case SYN_LITERAL: return saturate(s->n);
    case SYN_CHARS: return saturate((uint64_t)s->n * 2);
    case SYN_TEXT: return saturate(s->language->n_edges + s->language->n_states);
    case SYN_JSON: return saturate(weigh_json(s->language));
    case SYN_GRAPH:
        for (uint32_t i = 0; i < s->n; i++) sum += weigh(c, s->edges[i].label);
        return saturate(sum);
    case SYN_SEQ:
    case SYN_ALT:
        for (uint32_t i = 0; i < s->n; i++) sum += weigh(c, s->kids[i]);
        return saturate(sum);
    case SYN_REPEAT: {
        uint32_t times = copies(s);
        if (outlined_as(c, s) != UINT32_MAX) return saturate(times);
        uint32_t each = weigh(c, s->kids[0]);
        if (s->kids[0]->kind == SYN_RULE || each <= 4 || times < 3 || (uint64_t)each * times <= OUTLINE_WEIGHT) return saturate((uint64_t)each * times);
        make_outline(c, s);
        return saturate(times);
    }
    default: return 1;
    }
}

/* ---- facts ---- */

static bool has_characters(const syn *s) {
    for (uint32_t i = 0; i < s->n; i++)
        if (s->ranges[i].lo < 0xd800 || s->ranges[i].hi > 0xdfff) return true;
    return false;
}

static bool is_alive(const compiler *c, const syn *s);

/* Whether living edges lead from state 0 to state 1. */
static bool graph_is_alive(const compiler *c, const syn *s) {
    bool *reached = mem_must(s->min, sizeof *reached), more = true;
    reached[0] = true;
    while (more && !reached[1]) { /* edges lead mostly from earlier states to later ones: few rounds */
        more = false;
        for (uint32_t i = 0; i < s->n; i++)
            if (reached[s->edges[i].from] && !reached[s->edges[i].to] && is_alive(c, s->edges[i].label)) reached[s->edges[i].to] = more = true;
    }
    bool alive = reached[1];
    free(reached);
    return alive;
}

static bool is_alive(const compiler *c, const syn *s) {
    switch (s->kind) {
    case SYN_NEVER: return false;
    case SYN_LITERAL: return true;
    case SYN_CHARS: return has_characters(s);
    case SYN_SEQ:
        for (uint32_t i = 0; i < s->n; i++)
            if (!is_alive(c, s->kids[i])) return false;
        return true;
    case SYN_ALT:
        for (uint32_t i = 0; i < s->n; i++)
            if (is_alive(c, s->kids[i])) return true;
        return false;
    case SYN_GRAPH: return graph_is_alive(c, s);
    case SYN_REPEAT: return s->min == 0 || is_alive(c, s->kids[0]);
    case SYN_RULE: return c->rules[s->rule].alive;
    default: return !lang_is_empty(s->language);
    }
}

static bool is_nullable(const compiler *c, const syn *s) {
    switch (s->kind) {
    case SYN_NEVER:
    case SYN_GRAPH:
    case SYN_CHARS: return false;
    case SYN_LITERAL: return s->n == 0;
    case SYN_SEQ:
        for (uint32_t i = 0; i < s->n; i++)
            if (!is_nullable(c, s->kids[i])) return false;
        return true;
    case SYN_ALT:
        for (uint32_t i = 0; i < s->n; i++)
            if (is_nullable(c, s->kids[i])) return true;
        return false;
    case SYN_REPEAT: return s->min == 0 || is_nullable(c, s->kids[0]);
    case SYN_RULE: return c->rules[s->rule].nullable;
    default: return s->language->states[0].accept;
    }
}

static bool has_loop(const syn *s) {
    if (s->kind == SYN_GRAPH) return true;
    if (s->kind == SYN_REPEAT) return s->max == SYN_FOREVER || has_loop(s->kids[0]);
    if (s->kind == SYN_TEXT || s->kind == SYN_JSON) return s->language->n_edges > 8;
    if (s->kind != SYN_SEQ && s->kind != SYN_ALT) return false;
    for (uint32_t i = 0; i < s->n; i++)
        if (has_loop(s->kids[i])) return true;
    return false;
}

static bool settle(compiler *c) {
    for (bool changed = true; changed && effort_spend(c->w, 0);) {
        changed = false;
        for (size_t i = c->n; i-- > 0;) {
            rule_facts *r = &c->rules[i];
            if (!r->alive && is_alive(c, r->body)) r->alive = changed = true;
            if (!r->nullable && is_nullable(c, r->body)) r->nullable = changed = true;
        }
    }
    for (size_t i = 0; i < c->n; i++) c->rules[i].loops = has_loop(c->rules[i].body);
    if (c->w->failed || c->rules[c->s->root].alive) return !c->w->failed;
    err_set(c->w->e, ERR_FORMAT, "no text can satisfy the grammar");
    err_hint(c->w->e, "a rule that always needs another one of itself never ends; a schema may contradict itself");
    return effort_refuse(c->w);
}

/* Calls visit for every rule named in a tree; often: within a counted repetition. */
static void each_rule(const compiler *c, const syn *s, bool often, void (*visit)(void *ctx, uint32_t rule, bool often), void *ctx) {
    if (s->kind == SYN_RULE) visit(ctx, s->rule, often);
    if (s->kind == SYN_REPEAT) {
        uint32_t rule = outlined_as(c, s);
        often = often || copies(s) > 1;
        if (rule != UINT32_MAX) visit(ctx, rule, often);
        else each_rule(c, s->kids[0], often, visit, ctx);
    }
    for (uint32_t i = 0; s->kind == SYN_GRAPH && i < s->n; i++) each_rule(c, s->edges[i].label, often, visit, ctx);
    if (s->kind != SYN_SEQ && s->kind != SYN_ALT) return;
    for (uint32_t i = 0; i < s->n; i++) each_rule(c, s->kids[i], often, visit, ctx);
}

/* ---- which rules are put where they are named ---- */

static void count_use(void *ctx, uint32_t rule, bool often) {
    compiler *c = ctx;
    c->rules[rule].uses += often ? 2 : 1;
}

static void count_pending(void *ctx, uint32_t rule, bool often) {
    (void)rule;
    (void)often;
    ++*(uint32_t *)ctx;
}

typedef struct dependents {
    uint32_t *first, *of; /* rules that name rule i: of[first[i]..first[i+1]) */
    uint32_t by;
} dependents;

static void count_dependent(void *ctx, uint32_t rule, bool often) {
    (void)often;
    ((dependents *)ctx)->first[rule + 1]++;
}

static void note_dependent(void *ctx, uint32_t rule, bool often) {
    dependents *d = ctx;
    (void)often;
    d->of[d->first[rule]++] = d->by;
}

static void find_dependents(const compiler *c, dependents *d) {
    d->first = mem_must(c->n + 2, sizeof *d->first);
    for (size_t i = 0; i < c->n; i++) each_rule(c, c->rules[i].body, false, count_dependent, d);
    for (size_t i = 0; i < c->n; i++) d->first[i + 1] += d->first[i];
    d->of = mem_must(d->first[c->n], sizeof *d->of);
    for (size_t i = 0; i < c->n; i++) {
        d->by = (uint32_t)i;
        each_rule(c, c->rules[i].body, false, note_dependent, d);
    }
    memmove(d->first + 1, d->first, c->n * sizeof *d->first); /* noting moved each start to the next one's */
    d->first[0] = 0;
}

static void heaviest_depth(void *ctx, uint32_t rule, bool often) {
    compiler *c = ((void **)ctx)[0];
    rule_facts *r = ((void **)ctx)[1];
    (void)often;
    if (!c->rules[rule].inlined) return;
    r->weight = saturate((uint64_t)r->weight + c->rules[rule].weight);
    if (c->rules[rule].depth + 1 > r->depth) r->depth = c->rules[rule].depth + 1;
}

static void decide_inline(compiler *c, uint32_t rule) {
    rule_facts *r = &c->rules[rule];
    each_rule(c, r->body, false, heaviest_depth, (void *[]){ c, r });
    bool light = r->weight <= INLINE_WEIGHT && !r->loops;
    r->inlined = rule != c->s->root && r->depth < INLINE_DEPTH && (light || (r->uses == 1 && r->weight < MAX_WEIGHT / 64));
}

/* From the leaves up, so that recursive rules and those that lead to them are never reached. */
static void choose_inline(compiler *c) {
    dependents d = { 0 };
    uint32_t *ready = mem_must(c->n, sizeof *ready);
    size_t n = 0;
    for (size_t i = 0; i < c->n; i++) {
        each_rule(c, c->rules[i].body, false, count_use, c);
        each_rule(c, c->rules[i].body, false, count_pending, &c->rules[i].pending);
        if (!c->rules[i].pending) ready[n++] = (uint32_t)i;
    }
    find_dependents(c, &d);
    while (n) {
        uint32_t rule = ready[--n];
        decide_inline(c, rule);
        for (uint32_t i = d.first[rule]; i < d.first[rule + 1]; i++)
            if (--c->rules[d.of[i]].pending == 0) ready[n++] = d.of[i];
    }
    free(d.first);
    free(d.of);
    free(ready);
}

/* ---- from a tree to a nondeterministic automaton ---- */

static void build(const compiler *c, nfa *a, const syn *s, uint32_t from, uint32_t to);

static void build_rule(const compiler *c, nfa *a, uint32_t rule, uint32_t from, uint32_t to) {
    const rule_facts *r = &c->rules[rule];
    if (!r->alive) return;
    if (r->inlined) {
        build(c, a, r->body, from, to);
        return;
    }
    nfa_put(a, from, CALL + rule, CALL + rule, to);
    if (r->nullable) nfa_skip(a, from, to);
}

static void build_kid(const compiler *c, nfa *a, const syn *repeat, uint32_t from, uint32_t to) {
    uint32_t rule = outlined_as(c, repeat);
    if (rule != UINT32_MAX) build_rule(c, a, rule, from, to);
    else build(c, a, repeat->kids[0], from, to);
}

static void build_repeat(const compiler *c, nfa *a, const syn *s, uint32_t from, uint32_t to) {
    if (!is_alive(c, s->kids[0])) {
        if (s->min == 0) nfa_skip(a, from, to);
        return;
    }
    uint32_t at = from, optional = s->max == SYN_FOREVER ? 0 : s->max - s->min;
    for (uint32_t i = 0; i < s->min && !a->w->failed; i++) {
        uint32_t next = nfa_state(a);
        build_kid(c, a, s, at, next);
        at = next;
    }
    for (uint32_t i = 0; i < optional && !a->w->failed; i++) {
        uint32_t next = nfa_state(a);
        nfa_skip(a, at, to);
        build_kid(c, a, s, at, next);
        at = next;
    }
    if (s->max == SYN_FOREVER) {
        uint32_t loop = nfa_state(a);
        nfa_skip(a, at, loop);
        build_kid(c, a, s, loop, loop);
        at = loop;
    }
    nfa_skip(a, at, to);
}

static void build_sequence(const compiler *c, nfa *a, const syn *s, uint32_t from, uint32_t to) {
    if (!is_alive(c, s)) return;
    for (uint32_t i = 0; i < s->n; i++) {
        uint32_t next = i + 1 == s->n ? to : nfa_state(a);
        build(c, a, s->kids[i], from, next);
        from = next;
    }
}

static void build_graph(const compiler *c, nfa *a, const syn *s, uint32_t from, uint32_t to) {
    uint32_t base = nfa_state(a);
    for (uint32_t i = 1; i < s->min; i++) nfa_state(a);
    nfa_skip(a, from, base);
    nfa_skip(a, base + 1, to);
    for (uint32_t i = 0; i < s->n && !a->w->failed; i++)
        if (is_alive(c, s->edges[i].label)) build(c, a, s->edges[i].label, base + s->edges[i].from, base + s->edges[i].to);
}

static void build(const compiler *c, nfa *a, const syn *s, uint32_t from, uint32_t to) {
    if (a->w->failed) return;
    switch (s->kind) {
    case SYN_NEVER: break;
    case SYN_LITERAL: spell_bytes(a, from, s->bytes, s->n, to); break;
    case SYN_CHARS:
        for (uint32_t i = 0; i < s->n; i++) spell_utf8(a, from, s->ranges[i].lo, s->ranges[i].hi, to);
        break;
    case SYN_SEQ: build_sequence(c, a, s, from, to); break;
    case SYN_ALT:
        for (uint32_t i = 0; i < s->n; i++) build(c, a, s->kids[i], from, to);
        break;
    case SYN_GRAPH: build_graph(c, a, s, from, to); break;
    case SYN_REPEAT: build_repeat(c, a, s, from, to); break;
    case SYN_RULE: build_rule(c, a, s->rule, from, to); break;
    default:
        if (!lang_is_empty(s->language)) spell_language(a, from, s->language, s->kind == SYN_JSON, to);
    }
}

static const lang *compile_rule(const compiler *c, uint32_t rule) {
    nfa a = { .w = c->w };
    uint32_t from = nfa_state(&a), to = nfa_state(&a);
    build(c, &a, c->rules[rule].body, from, to);
    const lang *l = lang_of_nfa(&a, from, to);
    nfa_free(&a);
    return l;
}

/* Every rule that is called from the root on. */
static bool compile_rules(compiler *c) {
    uint32_t *todo = mem_must(c->n, sizeof *todo);
    bool *seen = mem_must(c->n, sizeof *seen);
    size_t n = 1;
    todo[0] = c->s->root;
    seen[c->s->root] = true;
    c->langs = mem_must(c->n, sizeof *c->langs);
    while (n && !c->w->failed) {
        uint32_t rule = todo[--n];
        const lang *l = c->langs[rule] = compile_rule(c, rule);
        for (uint32_t i = 0; l && i < l->n_edges; i++)
            for (uint32_t x = l->edges[i].lo; x >= CALL && x <= l->edges[i].hi; x++)
                if (!seen[x - CALL]) seen[x - CALL] = true, todo[n++] = x - CALL;
    }
    free(todo);
    free(seen);
    return !c->w->failed;
}

/* ---- from automata to a program ---- */

static void put_node(program *p, const lang *l, uint32_t state, uint32_t base, bool accept) {
    program_node *node = &p->nodes[p->n_nodes++];
    *node = (program_node){ (uint32_t)p->n_edges, (uint32_t)p->n_calls, accept };
    for (uint32_t i = l->states[state].first; i < l->states[state].first + l->states[state].n; i++) {
        const lang_edge *e = &l->edges[i];
        if (e->hi < CALL) p->edges[p->n_edges++] = (program_edge){ (uint8_t)e->lo, (uint8_t)e->hi, base + e->to };
        else
            for (uint32_t x = e->lo; x <= e->hi; x++) p->calls[p->n_calls++] = (program_call){ x - CALL, base + e->to };
    }
}

static bool size_program(const compiler *c, program *p) {
    size_t nodes = 1, edges = 0, calls = 0;
    for (size_t i = 0; i < c->n; i++) {
        const lang *l = c->langs[i];
        if (!l) continue;
        nodes += l->n_states + 1;
        for (uint32_t k = 0; k < l->n_states; k++) {
            bool twice = k == 0; /* the entry has the start's edges again */
            for (uint32_t j = l->states[k].first; j < l->states[k].first + l->states[k].n; j++)
                if (l->edges[j].hi < CALL) edges += 1 + twice;
                else calls += (size_t)(l->edges[j].hi - l->edges[j].lo + 1) * (1 + twice);
        }
    }
    p->nodes = mem_array(nodes, sizeof *p->nodes, c->w->e);
    p->edges = mem_array(edges, sizeof *p->edges, c->w->e);
    p->calls = mem_array(calls, sizeof *p->calls, c->w->e);
    p->entry = mem_array(c->n, sizeof *p->entry, c->w->e);
    p->order = mem_array(c->n, sizeof *p->order, c->w->e);
    p->n_rules = c->n;
    return p->nodes && p->edges && p->calls && p->entry && p->order;
}

static void fill_program(const compiler *c, program *p) {
    for (uint32_t i = 0; i < c->n; i++) {
        const lang *l = c->langs[i];
        if (!l) continue;
        uint32_t base = (uint32_t)p->n_nodes;
        for (uint32_t k = 0; k < l->n_states; k++) put_node(p, l, k, base, l->states[k].accept);
        if (i == c->s->root) p->root = base;
        p->entry[i] = base;
        if (!l->states[0].accept) continue;
        p->entry[i] = (uint32_t)p->n_nodes;
        put_node(p, l, 0, base, false);
    }
    p->nodes[p->n_nodes] = (program_node){ (uint32_t)p->n_edges, (uint32_t)p->n_calls, false };
}

static bool left_recursive(const compiler *c, uint32_t rule) {
    const char *name = rule < c->s->n ? c->s->rules[rule].name : "(a repetition)";
    err_set(c->w->e, ERR_UNSUPPORTED, "the rule '%s' begins with itself (left recursion)", name);
    err_hint(c->w->e, "write a repetition instead: a ::= a \"x\" | \"y\" says the same as a ::= \"y\" \"x\"*");
    return effort_refuse(c->w);
}

/* Of the rules that could not be ordered, one that leads back to itself: each has a predecessor among them. */
static uint32_t find_cycle(const compiler *c, const program *p, const uint32_t *into) {
    uint32_t at = 0;
    while (!into[at]) at++;
    for (size_t steps = 0; steps < c->n && steps < 1000; steps++)
        for (uint32_t r = 0; r < c->n; r++) {
            bool names = false;
            if (!c->langs[r] || !into[r]) continue;
            for (uint32_t k = p->nodes[p->entry[r]].calls; k < p->nodes[p->entry[r] + 1].calls; k++) names |= p->calls[k].rule == at;
            if (!names) continue;
            at = r;
            break;
        }
    return at;
}

/* Rules that begin with others before those. */
static bool order_rules(const compiler *c, program *p) {
    uint32_t *into = mem_must(c->n, sizeof *into), *ready = mem_must(c->n, sizeof *ready);
    size_t n = 0, done = 0, all = 0;
    for (uint32_t r = 0; r < c->n; r++)
        if (c->langs[r])
            for (uint32_t k = p->nodes[p->entry[r]].calls; k < p->nodes[p->entry[r] + 1].calls; k++) into[p->calls[k].rule]++;
    for (uint32_t r = 0; r < c->n; r++) {
        if (!c->langs[r]) continue;
        all++;
        if (!into[r]) ready[n++] = r;
    }
    while (n) {
        uint32_t r = ready[--n];
        p->order[r] = (uint32_t)done++;
        for (uint32_t k = p->nodes[p->entry[r]].calls; k < p->nodes[p->entry[r] + 1].calls; k++)
            if (--into[p->calls[k].rule] == 0) ready[n++] = p->calls[k].rule;
    }
    bool ok = done == all || left_recursive(c, find_cycle(c, p, into));
    free(into);
    free(ready);
    return ok;
}

static program *link_program(const compiler *c) {
    program *p = mem_must(1, sizeof *p);
    if (size_program(c, p)) {
        fill_program(c, p);
        if (order_rules(c, p)) return p;
    }
    program_free(p);
    return NULL;
}

program *program_compile(const syntax *s) {
    compiler c = { .w = s->w, .s = s, .outlines = map_new(16) };
    program *p = NULL;
    for (size_t i = 0; i < s->n; i++) new_rule(&c, s->rules[i].body);
    for (size_t i = 0; i < c.n; i++) {
        uint32_t weight = weigh(&c, c.rules[i].body);
        c.rules[i].weight = weight;
    }
    if (settle(&c)) {
        choose_inline(&c);
        if (compile_rules(&c)) p = link_program(&c);
    }
    free(c.rules);
    map_free(c.outlines);
    free(c.langs);
    return p;
}

void program_free(program *p) {
    if (!p) return;
    free(p->nodes);
    free(p->edges);
    free(p->calls);
    free(p->entry);
    free(p->order);
    free(p);
}
