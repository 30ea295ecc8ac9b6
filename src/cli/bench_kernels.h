/* What the parts of `pingti bench --kernels` share. A group builds its cases; each case is compared with the scalar reference,
 * then timed. Everything of a group lies in one arena. */
#ifndef PINGTI_CLI_BENCH_KERNELS_H
#define PINGTI_CLI_BENCH_KERNELS_H
#include "cli/bench.h"
#include "op/tape.h"

typedef struct kernel_run kernel_run;

typedef struct kernel_cmp {
    double largest, error;   /* of the reference's values; of the differences */
    bool differs, not_finite, unsteady; /* some bit differs; a NaN on one side alone; a row changed with the number of rows */
} kernel_cmp;

/* One case as a backend sees it: calls[i] are the same op on other memory, so that a rotation over them finds no weight in a cache. */
typedef struct kernel_case {
    const char *name;
    tape_record *calls;
    size_t n_calls;
    precision precision;
    bool same_bits;          /* both sides have one definition: no bit may differ */
    kernel_cmp cmp;
} kernel_case;

/* Groups: bench_cases.c. */
void kernel_cases_linear(kernel_run *k);
void kernel_cases_experts(kernel_run *k);
void kernel_cases_attention(kernel_run *k);
void kernel_cases_rows(kernel_run *k);

/* For groups. */
bool kernel_wanted(kernel_run *k, const char *name); /* by the pattern, and Ctrl-C did not come */
arena *kernel_memory(kernel_run *k);
fwd kernel_fwd(const kernel_run *k, bool reference, precision p); /* the backend under test, or the reference */
void kernel_call(const fwd *f, const tape_record *r);
void kernel_compare(kernel_cmp *c, const float *got, const float *want, uint64_t n);
void kernel_finish(kernel_run *k, const kernel_case *c);         /* times it and reports */
float kernel_random(kernel_run *k);                              /* uniform in [-1, 1) */
tensor *kernel_floats(kernel_run *k, uint64_t rows, uint64_t cols); /* random */
size_t kernel_cold_copies(uint64_t bytes);                       /* how many copies are more than the caches hold */
/* A random weight of n matrices; with `packed` also in the layout that the backend's fast products read. */
weight *kernel_weight(kernel_run *k, dtype t, uint32_t n, uint64_t rows, uint64_t cols, bool packed);
weight *kernel_weight_copy(kernel_run *k, const weight *w, bool packed); /* other memory: of the packed form, or of the rows */

int bench_kernels(const bench_options *o, const char *pattern);
#endif
