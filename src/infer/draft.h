/* A second, smaller model of the same vocabulary that guesses what the first will say. It has its own pages and draws with the request's own
 * sampler and random numbers, so that where the two agree about the next token they draw the same one. Owned by the engine thread. */
#ifndef PINGTI_INFER_DRAFT_H
#define PINGTI_INFER_DRAFT_H
#include "infer/request_impl.h"
#include "infer/runner.h"

typedef struct draft {
    runner *r; /* owned */
    size_t n_known;
    sample_scratch scratch;
    double (*clock)(void);
    double round_seconds;  /* what a pass that guesses takes lately; 0: not known yet */
} draft;

bool draft_init(draft *d, runner *r, size_t n_known, double (*clock)(void), err *e); /* takes the runner over, also on failure */
void draft_free(draft *d);
static inline bool draft_is_on(const draft *d) { return d->r != NULL; }

/* One text that wants guesses; at most most[i] are put into its speculation in place of those that are there. */
typedef struct draft_job {
    request *of;
    size_t most;
    bool whole;   /* the draft has read the whole text */
} draft_job;
void draft_guess(draft *d, draft_job *jobs, size_t n);
void draft_forget(draft *d, request *r); /* its pages go; its text is read anew should it go on */
#endif
