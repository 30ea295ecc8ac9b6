/* The pushdown automaton of a program, made deterministic as it is used. A state is everything that may come next: a set of items,
 * each a node of some rule and the state to go on with when that rule has ended. Equal sets are one state, so a byte that was once
 * taken from a state is a look-up afterwards, and stacks share what they have in common however ambiguous the grammar is.
 * States are learnt lazily and can be forgotten (automaton_collect). Not thread-safe: one owner at a time. */
#ifndef PINGTI_GRAMMAR_AUTOMATON_H
#define PINGTI_GRAMMAR_AUTOMATON_H
#include "base/map.h"
#include "grammar/program.h"

enum {
    STATE_END = 0,               /* nothing more may come */
    STATE_DEAD = -1,             /* the byte is not allowed */
    STATE_NONE = -2,             /* not known yet; as a result: a bound was passed */
    AUTOMATON_NESTING = 512,     /* rules within rules; deeper calls are not offered */
    AUTOMATON_ITEMS = 128,       /* of one state; an ambiguous grammar that needs more cannot be followed */
};

typedef struct pda_item {
    uint32_t node;
    int32_t then; /* state */
} pda_item;

typedef struct pda_state {
    uint32_t items, n_items;
    uint32_t row;     /* of the table of steps; UINT32_MAX: none yet */
    uint16_t nesting;
    bool ends;        /* the text may end here */
} pda_state;

typedef struct automaton {
    const program *p;
    pda_state *states;
    pda_item *items;
    int32_t *steps;   /* rows of n_classes */
    size_t n_states, n_items, n_steps, cap_states, cap_items, cap_steps;
    map *known;       /* items -> state */
    map *unions;      /* two states -> their union */
    uint8_t class_of[256];
    int n_classes;
    uint8_t class_first[256], class_size[256]; /* its first byte, how many it has (255: more) */
    struct pda_work *work;
} automaton;

automaton *automaton_new(const program *p);
void automaton_free(automaton *a);
int32_t automaton_start(automaton *a);                  /* the root's state, or STATE_NONE */
int32_t automaton_of_node(automaton *a, uint32_t node); /* that node alone, then the end */
/* The state after a byte; STATE_DEAD, or STATE_NONE when following takes too much. */
int32_t automaton_learn(automaton *a, int32_t state, int class);
static inline int32_t automaton_step(automaton *a, int32_t state, uint8_t byte) {
    const pda_state *s = &a->states[state];
    int32_t to = s->row == UINT32_MAX ? STATE_NONE : a->steps[s->row + a->class_of[byte]];
    return to == STATE_NONE ? automaton_learn(a, state, a->class_of[byte]) : to;
}
size_t automaton_bytes(const automaton *a); /* memory in use */
/* A new automaton that knows the given states alone; each is replaced by its new number (negative ones are left as they are). */
automaton *automaton_collect(automaton *old, int32_t *const *roots, const size_t *n_roots, size_t n_lists);
#endif
