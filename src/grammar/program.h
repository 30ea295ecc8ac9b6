/* A grammar compiled: for each rule a deterministic automaton over bytes whose edges may also be calls of other rules. What the
 * pushdown automaton of automaton.h runs on. Immutable. */
#ifndef PINGTI_GRAMMAR_PROGRAM_H
#define PINGTI_GRAMMAR_PROGRAM_H
#include "grammar/syntax.h"

typedef struct program_edge {
    uint8_t lo, hi;
    uint32_t to;
} program_edge;

typedef struct program_call {
    uint32_t rule, back; /* the node to go on from when the rule has ended */
} program_call;

typedef struct program_node {
    uint32_t edges, calls; /* the first of each; they end where the next node's begin */
    bool accept;           /* the rule may end here */
} program_node;

typedef struct program {
    program_node *nodes;   /* [n_nodes + 1] */
    program_edge *edges;
    program_call *calls;
    uint32_t *entry;       /* [n_rules] where calls of a rule begin: never accepting, since calls of rules that match nothing are left out */
    uint32_t *order;       /* [n_rules] a rule that begins with another comes before it */
    size_t n_nodes, n_edges, n_calls, n_rules;
    uint32_t root;         /* node */
} program;

/* Everything lies in memory of the program's own. NULL: the error is set. */
program *program_compile(const syntax *s);
void program_free(program *p);
#endif
