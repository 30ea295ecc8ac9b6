/* A grammar as rules over code points: what GBNF is parsed to and JSON Schema is translated to, before it becomes an automaton.
 * Trees lie in the effort's arena and are shared freely; NULL stands for a bound that was passed. */
#ifndef PINGTI_GRAMMAR_SYNTAX_H
#define PINGTI_GRAMMAR_SYNTAX_H
#include "grammar/lang.h"

#define SYN_FOREVER UINT32_MAX

typedef enum syn_kind {
    SYN_NEVER,   /* matches nothing at all */
    SYN_LITERAL, /* bytes; none of them: the empty text */
    SYN_CHARS,   /* one code point of some ranges */
    SYN_SEQ,
    SYN_ALT,
    SYN_REPEAT,  /* kids[0], min to max times */
    SYN_RULE,
    SYN_GRAPH,   /* states with edges that are trees: from state 0 to state 1. Never matches the empty text */
    SYN_TEXT,    /* a language of code points, written as UTF-8 */
    SYN_JSON,    /* the same as the inside of a JSON string: quotes, backslashes and controls escaped */
} syn_kind;

typedef struct syn_range {
    uint32_t lo, hi;
} syn_range;

typedef struct syn_edge {
    uint32_t from, to;
    const struct syn *label;
} syn_edge;

typedef struct syn {
    syn_kind kind;
    uint32_t n; /* kids, ranges, bytes, edges */
    union {
        const struct syn **kids;
        const syn_range *ranges;
        const syn_edge *edges;
        const char *bytes;
        const lang *language;
        uint32_t rule;
    };
    uint32_t min, max; /* SYN_REPEAT; SYN_FOREVER: no end. SYN_GRAPH: min states */
} syn;

typedef struct syn_rule {
    const char *name; /* for messages */
    const syn *body;  /* NULL: not defined yet */
} syn_rule;

typedef struct syntax {
    effort *w;
    syn_rule *rules;
    size_t n, cap;
    uint32_t root;
} syntax;

uint32_t syntax_rule(syntax *s, const char *name); /* a new one without a body; name is kept */
void syntax_free(syntax *s);                       /* the list alone */

const syn *syn_never(effort *w);
const syn *syn_literal(effort *w, const char *bytes, size_t n);
const syn *syn_text(effort *w, const char *literal);
const syn *syn_chars(effort *w, const syn_range *ranges, size_t n); /* copied */
const syn *syn_list(effort *w, syn_kind kind, const syn *const *kids, size_t n); /* SEQ or ALT; copied; one kid is itself */
const syn *syn_repeat(effort *w, const syn *kid, uint32_t min, uint32_t max);
const syn *syn_graph(effort *w, const syn_edge *edges, size_t n, uint32_t states); /* copied */
const syn *syn_ref(effort *w, uint32_t rule);
const syn *syn_language(effort *w, syn_kind kind, const lang *l);

/* Kids being gathered. */
typedef struct syn_kids {
    const syn **items;
    size_t n, cap;
} syn_kids;
void syn_kids_put(syn_kids *k, const syn *s);
const syn *syn_kids_take(effort *w, syn_kids *k, syn_kind kind); /* frees the list */
#endif
