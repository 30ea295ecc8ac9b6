#include "base/mem.h"
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

static void no_memory(err *e, size_t n, size_t size) {
    err_set(e, ERR_MEMORY, "out of memory");
    err_expected(e, "%zu x %zu bytes", n, size);
}

void *mem_array(size_t n, size_t size, err *e) {
    void *p = calloc(n ? n : 1, size ? size : 1); /* calloc checks the product */
    if (!p) no_memory(e, n, size);
    return p;
}

__attribute__((weak)) void mem_stop(void) { abort(); }

void *mem_or_stop(void *p, size_t n, size_t size) {
    if (p) return p;
    fprintf(stderr, "pingti: error: out of memory\n  expected: %zu x %zu bytes more\n  try:      use a smaller model, a shorter context or text, or free memory\n", n, size);
    mem_stop();
    abort();
}

void *mem_must(size_t n, size_t size) { return mem_or_stop(calloc(n ? n : 1, size ? size : 1), n, size); }

void *mem_must_grow(void *old, size_t n, size_t size) {
    void *p = reallocarray(old, n ? n : 1, size ? size : 1);
    return mem_or_stop(p, n, size);
}

char *mem_must_copy(const char *text, size_t len) {
    char *p = mem_must(len + 1, 1);
    if (len) memcpy(p, text, len);
    return p;
}

void *mem_aligned(size_t bytes, err *e) {
    size_t rounded;
    void *p = NULL;
    if (!__builtin_add_overflow(bytes, 63, &rounded)) p = aligned_alloc(64, (rounded & ~(size_t)63) ? rounded & ~(size_t)63 : 64);
    if (!p) return no_memory(e, bytes, 1), NULL;
    memset(p, 0, bytes);
    return p;
}

void *mem_large(uint64_t bytes, err *e) {
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED) return no_memory(e, bytes, 1), NULL;
    madvise(p, bytes, MADV_HUGEPAGE); /* advice: small pages do as well where it is not taken */
    return p;
}

void mem_large_free(void *p, uint64_t bytes) {
    if (p) munmap(p, bytes);
}

bool mem_has_large_pages(void) {
    char line[64] = "";
    FILE *f = fopen("/sys/kernel/mm/transparent_hugepage/enabled", "r");
    bool read = f && fgets(line, sizeof line, f);
    if (f) fclose(f);
    return read && !strstr(line, "[never]");
}
