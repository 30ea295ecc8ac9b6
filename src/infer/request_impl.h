/* The inside of a request, for the engine alone. Written by the engine thread except where said (its pool hands tokens over while it waits for that). */
#ifndef PINGTI_INFER_REQUEST_IMPL_H
#define PINGTI_INFER_REQUEST_IMPL_H
#include "infer/request.h"
#include "infer/seq.h"
#include "infer/speculate.h"
#include <pthread.h>

enum { REQUEST_RING = 256 };

struct request {
    _Atomic int holders;
    _Atomic bool cancelled;          /* either side */
    request_options options;
    int32_t *prompt, *stop_ids;
    logit_bias *bias;
    uint64_t *first_allowed;
    void *tenant;
    grammar_state *grammar;          /* where the answer stands in it; NULL: none, or not yet */
    grammar_state *waiting;          /* while the model thinks: what comes after that */
    reasoning thinking;
    /* one producer, one consumer */
    sampled ring[REQUEST_RING];
    _Atomic size_t head, tail;       /* written, read */
    _Atomic bool done;
    pthread_mutex_t lock;            /* only to sleep on */
    pthread_cond_t more;
    finish_reason finish;
    err error;
    request_usage usage;
    /* the engine's own */
    struct request *next;            /* inbox */
    seq s;
    sample_state sampler;            /* of the tokens drawn so far: what is computed again is not drawn again */
    speculation guesses;
    seq drafted;                     /* the draft model's copy of the text, and its guesses (draft.h) */
    size_t n_drawn, n_right;         /* tokens of the last step; guesses among them */
    int32_t drawn;                   /* the last of them */
    bool started, in_step, failed;   /* failed: no token could be chosen, error says why */
    uint64_t ticket;                 /* order of submission, from 1 */
    size_t answered;                 /* tokens sampled */
    double submitted, began, first_token, last_token;
};

size_t request_ring_room(const request *r);
static inline bool request_ring_full(const request *r) { return request_ring_room(r) == 0; }
void request_put(request *r, const sampled *t);
void request_end(request *r, finish_reason why, const err *e);
double request_clock(void); /* monotonic seconds */
#endif
