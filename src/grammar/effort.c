#include "grammar/effort.h"
#include <time.h>

double effort_clock(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

bool effort_refuse(effort *w) {
    w->failed = true;
    return false;
}

static bool too_long(effort *w) {
    err_set(w->e, ERR_LIMIT, "compiling the grammar takes too long");
    err_expected(w->e, "at most %g seconds", w->seconds);
    err_hint(w->e, "use a simpler grammar: fewer counted repetitions, fewer combined alternatives");
    return effort_refuse(w);
}

bool effort_spend(effort *w, size_t states) {
    if (w->failed) return false;
    w->states += states;
    if (w->states > w->most_states) {
        err_set(w->e, ERR_LIMIT, "the grammar is too large");
        err_expected(w->e, "at most %zu states while compiling", w->most_states);
        err_hint(w->e, "use smaller counts in repetitions and lengths, or fewer alternatives");
        return effort_refuse(w);
    }
    if (++w->since_clock < 256) return true;
    w->since_clock = 0;
    return effort_clock() - w->began <= w->seconds || too_long(w);
}

void *effort_new(effort *w, size_t n, size_t size) {
    if (w->failed) return NULL;
    void *p = arena_try(w->mem, n, size);
    if (p) return p;
    err_set(w->e, ERR_LIMIT, "compiling the grammar takes too much memory");
    err_hint(w->e, "use smaller counts in repetitions and lengths, or fewer alternatives");
    effort_refuse(w);
    return NULL;
}
