/* Regular languages as deterministic automata over ranges of symbols, closed under and, or, not. Symbols are code points (texts of
 * JSON strings and numbers), or bytes and calls of rules (compile.c). Values lie in the effort's arena and are never changed.
 * NULL stands for a bound that was passed: functions given NULL return NULL. */
#ifndef PINGTI_GRAMMAR_LANG_H
#define PINGTI_GRAMMAR_LANG_H
#include "grammar/effort.h"
#include <stddef.h>
#include <stdint.h>

enum { LANG_LAST = 0x10ffff }; /* the last code point */

typedef struct lang_edge {
    uint32_t lo, hi, to;
} lang_edge;

typedef struct lang_state {
    uint32_t first, n; /* edges in order of lo, apart from one another */
    bool accept;
} lang_state;

/* State 0 is the start. From every state an accepting one can be reached, the start of the empty language excepted. */
typedef struct lang {
    const lang_state *states;
    const lang_edge *edges;
    uint32_t n_states, n_edges;
} lang;

/* A nondeterministic automaton under construction. */
typedef struct nfa_edge {
    uint32_t lo, hi, to, next; /* lo > hi: taken without a symbol; next: edge of the same state + 1, 0: the last */
} nfa_edge;

typedef struct nfa {
    effort *w;
    uint32_t *first; /* [n] edge + 1 */
    nfa_edge *edges;
    size_t n, cap, n_edges, cap_edges;
} nfa;

void nfa_free(nfa *a);
uint32_t nfa_state(nfa *a); /* a new one */
void nfa_put(nfa *a, uint32_t from, uint32_t lo, uint32_t hi, uint32_t to);
void nfa_skip(nfa *a, uint32_t from, uint32_t to);

const lang *lang_of_nfa(const nfa *a, uint32_t start, uint32_t accept);
typedef enum lang_op { LANG_AND, LANG_OR, LANG_MINUS } lang_op;
const lang *lang_combine(effort *w, const lang *a, const lang *b, lang_op op);

const lang *lang_none(effort *w);
const lang *lang_all(effort *w);  /* every sequence of code points; surrogates are none */
const lang *lang_literal(effort *w, const uint32_t *symbols, size_t n);
const lang *lang_lengths(effort *w, size_t min, size_t max); /* SIZE_MAX: any length from min on */
const lang *lang_not(effort *w, const lang *a);              /* within lang_all */
static inline const lang *lang_and(effort *w, const lang *a, const lang *b) { return lang_combine(w, a, b, LANG_AND); }
static inline const lang *lang_or(effort *w, const lang *a, const lang *b) { return lang_combine(w, a, b, LANG_OR); }
static inline const lang *lang_minus(effort *w, const lang *a, const lang *b) { return lang_combine(w, a, b, LANG_MINUS); }

bool lang_is_empty(const lang *a);
bool lang_is_all(const lang *a);               /* of lang_all */
bool lang_equal(const lang *a, const lang *b); /* the same automaton, which minimal ones of one language are */
size_t lang_count(const lang *a, size_t most); /* words, at most `most`; `most` also when there are more */
/* The words of a finite language one after another: calls put with each. */
void lang_words(const lang *a, void (*put)(void *ctx, const uint32_t *symbols, size_t n), void *ctx, size_t longest);
bool lang_has(const lang *a, const uint32_t *symbols, size_t n);
#endif
