/* Bump allocator: many small pieces, freed together. With a limit it refuses beyond it (hostile input), otherwise it
 * grows by chunks. reset keeps the chunks, so a step that reuses its arena allocates nothing after the first time.
 * Memory is 64-byte aligned and zeroed, except where it is asked for raw. One owner thread. */
#ifndef PINGTI_BASE_ARENA_H
#define PINGTI_BASE_ARENA_H
#include <stddef.h>

typedef struct arena arena;

arena *arena_new(size_t limit);                            /* total bytes allowed; 0 = no limit */
void arena_free(arena *a);
void arena_reset(arena *a);
void *arena_try(arena *a, size_t n, size_t size);          /* NULL: overflow, over the limit, or no memory */
void *arena_must(arena *a, size_t n, size_t size);         /* stops the process instead: sizes the program chose */
/* As it is, for what is written whole before it is read: zeroing the activations of a long prompt would cost as much as an op. */
void *arena_try_raw(arena *a, size_t n, size_t size);
void *arena_must_raw(arena *a, size_t n, size_t size);
char *arena_copy(arena *a, const char *text, size_t len);  /* NUL-terminated; NULL like arena_try */
char *arena_must_copy(arena *a, const char *text, size_t len);
size_t arena_used(const arena *a);

/* Gives back everything allocated since the mark: the layers of a forward pass use the same memory one after another. */
typedef struct arena_mark {
    void *chunk;
    size_t chunk_used, used;
} arena_mark;
arena_mark arena_mark_now(const arena *a);
void arena_release(arena *a, arena_mark m);
#endif
