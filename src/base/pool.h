/* Thread pool for the kernels of one engine. pool_run hands out task numbers 0..n-1; every task must write only its own
 * outputs, so the thread count never changes a result. The caller works too. Workers look out for the next job for some tens of
 * microseconds (the jobs of one pass follow within that), then sleep: an idle pool costs nothing. With more threads than
 * processors they sleep at once. One thread may call pool_run at a time.
 * Many cores: tasks are handed out by one word, added to once a task, so that a job should not have many more tasks than a few for each
 * thread; what every worker writes about itself is a line of its own, and idle workers only read. Nothing is assigned to a thread in
 * advance: a slow or lost processor holds up one task. The price is that memory is not near to who reads it: what all threads read
 * (weights, cache) is spread over the nodes instead (mem_large).
 * On machines with several memory nodes and one thread per processor, worker i stays on the i-th processor that the process may
 * use (PINGTI_PIN=1 does so on any machine, PINGTI_PIN=0 on none). */
#ifndef PINGTI_BASE_POOL_H
#define PINGTI_BASE_POOL_H
#include <stddef.h>

typedef struct pool pool;
typedef void (*pool_task)(void *ctx, size_t task, int worker); /* worker: 0..pool_threads-1, for scratch memory */

pool *pool_new(int threads);  /* threads >= 1, the caller included; fewer when the system refuses more */
void pool_free(pool *p);
int pool_threads(const pool *p);                                 /* 1 when p is NULL */
void pool_run(pool *p, size_t n, pool_task task, void *ctx);     /* p NULL: in the calling thread */
#endif
