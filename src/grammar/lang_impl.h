/* A deterministic automaton while it is made; finishing trims, minimizes and moves it into the arena. */
#ifndef PINGTI_GRAMMAR_LANG_IMPL_H
#define PINGTI_GRAMMAR_LANG_IMPL_H
#include "grammar/lang.h"

typedef struct draft_edge {
    uint32_t from, lo, hi, to;
} draft_edge;

typedef struct draft_state {
    bool accept;
} draft_state;

typedef struct lang_draft {
    effort *w;
    draft_state *states;
    draft_edge *edges; /* of one state together, in order of lo */
    size_t n, cap, n_edges, cap_edges;
} lang_draft;

uint32_t lang_draft_state(lang_draft *d);
/* States are given their edges one state after another, each in order of lo. Neighbours with one target become one edge. */
void lang_draft_edge(lang_draft *d, uint32_t from, uint32_t lo, uint32_t hi, uint32_t to);
const lang *lang_draft_finish(lang_draft *d); /* frees the draft; NULL when the effort has failed */
#endif
