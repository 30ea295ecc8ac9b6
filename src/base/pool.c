#include "base/pool.h"
#include "base/cpu.h"
#include "base/mem.h"
#include <assert.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* How long a worker looks out for the next job before it sleeps. Waking a sleeper costs the caller a system call and the job tens
 * of microseconds. The window grows when jobs keep coming soon after the worker gave up, as between two passes, and shrinks when
 * they do not. */
enum { WINDOW_MIN_NS = 50000, WINDOW_MAX_NS = 200000, LINE = 64, PAUSES = 16 };

/* Each worker writes its own cache line alone. */
typedef struct worker {
    _Alignas(LINE) _Atomic size_t done; /* tasks ever finished */
    pool *p;
    pthread_t thread;
    int number;
    int64_t window;
} worker;

/* A job is one 64-bit word: how many tasks it has (high half), and the next to hand out (low half). A worker takes a task by adding
 * one: a number below the count that comes back is a task of the job that is there now, which cannot end before it is done, so the
 * task's function and context are there too. A worker that comes late sees no task left and touches nothing; nobody waits for it.
 * The words are read by many and written once per task: while tasks are left nobody merely looks on, and when none is left nobody
 * writes. */
struct pool {
    _Alignas(LINE) _Atomic uint64_t job;
    pool_task task;
    void *ctx;
    _Atomic bool stop;
    _Alignas(LINE) _Atomic uint32_t calls; /* sleepers wait for it to change */
    _Atomic int sleepers;
    int n;
    bool spin;
    size_t expected;                       /* of all workers' done together; the caller's own */
    worker *workers;                       /* [n]; 0 is the caller */
};

/* What late looks add beyond the count must not reach the other half. */
enum { MOST_TASKS = 1 << 30 };

/* The first task is the caller's: it need not fight for the word that all others want at the same moment. */
static uint64_t job_of(size_t n) { return (uint64_t)n << 32 | 1; }
static bool has_task(uint64_t job) { return (uint32_t)job < (uint32_t)(job >> 32); }

static void pause_briefly(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("isb");
#endif
}

static int64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* Tasks until none is left; how many they were. */
static size_t work(pool *p, int number) {
    size_t done = 0;
    while (has_task(atomic_load_explicit(&p->job, memory_order_relaxed))) {
        uint64_t job = atomic_fetch_add_explicit(&p->job, 1, memory_order_acquire);
        if (!has_task(job)) break;
        p->task(p->ctx, (uint32_t)job, number);
        done++;
    }
    return done;
}

static bool wanted(const pool *p) { return has_task(atomic_load(&p->job)) || atomic_load(&p->stop); }

static bool look_out(const pool *p, int64_t until) {
    do {
        for (int i = 0; i < PAUSES; i++) {
            if (wanted(p)) return true;
            pause_briefly();
        }
    } while (now_ns() < until);
    return wanted(p);
}

/* Counted among the sleepers before the last look: either this look sees the job, or the caller sees a sleeper and calls. */
static void sleep_till_called(pool *p) {
    uint32_t calls = atomic_load(&p->calls);
    atomic_fetch_add(&p->sleepers, 1);
    if (!wanted(p)) syscall(SYS_futex, &p->calls, FUTEX_WAIT_PRIVATE, calls, NULL, NULL, 0);
    atomic_fetch_sub(&p->sleepers, 1);
}

/* A call that came too late for its job (the caller did it alone) still says that jobs are coming: look out again. */
static void await_job(worker *w) {
    while (!wanted(w->p)) {
        int64_t began = now_ns();
        if (w->p->spin && look_out(w->p, began + w->window)) return;
        sleep_till_called(w->p);
        bool soon = now_ns() - began < WINDOW_MAX_NS;
        if (soon && w->window < WINDOW_MAX_NS) w->window *= 2;
        if (!soon && w->window > WINDOW_MIN_NS) w->window /= 2;
    }
}

static void *worker_main(void *arg) {
    worker *w = arg;
    while (true) {
        await_job(w);
        if (atomic_load(&w->p->stop)) return NULL;
        size_t done = work(w->p, w->number);
        if (done) atomic_store_explicit(&w->done, atomic_load_explicit(&w->done, memory_order_relaxed) + done, memory_order_release);
    }
}

static bool pinning_wanted(int threads) {
    const char *said = getenv("PINGTI_PIN");
    if (said && (strcmp(said, "0") == 0 || strcmp(said, "1") == 0)) return *said == '1';
    return threads == cpu_count() && access("/sys/devices/system/node/node1", F_OK) == 0;
}

/* The i-th of the processors that the process may use; a mask that is refused changes nothing. */
static void pin(pthread_t thread, int i) {
    cpu_set_t allowed, one;
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return;
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (!CPU_ISSET(cpu, &allowed) || i-- > 0) continue;
        CPU_ZERO(&one);
        CPU_SET(cpu, &one);
        pthread_setaffinity_np(thread, sizeof one, &one);
        return;
    }
}

pool *pool_new(int threads) {
    assert(threads >= 1);
    err e;
    pool *p = mem_aligned(sizeof *p, &e);
    worker *w = mem_aligned((size_t)threads * sizeof *w, &e);
    assert(p && w && "no memory for the threads");
    *p = (pool){ .n = 1, .spin = threads <= cpu_count(), .workers = w };
    bool pinned = pinning_wanted(threads);
    for (; p->n < threads; p->n++) {
        w[p->n] = (worker){ .p = p, .number = p->n, .window = WINDOW_MIN_NS };
        if (pthread_create(&w[p->n].thread, NULL, worker_main, &w[p->n]) != 0) break;
        if (pinned) pin(w[p->n].thread, p->n);
    }
    return p;
}

/* As many sleepers as the job has work for beyond those who are awake. */
static void call_sleepers(pool *p, size_t tasks) {
    int asleep = atomic_load(&p->sleepers), awake = p->n - asleep;
    if (!asleep || tasks <= (size_t)awake) return;
    size_t missing = tasks - (size_t)awake;
    atomic_fetch_add(&p->calls, 1);
    syscall(SYS_futex, &p->calls, FUTEX_WAKE_PRIVATE, missing < (size_t)asleep ? (int)missing : asleep, NULL, NULL, 0);
}

void pool_free(pool *p) {
    if (!p) return;
    atomic_store(&p->stop, true);
    call_sleepers(p, SIZE_MAX);
    for (int i = 1; i < p->n; i++) pthread_join(p->workers[i].thread, NULL);
    free(p->workers);
    free(p);
}

int pool_threads(const pool *p) { return p ? p->n : 1; }

static bool all_done(const pool *p) {
    size_t done = 0;
    for (int i = 1; i < p->n; i++) done += atomic_load_explicit(&p->workers[i].done, memory_order_acquire);
    return done == p->expected;
}

/* ctx may die when pool_run returns: every task that a worker took has been done by then. A worker that lost its processor in the
 * middle of one gets ours. */
static void await_workers(const pool *p) {
    int64_t until = 0;
    while (!all_done(p)) {
        for (int i = 0; i < PAUSES && !all_done(p); i++) pause_briefly();
        if (!until) until = now_ns() + WINDOW_MAX_NS;
        else if (now_ns() > until) sched_yield();
    }
}

void pool_run(pool *p, size_t n, pool_task task, void *ctx) {
    if (!p || p->n == 1 || n <= 1) {
        for (size_t i = 0; i < n; i++) task(ctx, i, 0);
        return;
    }
    assert(n <= MOST_TASKS);
    p->task = task;
    p->ctx = ctx;
    atomic_store(&p->job, job_of(n)); /* before looking for sleepers */
    call_sleepers(p, n);
    task(ctx, 0, 0);
    p->expected += n - 1 - work(p, 0);
    await_workers(p);
}
