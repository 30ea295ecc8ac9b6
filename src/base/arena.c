#include "base/arena.h"
#include "base/mem.h"
#include <assert.h>
#include <string.h>

enum { ALIGN = 64, CHUNK = 1 << 16 };

/* Builds that look for mistakes fill raw memory with NaNs, so that a value that nobody wrote shows. */
#if !defined(__OPTIMIZE__) || defined(__SANITIZE_ADDRESS__)
enum { ARENA_POISON = 1 };
#else
enum { ARENA_POISON = 0 };
#endif

typedef struct chunk {
    struct chunk *next;
    size_t size, used;
    char *data;
} chunk;

struct arena {
    chunk *first, *current;
    size_t limit, used;
};

arena *arena_new(size_t limit) {
    arena *a = mem_must(1, sizeof *a);
    a->limit = limit;
    return a;
}

void arena_free(arena *a) {
    if (!a) return;
    for (chunk *c = a->first, *next; c; c = next) {
        next = c->next;
        free(c->data);
        free(c);
    }
    free(a);
}

void arena_reset(arena *a) {
    for (chunk *c = a->first; c; c = c->next) c->used = 0;
    a->current = a->first;
    a->used = 0;
}

static chunk *add_chunk(arena *a, size_t bytes) {
    size_t size = a->current ? a->current->size : CHUNK;
    if (size < bytes) size = bytes;
    chunk *c = calloc(1, sizeof *c);
    if (!c) return NULL;
    c->data = aligned_alloc(ALIGN, (size + ALIGN - 1) & ~(size_t)(ALIGN - 1));
    if (!c->data) return free(c), NULL;
    c->size = size;
    if (!a->first) a->first = c;
    else {
        c->next = a->current->next;
        a->current->next = c;
    }
    return c;
}

static chunk *chunk_with_room(arena *a, size_t bytes) {
    for (chunk *c = a->current; c; c = c->next) {
        if (c->size - c->used >= bytes) return c;
        a->current = c; /* what is left of a passed chunk waits for the next reset */
    }
    return add_chunk(a, bytes);
}

/* n*size bytes rounded up to whole alignments, as they are; *taken: how many. */
static void *take(arena *a, size_t n, size_t size, size_t *taken) {
    size_t bytes, total;
    if (__builtin_mul_overflow(n, size, &bytes) || bytes > SIZE_MAX / 2) return NULL;
    bytes = bytes ? (bytes + ALIGN - 1) & ~(size_t)(ALIGN - 1) : ALIGN;
    if (__builtin_add_overflow(a->used, bytes, &total) || (a->limit && total > a->limit)) return NULL;
    chunk *c = chunk_with_room(a, bytes);
    if (!c) return NULL;
    void *p = c->data + c->used;
    c->used += bytes;
    a->current = c;
    a->used = total;
    *taken = bytes;
    return p;
}

void *arena_try(arena *a, size_t n, size_t size) {
    size_t bytes;
    void *p = take(a, n, size, &bytes);
    return p ? memset(p, 0, bytes) : NULL;
}

void *arena_try_raw(arena *a, size_t n, size_t size) {
    size_t bytes;
    void *p = take(a, n, size, &bytes);
    return p && ARENA_POISON ? memset(p, 0xff, bytes) : p;
}

/* Without a limit it is the machine that has no memory left: an error that says so, not a mistake of the program. */
static void *or_plan_too_small(const arena *a, void *p, size_t n, size_t size) {
    if (!a->limit) return mem_or_stop(p, n, size);
    assert(p && "arena exhausted: the plan was too small");
    return p;
}

void *arena_must(arena *a, size_t n, size_t size) {
    void *p = arena_try(a, n, size);
    return or_plan_too_small(a, p, n, size);
}

void *arena_must_raw(arena *a, size_t n, size_t size) {
    void *p = arena_try_raw(a, n, size);
    return or_plan_too_small(a, p, n, size);
}

char *arena_copy(arena *a, const char *text, size_t len) {
    char *p = len < SIZE_MAX ? arena_try(a, len + 1, 1) : NULL;
    if (p && len) memcpy(p, text, len);
    return p;
}

char *arena_must_copy(arena *a, const char *text, size_t len) { return or_plan_too_small(a, arena_copy(a, text, len), len, 1); }

size_t arena_used(const arena *a) { return a->used; }

arena_mark arena_mark_now(const arena *a) { return (arena_mark){ a->current, a->current ? a->current->used : 0, a->used }; }

void arena_release(arena *a, arena_mark m) {
    chunk *c = m.chunk ? m.chunk : a->first;
    a->current = c;
    a->used = m.used;
    if (!c) return;
    c->used = m.chunk_used;
    for (c = c->next; c; c = c->next) c->used = 0;
}
