/* Where the time of forward passes goes: sums by kind of work and by layer, and on request every piece of work with its place in
 * time. What there is to count is the caller's affair: names come as a table. Everything is allocated at the start, so nothing
 * is allocated between two tokens; with more events than there is room for, the oldest are given up (and that is said).
 * One owner thread at a time. */
#ifndef PINGTI_BASE_PROF_H
#define PINGTI_BASE_PROF_H
#include "base/err.h"
#include <stdint.h>
#include <stdio.h>

enum { PROF_UNITS = 3, PROF_NO_LAYER = -1 };

/* What a piece of work reads and computes. */
typedef struct prof_work {
    uint64_t weight_bytes; /* read from weights */
    uint64_t cache_bytes;  /* read from the cache of keys and values */
    uint64_t row_bytes;    /* activations read and written */
    uint64_t ops[PROF_UNITS]; /* by kind of arithmetic; a multiply-add is two */
} prof_work;

typedef struct prof_sum {
    uint64_t calls, weight_bytes, cache_bytes, row_bytes, ops[PROF_UNITS];
    double seconds;
} prof_sum;

typedef struct prof prof;

/* names[n_names] are borrowed and must be identifiers. layers: numbers beyond are counted as outside of the layers.
 * events: room for the trace; 0: sums alone. */
prof *prof_new(const char *const *names, size_t n_names, size_t layers, size_t events);
void prof_free(prof *p);

double prof_now(void); /* seconds, monotonic */

/* A pass of `rows` rows begins and ends; within it, which layer what follows belongs to. */
void prof_pass_begin(prof *p, size_t rows);
void prof_pass_end(prof *p);
void prof_set_layer(prof *p, int layer);
/* `p` may be NULL: then it costs a branch. */
static inline void prof_layer(prof *p, int layer) {
    if (p) prof_set_layer(p, layer);
}
/* Work `name` began at `start` (prof_now) and has just ended. */
void prof_add(prof *p, size_t name, double start, const prof_work *w);
void prof_clear(prof *p); /* sums and events; a pass may not be under way */

prof_sum prof_total(const prof *p);             /* all work */
prof_sum prof_of_name(const prof *p, size_t name);
prof_sum prof_of_layer(const prof *p, int layer);
double prof_pass_seconds(const prof *p);        /* from the beginnings to the ends of passes: never less than prof_total */
uint64_t prof_passes(const prof *p), prof_rows(const prof *p), prof_lost_events(const prof *p);

/* Tables by name and by layer for a person. */
void prof_print(const prof *p, FILE *to);
/* Trace events in the JSON that chrome://tracing and ui.perfetto.dev read: passes, layers in them, work in those. */
bool prof_write_trace(const prof *p, const char *path, err *e);
#endif
