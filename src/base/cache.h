/* Sizes of this machine's data caches, as the system reports them. Any thread. */
#ifndef PINGTI_BASE_CACHE_H
#define PINGTI_BASE_CACHE_H
#include <stddef.h>

enum { CACHE_LEVELS = 3 };

typedef struct cache_level {
    size_t bytes; /* 0: not reported */
    int sharers;  /* processors that share one; at least 1 */
} cache_level;

/* The data (or unified) cache of level 1..3 of the first processor. */
cache_level cache_of_level(int level);
#endif
