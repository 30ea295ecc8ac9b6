/* Which bytes of a file are there: disjoint intervals in order. Zero-initialise, ranges_free. One owner thread. */
#ifndef PINGTI_NET_RANGES_H
#define PINGTI_NET_RANGES_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct range {
    uint64_t from, to; /* [from, to) */
} range;

typedef struct ranges {
    range *items;
    size_t n, cap;
} ranges;

void ranges_add(ranges *r, uint64_t from, uint64_t to);
uint64_t ranges_total(const ranges *r);
uint64_t ranges_prefix(const ranges *r);          /* bytes from 0 without a gap */
/* The first gap in [at, size): false when there is none. */
bool ranges_gap(const ranges *r, uint64_t at, uint64_t size, range *gap);
void ranges_clear(ranges *r);
void ranges_free(ranges *r);
#endif
