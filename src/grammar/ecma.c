#include "grammar/ecma.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "grammar/lang_impl.h"
#include "grammar/ecma_class.h"
#include <string.h>

/* Anchors are edges over two symbols that stand before and after every text: ^ takes the first, $ the second. */
enum { BEGIN = LANG_LAST + 1, END = LANG_LAST + 2, MAX_DEPTH = 100, MAX_COUNT = 10000 };

typedef struct pattern {
    const char *begin, *at, *end;
    effort *w;
    nfa a;
    int depth;
    const lang *must; /* what leading lookaheads demand of the whole text, or NULL */
} pattern;

static bool wrong(pattern *p, err_code code, const char *what) {
    if (p->w->failed) return false;
    err_set(p->w->e, code, "the pattern '%.80s' %s", p->begin, what);
    err_got(p->w->e, "at character %zu: '%.20s'", (size_t)(p->at - p->begin), p->at);
    return effort_refuse(p->w);
}

static bool is(const pattern *p, const char *text) {
    size_t n = strlen(text);
    return (size_t)(p->end - p->at) >= n && memcmp(p->at, text, n) == 0;
}

static bool skip(pattern *p, const char *text) {
    if (!is(p, text)) return false;
    p->at += strlen(text);
    return true;
}

/* Fragments of the automaton run from one state to another; a pattern that is repeated is parsed again for every copy. */
static bool alternatives(pattern *p, uint32_t from, uint32_t to);

static bool put_class(pattern *p, const code_set *s, uint32_t from, uint32_t to) {
    for (size_t i = 0; i < s->n; i++) nfa_put(&p->a, from, s->r[i].lo, s->r[i].hi, to);
    return !p->w->failed;
}

static bool class_atom(pattern *p, uint32_t from, uint32_t to) {
    code_set s = { 0 };
    const char *at = p->at, *why = code_set_parse(&s, &at, p->end);
    p->at = at;
    bool ok = why ? wrong(p, ERR_UNSUPPORTED, why) : put_class(p, &s, from, to);
    code_set_free(&s);
    return ok;
}

static bool group(pattern *p, uint32_t from, uint32_t to) {
    if (++p->depth > MAX_DEPTH) return wrong(p, ERR_LIMIT, "is nested too deeply");
    p->at++;
    if (is(p, "?=") || is(p, "?!") || is(p, "?<=") || is(p, "?<!")) return wrong(p, ERR_UNSUPPORTED, "looks ahead or behind, which cannot constrain text there");
    if (skip(p, "?<")) {
        while (p->at < p->end && *p->at != '>') p->at++;
        if (!skip(p, ">")) return wrong(p, ERR_FORMAT, "has a group whose name does not end");
    } else if (is(p, "?") && !skip(p, "?:")) return wrong(p, ERR_UNSUPPORTED, "has a group of a kind that is not supported");
    if (!alternatives(p, from, to)) return false;
    p->depth--;
    return skip(p, ")") || wrong(p, ERR_FORMAT, "has a group that does not end");
}

static bool atom(pattern *p, uint32_t from, uint32_t to) {
    if (*p->at == '(') return group(p, from, to);
    if (*p->at == '^' || *p->at == '$') {
        uint32_t mark = *p->at++ == '^' ? BEGIN : END;
        nfa_put(&p->a, from, mark, mark, to);
        return !p->w->failed;
    }
    if (strchr("*+?{", *p->at)) return wrong(p, ERR_FORMAT, "repeats nothing");
    return class_atom(p, from, to); /* a class, an escape, a dot or a character */
}

static bool number(pattern *p, uint32_t *n) {
    const char *from = p->at;
    for (*n = 0; p->at < p->end && *p->at >= '0' && *p->at <= '9'; p->at++)
        if ((*n = *n * 10 + (uint32_t)(*p->at - '0')) > MAX_COUNT) return wrong(p, ERR_LIMIT, "repeats more than 10000 times");
    return p->at > from;
}

/* A repetition at p->at; false without failure when there is none. */
static bool counts(pattern *p, uint32_t *min, uint32_t *max) {
    const char *began = p->at;
    *max = UINT32_MAX;
    if (skip(p, "*")) *min = 0;
    else if (skip(p, "+")) *min = 1;
    else if (skip(p, "?")) *min = 0, *max = 1;
    else {
        if (!skip(p, "{") || !number(p, min)) return p->at = began, false;
        *max = *min;
        if (skip(p, ",") && (*max = UINT32_MAX, !is(p, "}")) && !number(p, max)) return p->at = began, false;
        if (!skip(p, "}")) return p->at = began, false;
        if (*max < *min) return wrong(p, ERR_FORMAT, "has a repetition whose counts run backwards");
    }
    skip(p, "?"); /* lazily or not, it is the same language */
    return true;
}

static bool copy_of(pattern *p, const char *from_text, uint32_t from, uint32_t to) {
    int depth = p->depth;
    p->at = from_text;
    bool ok = effort_spend(p->w, 0) && atom(p, from, to);
    p->depth = depth;
    return ok;
}

static bool term(pattern *p, uint32_t from, uint32_t to) {
    const char *began = p->at, *after;
    uint32_t first = nfa_state(&p->a), min, max, at;
    if (!atom(p, from, first)) return false;
    if (!counts(p, &min, &max)) return nfa_skip(&p->a, first, to), !p->w->failed;
    after = p->at;
    at = from;
    if (min == 0) nfa_skip(&p->a, from, to);
    if (max == 0) return true;
    /* the first copy is there; it is the whole when nothing repeats */
    at = first;
    for (uint32_t i = 1; i < min; i++) {
        uint32_t next = nfa_state(&p->a);
        if (!copy_of(p, began, at, next)) return false;
        at = next;
    }
    for (uint32_t i = min ? min : 1; max != UINT32_MAX && i < max; i++) {
        uint32_t next = nfa_state(&p->a);
        nfa_skip(&p->a, at, to);
        if (!copy_of(p, began, at, next)) return false;
        at = next;
    }
    if (max == UINT32_MAX) {
        uint32_t loop = nfa_state(&p->a);
        nfa_skip(&p->a, at, loop);
        if (!copy_of(p, began, loop, loop)) return false;
        at = loop;
    }
    nfa_skip(&p->a, at, to);
    p->at = after;
    return !p->w->failed;
}

static bool sequence(pattern *p, uint32_t from, uint32_t to) {
    while (p->at < p->end && *p->at != '|' && *p->at != ')') {
        uint32_t next = nfa_state(&p->a), inner = nfa_state(&p->a);
        nfa_skip(&p->a, from, inner); /* a term may repeat: its start is its own */
        if (!term(p, inner, next)) return false;
        from = next;
    }
    nfa_skip(&p->a, from, to);
    return !p->w->failed;
}

static bool alternatives(pattern *p, uint32_t from, uint32_t to) {
    do
        if (!sequence(p, from, to)) return false;
    while (skip(p, "|"));
    return true;
}

/* ---- around the whole text ---- */

static void any_text(nfa *a, uint32_t state) {
    nfa_put(a, state, 0, 0xd7ff, state);
    nfa_put(a, state, 0xe000, LANG_LAST, state);
}

static const lang *marked_texts(effort *w) {
    nfa a = { .w = w };
    uint32_t from = nfa_state(&a), within = nfa_state(&a), to = nfa_state(&a);
    nfa_put(&a, from, BEGIN, BEGIN, within);
    any_text(&a, within);
    nfa_put(&a, within, END, END, to);
    const lang *l = lang_of_nfa(&a, from, to);
    nfa_free(&a);
    return l;
}

static const lang_edge *edge_on(const lang *l, uint32_t state, uint32_t symbol) {
    for (uint32_t i = l->states[state].first; i < l->states[state].first + l->states[state].n; i++)
        if (l->edges[i].lo <= symbol && symbol <= l->edges[i].hi) return &l->edges[i];
    return NULL;
}

/* Without the two marks: what BEGIN leads to is the start, what END leads from accepts. */
static const lang *unmarked(effort *w, const lang *l) {
    if (!l) return NULL;
    const lang_edge *begin = edge_on(l, 0, BEGIN);
    if (!begin) return lang_none(w);
    lang_draft d = { .w = w };
    uint32_t start = begin->to;
    for (uint32_t i = 0; i <= l->n_states; i++) {
        uint32_t state = i ? i - 1 : start; /* 0 is the start once more */
        lang_draft_state(&d);
        d.states[i].accept = edge_on(l, state, END) != NULL;
        for (uint32_t k = l->states[state].first; k < l->states[state].first + l->states[state].n; k++) {
            const lang_edge *e = &l->edges[k];
            if (e->lo <= LANG_LAST) lang_draft_edge(&d, i, e->lo, e->hi < LANG_LAST ? e->hi : LANG_LAST, e->to + 1);
        }
    }
    return lang_draft_finish(&d);
}

/* anchored: a match has to begin where the text does. */
static const lang *search(effort *w, const char *text, const char **at, const char *end, bool anchored, bool within) {
    pattern p = { .begin = text, .at = *at, .end = end, .w = w, .a = { .w = w } };
    uint32_t from = nfa_state(&p.a), to = nfa_state(&p.a), before = nfa_state(&p.a), after = nfa_state(&p.a), begin = nfa_state(&p.a), finish = nfa_state(&p.a);
    if (!anchored) {
        nfa_skip(&p.a, from, begin);
        any_text(&p.a, before);
    }
    nfa_put(&p.a, from, BEGIN, BEGIN, before);
    nfa_skip(&p.a, before, begin);
    bool ok = alternatives(&p, begin, finish);
    if (ok && p.at < end && !within) ok = wrong(&p, ERR_FORMAT, "has a ) too many");
    nfa_skip(&p.a, finish, to);
    nfa_skip(&p.a, finish, after);
    any_text(&p.a, after);
    nfa_put(&p.a, after, END, END, to);
    const lang *l = ok ? lang_of_nfa(&p.a, from, to) : NULL;
    nfa_free(&p.a);
    *at = p.at;
    return unmarked(w, lang_and(w, l, marked_texts(w)));
}

static bool has_top_alternative(const char *at, const char *end) {
    int depth = 0;
    bool in_class = false;
    for (; at < end; at++) {
        if (*at == '\\') at++;
        else if (in_class) in_class = *at != ']';
        else if (*at == '[') in_class = true;
        else if (*at == '(') depth++;
        else if (*at == ')') depth--;
        else if (*at == '|' && depth == 0) return true;
    }
    return false;
}

const lang *ecma_search(effort *w, const char *text, size_t n) {
    const char *at = text, *end = text + n;
    const lang *all = lang_all(w);
    bool ahead = n > 3 && text[0] == '^' && text[1] == '(' && text[2] == '?' && (text[3] == '=' || text[3] == '!') && !has_top_alternative(text, end);
    if (ahead) at++;
    while (all && ahead && end - at > 3 && at[0] == '(' && at[1] == '?' && (at[2] == '=' || at[2] == '!')) {
        bool not = at[2] == '!';
        at += 3;
        const lang *seen = search(w, text, &at, end, true, true);
        if (seen && (at == end || *at != ')')) return wrong(&(pattern){ .begin = text, .at = at, .end = end, .w = w }, ERR_FORMAT, "has a group that does not end"), NULL;
        at++;
        all = not ? lang_minus(w, all, seen) : lang_and(w, all, seen);
    }
    return lang_and(w, all, search(w, text, &at, end, ahead, false));
}
