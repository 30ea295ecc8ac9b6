/* Arrays and objects as graphs: a state for what has come so far (how many items, which properties, what is still owed), an edge for
 * each item or property that may come next. */
#ifndef PINGTI_GRAMMAR_SCHEMA_GRAPH_H
#define PINGTI_GRAMMAR_SCHEMA_GRAPH_H
#include "base/buf.h"
#include "grammar/schema_impl.h"

typedef struct graph {
    translation *t;
    map *known;       /* key -> state */
    buf keys;         /* of the states from 2 on, one after another */
    size_t key_size;
    uint32_t n;       /* states; 0 is the start, 1 the end */
    syn_edge *edges;
    size_t n_edges, cap_edges;
} graph;

enum { GRAPH_START, GRAPH_END, GRAPH_FIRST };

void graph_open(graph *g, translation *t, size_t key_size);
uint32_t graph_state(graph *g, const void *key);             /* the state of what has come so far */
const void *graph_key(const graph *g, uint32_t state);       /* borrowed until the next graph_state */
void graph_edge(graph *g, uint32_t from, const syn *label, uint32_t to);
const syn *graph_close(graph *g);                            /* frees it */

const syn *graph_of_array(translation *t, const array_case *c);

/* An array of few values, each at most once: at[i] says which of them may stand in place i, at[n_prefix] which in later ones. */
typedef struct value_choice {
    const syn *const *text;
    size_t n;
    const uint32_t *at;
    size_t n_prefix, min, max;
} value_choice;
const syn *graph_of_values(translation *t, const value_choice *v);
#endif
