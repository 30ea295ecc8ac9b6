#include "net/ranges.h"
#include "base/mem.h"
#include <string.h>

void ranges_add(ranges *r, uint64_t from, uint64_t to) {
    size_t first = 0, last;
    if (from >= to) return;
    while (first < r->n && r->items[first].to < from) first++;
    for (last = first; last < r->n && r->items[last].from <= to; last++) {
        if (r->items[last].from < from) from = r->items[last].from;
        if (r->items[last].to > to) to = r->items[last].to;
    }
    /* [first, last) become one */
    if (first == last && r->n == r->cap) {
        r->cap = r->cap ? 2 * r->cap : 16;
        r->items = mem_must_grow(r->items, r->cap, sizeof *r->items);
    }
    memmove(r->items + first + 1, r->items + last, (r->n - last) * sizeof *r->items);
    r->n = r->n + 1 - (last - first);
    r->items[first] = (range){ from, to };
}

uint64_t ranges_total(const ranges *r) {
    uint64_t sum = 0;
    for (size_t i = 0; i < r->n; i++) sum += r->items[i].to - r->items[i].from;
    return sum;
}

uint64_t ranges_prefix(const ranges *r) { return r->n && r->items[0].from == 0 ? r->items[0].to : 0; }

bool ranges_gap(const ranges *r, uint64_t at, uint64_t size, range *gap) {
    for (size_t i = 0; i < r->n && r->items[i].from <= at; i++)
        if (r->items[i].to > at) at = r->items[i].to;
    if (at >= size) return false;
    *gap = (range){ at, size };
    for (size_t i = 0; i < r->n; i++)
        if (r->items[i].from > at && r->items[i].from < gap->to) gap->to = r->items[i].from;
    return true;
}

void ranges_clear(ranges *r) { r->n = 0; }

void ranges_free(ranges *r) {
    free(r->items);
    *r = (ranges){ 0 };
}
