#include "base/pool.h"
#include "base/mem.h"
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

/* Workers spin this many times for the next job before they sleep: jobs of one forward pass follow within microseconds. */
enum { SPINS = 2000 };

struct pool {
    pthread_t *threads;
    int n;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    _Atomic unsigned generation; /* a new number is a new job */
    _Atomic size_t next;
    _Atomic bool open;           /* the job still takes workers */
    _Atomic int inside;          /* workers that may be looking at it */
    size_t total;
    pool_task task;
    void *ctx;
    _Atomic bool stop;
};

typedef struct worker_start {
    pool *p;
    int number;
} worker_start;

static void pause_briefly(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}

static void work(pool *p, int number) {
    for (size_t i; (i = atomic_fetch_add(&p->next, 1)) < p->total;) p->task(p->ctx, i, number);
}

static unsigned await_job(pool *p, unsigned seen) {
    for (int i = 0; i < SPINS; i++) {
        unsigned now = atomic_load(&p->generation);
        if (now != seen) return now;
        pause_briefly();
    }
    pthread_mutex_lock(&p->lock);
    while (atomic_load(&p->generation) == seen) pthread_cond_wait(&p->wake, &p->lock);
    pthread_mutex_unlock(&p->lock);
    return atomic_load(&p->generation);
}

static void *worker(void *arg) {
    worker_start s = *(worker_start *)arg;
    free(arg);
    for (unsigned seen = 0;;) {
        seen = await_job(s.p, seen);
        if (s.p->stop) return NULL;
        atomic_fetch_add(&s.p->inside, 1); /* before looking at open: either it is seen closed, or pool_run waits for this worker */
        if (atomic_load(&s.p->open)) work(s.p, s.number);
        atomic_fetch_sub(&s.p->inside, 1);
    }
}

pool *pool_new(int threads) {
    pool *p = mem_must(1, sizeof *p);
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->wake, NULL);
    p->threads = mem_must((size_t)threads, sizeof *p->threads);
    for (p->n = 1; p->n < threads; p->n++) {
        worker_start *s = mem_must(1, sizeof *s);
        *s = (worker_start){ p, p->n };
        if (pthread_create(&p->threads[p->n], NULL, worker, s) != 0) {
            free(s);
            break;
        }
    }
    return p;
}

static void start_job(pool *p) {
    pthread_mutex_lock(&p->lock);
    atomic_fetch_add(&p->generation, 1);
    pthread_cond_broadcast(&p->wake);
    pthread_mutex_unlock(&p->lock);
}

void pool_free(pool *p) {
    if (!p) return;
    p->stop = true;
    start_job(p);
    for (int i = 1; i < p->n; i++) pthread_join(p->threads[i], NULL);
    pthread_mutex_destroy(&p->lock);
    pthread_cond_destroy(&p->wake);
    free(p->threads);
    free(p);
}

int pool_threads(const pool *p) { return p ? p->n : 1; }

void pool_run(pool *p, size_t n, pool_task task, void *ctx) {
    if (!p || p->n == 1 || n <= 1) {
        for (size_t i = 0; i < n; i++) task(ctx, i, 0);
        return;
    }
    p->task = task;
    p->ctx = ctx;
    p->total = n;
    atomic_store(&p->next, 0);
    atomic_store(&p->open, true);
    start_job(p);
    work(p, 0);
    atomic_store(&p->open, false);
    for (int i = 0; atomic_load(&p->inside); i++) /* every worker has left before ctx may die; those still asleep do not matter */
        if (i < SPINS) pause_briefly();
        else sched_yield();
}
