/* The thread pool: every task once whatever the threads and the pauses between jobs, and no processor burnt while idle. */
#include "unit/check.h"
#include "base/pool.h"
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

enum { TASKS = 1000 };

typedef struct job {
    int hits[TASKS]; /* a task's own: two threads in one task would show as a race, or as a wrong count */
    int add;
    int threads;
} job;

static void count_task(void *ctx, size_t task, int worker) {
    job *j = ctx;
    assert_true(worker >= 0 && worker < j->threads);
    j->hits[task] += j->add;
}

static void pool_does_every_task_once(void **state) {
    (void)state;
    const int threads[] = { 1, 2, 3, 4, 17, 64 }; /* most of these on fewer processors */
    for (int k = 0; k < 6; k++) {
        pool *p = pool_new(threads[k]);
        job j = { .threads = pool_threads(p) };
        for (int round = 1; round <= 200; round++) {
            j.add = round;
            pool_run(p, TASKS, count_task, &j);
        }
        for (int i = 0; i < TASKS; i++) assert_int_equal(j.hits[i], 201 * 100);
        pool_free(p);
    }
}

static double clock_of(clockid_t id) {
    struct timespec t;
    clock_gettime(id, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void busy(double seconds) {
    for (double until = clock_of(CLOCK_MONOTONIC) + seconds; clock_of(CLOCK_MONOTONIC) < until;) {}
}

/* Small jobs on the caller's stack at every distance to the moment a worker goes to sleep: none may be lost, none touched late. */
static void jobs_of_all_sizes_at_all_distances(void **state) {
    (void)state;
    pool *p = pool_new(3);
    for (int round = 0; round < 3000; round++) {
        job j = { .add = 1, .threads = 3 };
        size_t n = (size_t)round % 5;
        pool_run(p, n, count_task, &j);
        for (size_t i = 0; i < 5; i++) assert_int_equal(j.hits[i], i < n);
        memset(&j, 0x55, sizeof j);
        if (round % 3 == 0) busy((double)(round % 300) * 1e-6);
        if (round % 500 == 0) usleep(3000);
    }
    pool_free(p);
}

typedef struct meeting {
    _Atomic int here;
    int expected;
} meeting;

/* Nobody leaves before all have come, so as many tasks need as many threads, however long these take to wake. */
static void meet(void *ctx, size_t task, int worker) {
    meeting *m = ctx;
    (void)task, (void)worker;
    atomic_fetch_add(&m->here, 1);
    for (double until = clock_of(CLOCK_MONOTONIC) + 60; atomic_load(&m->here) < m->expected && clock_of(CLOCK_MONOTONIC) < until;) usleep(200);
}

static void sleepers_are_called(void **state) {
    (void)state;
    pool *p = pool_new(4);
    for (int n = 2; n <= 4; n++) {
        meeting m = { .expected = n };
        usleep(20000); /* all of them sleep */
        double began = clock_of(CLOCK_MONOTONIC);
        pool_run(p, (size_t)n, meet, &m);
        assert_int_equal(atomic_load(&m.here), n);
        assert_true(clock_of(CLOCK_MONOTONIC) - began < 59);
    }
    pool_free(p);
}

static void idle_workers_sleep(void **state) {
    (void)state;
    pool *p = pool_new(8);
    job j = { .add = 1, .threads = 8 };
    pool_run(p, 100, count_task, &j);
    usleep(20000);
    double before = clock_of(CLOCK_PROCESS_CPUTIME_ID);
    usleep(300000);
    double burnt = clock_of(CLOCK_PROCESS_CPUTIME_ID) - before;
    printf("8 threads idle for 300 ms used %.3f ms\n", burnt * 1e3);
    assert_true(burnt < 0.03);
    pool_free(p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pool_does_every_task_once),
        cmocka_unit_test(jobs_of_all_sizes_at_all_distances),
        cmocka_unit_test(sleepers_are_called),
        cmocka_unit_test(idle_workers_sleep),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
