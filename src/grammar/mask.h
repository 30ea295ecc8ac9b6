/* Which tokens a state allows. The part that a node alone decides is kept for the node, whatever follows its rule: tokens that stay
 * within the rule, and the places in the trie where the rule may have ended. For those alone the rest of the state is asked. */
#ifndef PINGTI_GRAMMAR_MASK_H
#define PINGTI_GRAMMAR_MASK_H
#include "grammar/automaton.h"
#include "grammar/plain.h"
#include "grammar/vocabulary.h"

typedef struct node_mask {
    int32_t *ids;     /* when there are few, else NULL */
    uint64_t *bits;
    uint32_t *exits;  /* trie nodes with something below them after which the rule may have ended */
    size_t n_ids, n_exits;
    bool refused;     /* a bound was passed: the node cannot be followed */
} node_mask;

typedef struct mask_cache {
    const vocabulary *v;
    size_t words, n_nodes;
    node_mask **nodes;  /* [n_nodes] */
    int32_t **jumps;    /* [n_nodes] where each byte leads from a node with many edges (mask.c); NULL: not made */
    plain_run *plain;   /* [n_nodes] */
    struct standing *at; /* of the walk under way */
    size_t n_masks, bytes;
} mask_cache;

void mask_cache_init(mask_cache *c, const vocabulary *v, const program *p);
void mask_cache_free(mask_cache *c);
void mask_cache_forget(mask_cache *c); /* every mask */
/* Tokens that the state allows are set in bits, which the caller has cleared; first: at the beginning of the text. False: a bound. */
bool mask_fill(mask_cache *c, automaton *a, int32_t state, bool first, uint64_t *bits);
/* The nodes whose masks take longest to make, ahead of time, until the clock says so. */
void mask_prepare(mask_cache *c, automaton *a, double until, size_t most_bytes);
#endif
