#include "backend/cpu/probe.h"
#include "backend/cpu/probe_loops.h"
#include "base/cache.h"
#include "base/cpu.h"
#include "base/mem.h"
#include "base/pool.h"
#include <sched.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#define MIB ((size_t)1 << 20)
#define CHUNK (4 * MIB) /* what a thread reads before it asks for more: long against a stream's start, short against a pass */

struct probe {
    int threads;
    pool *pool;
    probe_loops loops;
    char *memory;
    size_t bytes;
    _Atomic uint64_t sink; /* loops end here, so that none is left out */
};

static double now(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* ---- running ---- */

typedef enum probe_kind { READ_CHUNKS, READ_OWN, RUN_PEAK, FILL, MEET } probe_kind;

typedef struct probe_job {
    probe *p;
    probe_kind kind;
    size_t set, rounds; /* READ_OWN: bytes of each worker; rounds of a task */
    const probe_peak *peak;
    _Atomic int *here; /* MEET: how many threads have come */
} probe_job;

/* Until every thread is here: a job that nobody works on alone. Not for ever: a system may hold a thread back. */
static void meet(_Atomic int *here, int threads) {
    atomic_fetch_add(here, 1);
    for (int i = 0; atomic_load(here) < threads && i < 100000; i++)
        if (i > 1000) sched_yield();
}

static void probe_task(void *ctx, size_t i, int worker) {
    const probe_job *j = ctx;
    probe *p = j->p;
    uint64_t any = 0;
    switch (j->kind) {
    case READ_CHUNKS: any = p->loops.read(p->memory + i * CHUNK, CHUNK); break;
    case READ_OWN:
        for (size_t r = 0; r < j->rounds; r++) any |= p->loops.read(p->memory + (size_t)worker * j->set, j->set);
        break;
    case RUN_PEAK: any = j->peak->run(j->rounds); break;
    case FILL: memset(p->memory + i * CHUNK, (int)(i % 251 + 1), CHUNK); break;
    case MEET: meet(j->here, p->threads); break;
    }
    atomic_fetch_or_explicit(&p->sink, any, memory_order_relaxed);
}

static double time_job(const probe_job *j, size_t tasks, bool all) {
    double start = now(CLOCK_MONOTONIC);
    pool_run(all ? j->p->pool : NULL, tasks, probe_task, (void *)j);
    return now(CLOCK_MONOTONIC) - start;
}

static double median_of(double *x, size_t n) {
    for (size_t i = 1; i < n; i++)
        for (size_t k = i; k && x[k] < x[k - 1]; k--) {
            double t = x[k];
            x[k] = x[k - 1];
            x[k - 1] = t;
        }
    return n % 2 ? x[n / 2] : (x[n / 2 - 1] + x[n / 2]) / 2;
}

static double median_time(const probe_job *j, size_t tasks, bool all) {
    double t[PROBE_REPEATS];
    time_job(j, tasks, all); /* caches and clock warm up */
    for (int i = 0; i < PROBE_REPEATS; i++) t[i] = time_job(j, tasks, all);
    return median_of(t, PROBE_REPEATS);
}

/* ---- memory ---- */

static size_t up_to(size_t n, size_t unit) { return (n + unit - 1) / unit * unit; }

/* Eight times the last cache, at least 512 MiB, at most 4 GiB and a quarter of what is free. */
static size_t wanted_bytes(void) {
    size_t n = 8 * cache_of_level(3).bytes, free_memory = (size_t)cpu_memory_available() / 4;
    if (n < 512 * MIB) n = 512 * MIB;
    if (n > 4096 * MIB) n = 4096 * MIB;
    if (n > free_memory) n = free_memory;
    return up_to(n > 64 * MIB ? n : 64 * MIB, CHUNK);
}

probe *probe_new(int threads, err *e) {
    probe *p = mem_must(1, sizeof *p);
    p->bytes = wanted_bytes();
    if (!(p->memory = mem_large(p->bytes, e))) return free(p), NULL;
    p->loops = probe_loops_chosen();
    p->pool = pool_new(threads > 0 ? threads : cpu_count());
    p->threads = pool_threads(p->pool);
    time_job(&(probe_job){ .p = p, .kind = FILL }, p->bytes / CHUNK, true);
    return p;
}

void probe_free(probe *p) {
    if (!p) return;
    pool_free(p->pool);
    mem_large_free(p->memory, p->bytes);
    free(p);
}

int probe_threads(const probe *p) { return p->threads; }
size_t probe_buffer_bytes(const probe *p) { return p->bytes; }

double probe_dram(probe *p, bool all) {
    probe_job j = { .p = p, .kind = READ_CHUNKS };
    return (double)p->bytes / median_time(&j, p->bytes / CHUNK, all);
}

/* ---- caches ---- */

/* What one thread reads over and over: half of its share of the cache, but well beyond the cache before it. */
static size_t cache_set(const probe *p, int level, bool all) {
    cache_level c = cache_of_level(level), before = level > 1 ? cache_of_level(level - 1) : (cache_level){ 0, 1 };
    int sharers = !all ? 1 : c.sharers < p->threads ? c.sharers : p->threads;
    size_t set = c.bytes / 2 / (size_t)sharers;
    if (set < 2 * before.bytes) set = 2 * before.bytes;
    if (!c.bytes || set > c.bytes) return 0;
    set = up_to(set, PROBE_READ_STEP);
    return set * (size_t)p->threads <= p->bytes ? set : 0;
}

static double cache_rate(probe *p, int level, bool all) {
    size_t set = cache_set(p, level, all), tasks = all ? 4 * (size_t)p->threads : 4;
    if (!set) return 0;
    probe_job j = { .p = p, .kind = READ_OWN, .set = set, .rounds = up_to(64 * MIB, set) / set };
    return (double)(tasks * j.rounds) * (double)set / median_time(&j, tasks, all);
}

/* ---- arithmetic ---- */

static double peak_rate(probe *p, const probe_peak *peak, bool all) {
    probe_job j = { .p = p, .kind = RUN_PEAK, .rounds = 4096, .peak = peak };
    double once = time_job(&j, 1, false);
    size_t tasks = all ? 4 * (size_t)p->threads : 4;
    if (once < 2e-3) j.rounds = (size_t)((double)j.rounds * 2e-3 / (once > 1e-6 ? once : 1e-6));
    return (double)tasks * (double)j.rounds * peak->ops / median_time(&j, tasks, all);
}

static probe_rate peak_rates(probe *p, const probe_peak *peak) { return (probe_rate){ peak_rate(p, peak, false), peak_rate(p, peak, true) }; }

void probe_peaks(probe *p, probe_limits *out) {
    out->f32 = peak_rates(p, &p->loops.f32);
    out->bf16 = peak_rates(p, &p->loops.bf16);
    out->int8 = peak_rates(p, &p->loops.int8);
    out->f32_by = p->loops.f32.instruction;
    out->bf16_by = p->loops.bf16.instruction;
    out->int8_by = p->loops.int8.instruction;
}

/* An addition takes one cycle; each waits for the one before. */
static uint64_t dependent_adds(size_t rounds) {
    uint64_t sum = rounds, step = rounds | 1;
    for (size_t i = 0; i < rounds; i++) {
#define ADD sum += step; __asm__ volatile("" : "+r"(sum), "+r"(step));
        ADD ADD ADD ADD ADD ADD ADD ADD ADD ADD ADD ADD ADD ADD ADD ADD
#undef ADD
    }
    return sum;
}

/* By the time the thread was given, not by the clock on the wall: other work on the machine does not make it slower. */
static void measure_clock(probe *p, probe_limits *out) {
    double hz[PROBE_REPEATS], share[PROBE_REPEATS];
    const size_t rounds = 1 << 20;
    for (int i = 0; i < PROBE_REPEATS; i++) {
        double wall = now(CLOCK_MONOTONIC), cpu = now(CLOCK_THREAD_CPUTIME_ID);
        atomic_fetch_or(&p->sink, dependent_adds(rounds));
        cpu = now(CLOCK_THREAD_CPUTIME_ID) - cpu;
        hz[i] = 16.0 * (double)rounds / cpu;
        share[i] = cpu / (now(CLOCK_MONOTONIC) - wall);
    }
    out->clock = median_of(hz, PROBE_REPEATS);
    out->processor_share = median_of(share, PROBE_REPEATS);
}

/* ---- handing out work ---- */

static double job_seconds(probe *p, bool rested) {
    _Atomic int here;
    probe_job j = { .p = p, .kind = MEET, .here = &here };
    double t[201];
    size_t n = rested ? 21 : 201;
    for (size_t i = 0; i < n; i++) {
        if (rested) nanosleep(&(struct timespec){ 0, 2000000 }, NULL);
        atomic_store(&here, 0);
        t[i] = time_job(&j, (size_t)p->threads, true);
    }
    return median_of(t, n);
}

void probe_all(probe *p, probe_limits *out) {
    *out = (probe_limits){ .clock = 0 };
    measure_clock(p, out);
    probe_peaks(p, out);
    out->l1 = (probe_rate){ cache_rate(p, 1, false), cache_rate(p, 1, true) };
    out->l2 = (probe_rate){ cache_rate(p, 2, false), cache_rate(p, 2, true) };
    out->l3 = (probe_rate){ cache_rate(p, 3, false), cache_rate(p, 3, true) };
    out->dram = (probe_rate){ probe_dram(p, false), probe_dram(p, true) };
    out->dispatch = job_seconds(p, false);
    out->wake = job_seconds(p, true);
}
