/* What compiling may take: time, states, memory. Everything that is built while compiling lies in one arena and is freed with it.
 * The first bound that is passed fills the error; from then on every step refuses. One owner thread. */
#ifndef PINGTI_GRAMMAR_EFFORT_H
#define PINGTI_GRAMMAR_EFFORT_H
#include "base/arena.h"
#include "base/err.h"

typedef struct effort {
    arena *mem;
    double began, seconds;
    size_t states, most_states; /* of automata, intermediate ones included */
    unsigned since_clock;
    bool failed;
    err *e;
} effort;

double effort_clock(void); /* monotonic seconds */
bool effort_spend(effort *w, size_t states);        /* false: a bound is passed */
void *effort_new(effort *w, size_t n, size_t size); /* zeroed; NULL: a bound is passed */
bool effort_refuse(effort *w);                      /* marks the effort failed; the error is the caller's. Returns false */
#endif
