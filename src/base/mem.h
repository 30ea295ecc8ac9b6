/* Heap memory. Sizes that derive from outside input go through mem_array: overflow-checked, zeroed, NULL with a filled
 * error when there is no memory. mem_must is for small sizes that the program itself chose; when even that fails the
 * process says so and stops, since nothing could be reported in order any more: by abort() in a program that uses the
 * library, with an error's exit status in pingti itself (mem_stop). Free with free(). Any thread. */
#ifndef PINGTI_BASE_MEM_H
#define PINGTI_BASE_MEM_H
#include "base/err.h"
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

void *mem_array(size_t n, size_t size, err *e);            /* zeroed n*size bytes (at least 1) */
void *mem_must(size_t n, size_t size);                     /* zeroed; stops the process when there is none */
void *mem_must_grow(void *old, size_t n, size_t size);     /* realloc to n*size; new bytes are not set */
char *mem_must_copy(const char *text, size_t len);         /* NUL-terminated copy of len bytes */
void *mem_or_stop(void *p, size_t n, size_t size);         /* p; stops the process when it is NULL, saying that n*size bytes were wanted */
void *mem_aligned(size_t bytes, err *e);                   /* zeroed, 64-byte aligned; free() */

/* Mapped, zeroed and advised to lie in large pages (2 MiB): reading weights through 4 KiB pages misses the processor's page tables often
 * enough to cost a tenth to a quarter of the bandwidth (SPEED.md). */
void *mem_large(uint64_t bytes, err *e);
void mem_large_free(void *p, uint64_t bytes);
bool mem_has_large_pages(void);                            /* the system gives them to those who ask */

void mem_stop(void); /* ends the process after "out of memory"; does not return. Weak: abort(), unless the program has its own */

static inline bool mem_mul(uint64_t a, uint64_t b, uint64_t *out) { return !__builtin_mul_overflow(a, b, out); }
static inline bool mem_add(uint64_t a, uint64_t b, uint64_t *out) { return !__builtin_add_overflow(a, b, out); }
#endif
