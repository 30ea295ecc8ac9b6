#include "grammar/syntax.h"
#include "base/mem.h"
#include <string.h>

uint32_t syntax_rule(syntax *s, const char *name) {
    if (s->n == s->cap) s->rules = mem_must_grow(s->rules, s->cap = s->cap ? 2 * s->cap : 32, sizeof *s->rules);
    s->rules[s->n] = (syn_rule){ .name = name };
    return (uint32_t)s->n++;
}

void syntax_free(syntax *s) {
    free(s->rules);
    *s = (syntax){ 0 };
}

static syn *make(effort *w, syn_kind kind) {
    syn *s = effort_new(w, 1, sizeof *s);
    if (s) s->kind = kind;
    return s;
}

const syn *syn_never(effort *w) { return make(w, SYN_NEVER); }

const syn *syn_literal(effort *w, const char *bytes, size_t n) {
    syn *s = make(w, SYN_LITERAL);
    char *copy = effort_new(w, n + 1, 1);
    if (!s || !copy) return NULL;
    if (n) memcpy(copy, bytes, n);
    s->bytes = copy;
    s->n = (uint32_t)n;
    return s;
}

const syn *syn_text(effort *w, const char *literal) { return syn_literal(w, literal, strlen(literal)); }

const syn *syn_chars(effort *w, const syn_range *ranges, size_t n) {
    syn *s = make(w, SYN_CHARS);
    syn_range *copy = effort_new(w, n, sizeof *copy);
    if (!s || !copy) return NULL;
    if (n) memcpy(copy, ranges, n * sizeof *copy);
    s->ranges = copy;
    s->n = (uint32_t)n;
    return s;
}

const syn *syn_list(effort *w, syn_kind kind, const syn *const *kids, size_t n) {
    if (n == 1) return kids[0];
    if (!n && kind == SYN_SEQ) return syn_literal(w, "", 0);
    if (!n) return syn_never(w);
    syn *s = make(w, kind);
    const syn **copy = effort_new(w, n, sizeof *copy);
    if (!s || !copy) return NULL;
    memcpy(copy, kids, n * sizeof *copy);
    for (size_t i = 0; i < n; i++)
        if (!kids[i]) return NULL;
    s->kids = copy;
    s->n = (uint32_t)n;
    return s;
}

const syn *syn_repeat(effort *w, const syn *kid, uint32_t min, uint32_t max) {
    if (!kid) return NULL;
    if (max == 0) return syn_literal(w, "", 0);
    if (min == 1 && max == 1) return kid;
    syn *s = make(w, SYN_REPEAT);
    const syn **kids = effort_new(w, 1, sizeof *kids);
    if (!s || !kids) return NULL;
    kids[0] = kid;
    s->kids = kids;
    s->n = 1;
    s->min = min;
    s->max = max;
    return s;
}

const syn *syn_graph(effort *w, const syn_edge *edges, size_t n, uint32_t states) {
    syn *s = make(w, SYN_GRAPH);
    syn_edge *copy = effort_new(w, n, sizeof *copy);
    if (!s || !copy) return NULL;
    if (n) memcpy(copy, edges, n * sizeof *copy);
    for (size_t i = 0; i < n; i++)
        if (!edges[i].label) return NULL;
    s->edges = copy;
    s->n = (uint32_t)n;
    s->min = states;
    return s;
}

const syn *syn_ref(effort *w, uint32_t rule) {
    syn *s = make(w, SYN_RULE);
    if (s) s->rule = rule;
    return s;
}

const syn *syn_language(effort *w, syn_kind kind, const lang *l) {
    syn *s = l ? make(w, kind) : NULL;
    if (s) s->language = l;
    return s;
}

void syn_kids_put(syn_kids *k, const syn *s) {
    if (k->n == k->cap) k->items = mem_must_grow(k->items, k->cap = k->cap ? 2 * k->cap : 8, sizeof *k->items);
    k->items[k->n++] = s;
}

const syn *syn_kids_take(effort *w, syn_kids *k, syn_kind kind) {
    const syn *s = NULL;
    bool whole = true;
    for (size_t i = 0; i < k->n; i++) whole = whole && k->items[i];
    if (whole) s = syn_list(w, kind, k->items, k->n);
    free(k->items);
    *k = (syn_kids){ 0 };
    return s;
}
