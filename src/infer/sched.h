/* Which rows the next step computes. Decoding sequences first (one row each), then prompt chunks up to the batch's budget, or, when
 * somebody decodes, up to what keeps the step short (pace.h); then guesses behind the decoding rows (speculate.h), for which nobody
 * is preempted;
 * waiting requests start when pages for their prompt can be had; when a running one needs a page and none is left, the
 * youngest is preempted: its pages go, its tokens stay, and it is computed again later to the same bits. */
#ifndef PINGTI_INFER_SCHED_H
#define PINGTI_INFER_SCHED_H
#include "infer/draft.h"
#include "infer/pace.h"
#include "infer/request_impl.h"
#include "infer/runner.h"

enum { SCHED_MAX_RUNNING = 256 };

typedef struct sched_step {
    run_slice slices[SCHED_MAX_RUNNING];
    request *requests[SCHED_MAX_RUNNING];
    size_t n;
    size_t decodes, prompt_rows; /* sequences that decode; rows of prompt */
    double prompt_keys;          /* that those rows see together */
    size_t guesses;              /* rows of guesses */
} sched_step;

typedef struct sched {
    kv *kv;
    const runner *r;
    request *running[SCHED_MAX_RUNNING]; /* oldest first */
    size_t n_running;
    request **waiting;                   /* first in, first out; preempted ones go to the front */
    size_t n_waiting, cap_waiting;
    uint64_t preemptions, cached_tokens;
    sched_step step;
    pace pace;
    row_price price;
    const tokenizer *text;               /* spells what grammars force; NULL: nothing does */
    draft draft;                         /* owned, or off */
    size_t most_guesses;                 /* of one sequence in one step; 0: none are made */
} sched;

void sched_init(sched *s, kv *k, const runner *r, size_t most_guesses);
void sched_free(sched *s);
void sched_enqueue(sched *s, request *r);
void sched_remove(sched *s, request *r); /* a finished one; it may be freed already */
/* Calls drop for every request; one for which it returns true is gone. */
void sched_drop(sched *s, bool (*drop)(void *ctx, request *r), void *ctx);
bool sched_ready(const sched *s); /* a next step would compute something */
sched_step *sched_next(sched *s); /* n 0: nothing can run now */
/* What the step of sched_next took, all in all, and the part of it that was sched_next itself. */
void sched_took(sched *s, double seconds, double choosing);
#endif
