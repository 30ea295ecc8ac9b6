/* A request: what one caller wants generated. Two holders, the caller and the engine; the caller takes tokens from a ring that
 * the engine thread fills (one producer, one consumer). A full ring takes the sequence out of the batch; the engine never waits. */
#ifndef PINGTI_INFER_REQUEST_H
#define PINGTI_INFER_REQUEST_H
#include "grammar/grammar.h"
#include "infer/reasoning.h"
#include "infer/sample.h"
#include <stdatomic.h>

typedef enum finish_reason { FINISH_NONE, FINISH_STOP, FINISH_LENGTH, FINISH_CANCELLED, FINISH_ERROR } finish_reason;

typedef struct request_usage {
    size_t prompt_tokens, cached_tokens, generated_tokens, preemptions;
    size_t guessed_tokens, accepted_tokens; /* rows of guesses that were computed; those that were right and saved a step each */
    size_t forced_tokens;    /* of the generated ones, those that were the only one the grammar allowed */
    double queued_seconds, prompt_seconds, generate_seconds; /* waiting; to the first token; from the first to the last */
} request_usage;

typedef struct request_options {
    const int32_t *prompt;   /* copied */
    size_t n_prompt;
    size_t max_tokens;       /* 0: to the end of the context */
    sample_params sample;    /* bias is copied, DRY's breakers are held */
    const int32_t *stop_ids; /* tokens that end the answer (they are reported, then it ends); copied */
    size_t n_stop_ids;
    bool ignore_stop;        /* stop_ids do not end it (benchmarks) */
    grammar *grammar;        /* what the answer must follow, or NULL; counted. Its end tokens should be stop_ids */
    const reasoning *thinking; /* the prompt leaves a model's thinking open: the grammar holds from its end on; copied. NULL: from the beginning */
    const uint64_t *first_allowed; /* which tokens the answer may begin with, bit id%64 of [id/64], or NULL; copied; not with a grammar */
    size_t n_first_allowed;  /* words */
    const void *tenant;      /* isolates shared prefixes; copied */
    size_t tenant_len;
    bool no_prefix_cache, no_speculation; /* neither changes a token */
} request_options;

typedef struct request request;

request *request_new(const request_options *o);
void request_unref(request *r);
/* The next token; waits for it. False: the request has ended, see request_finish. */
bool request_next(request *r, sampled *out);
void request_cancel(request *r); /* async-signal-safe; takes effect within a step */
finish_reason request_finish(const request *r); /* valid once request_next returned false */
const err *request_error(const request *r);     /* FINISH_ERROR */
request_usage request_usage_of(const request *r);
#endif
