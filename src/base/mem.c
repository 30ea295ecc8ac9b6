#include "base/mem.h"
#include <linux/mempolicy.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

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

/* Tasks go to whichever thread is free, so that every thread reads all of it in the end: on a machine with several memory nodes pages lie on
 * all of them in turn, and not all on the node of the thread that wrote them first. A system that refuses (seccomp, cpusets) costs speed
 * alone. */
static void spread_over_nodes(void *p, uint64_t bytes) {
    unsigned long nodes = 0;
    char path[64];
    for (int i = 0; i < 64; i++) {
        snprintf(path, sizeof path, "/sys/devices/system/node/node%d", i);
        if (access(path, F_OK) == 0) nodes |= 1ul << i;
    }
    if (nodes & (nodes - 1)) (void)syscall(SYS_mbind, p, bytes, MPOL_INTERLEAVE, &nodes, 8 * sizeof nodes + 1, 0);
}

void *mem_large(uint64_t bytes, err *e) {
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED) return no_memory(e, bytes, 1), NULL;
    spread_over_nodes(p, bytes);
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
