/* What this machine can do at best, measured with loops of its own: read bandwidth of memory and caches, clock, arithmetic
 * peaks, and what handing work to the pool costs. Limits for the real kernels to be held against. One owner thread; the
 * medians of PROBE_REPEATS repetitions each. */
#ifndef PINGTI_BACKEND_CPU_PROBE_H
#define PINGTI_BACKEND_CPU_PROBE_H
#include "base/err.h"
#include <stddef.h>

enum { PROBE_REPEATS = 7 };

typedef struct probe probe;

probe *probe_new(int threads, err *e); /* 0: all processors of this process. Takes a buffer well beyond the last cache */
void probe_free(probe *p);
int probe_threads(const probe *p);
size_t probe_buffer_bytes(const probe *p);

/* Bytes read from memory in a second, by all threads or by one alone. Some tens of milliseconds. */
double probe_dram(probe *p, bool all);

typedef struct probe_rate {
    double one, all; /* a second: one thread, all threads */
} probe_rate;

typedef struct probe_limits {
    probe_rate dram, l3, l2, l1;   /* bytes; 0 where the cache's size is not known */
    probe_rate f32, bf16, int8;    /* operations: a multiply-add is two */
    const char *f32_by, *bf16_by, *int8_by; /* with which instruction */
    double clock;                  /* Hz, one thread: dependent additions */
    double processor_share;        /* of the time, how much one busy thread was given: well below 1 when other work is on the machine */
    double dispatch, wake;         /* seconds until all threads have met in a job and left it: right after another, and after a pause in which workers sleep */
} probe_limits;

void probe_peaks(probe *p, probe_limits *out); /* f32, bf16, int8 alone */
void probe_all(probe *p, probe_limits *out);
#endif
