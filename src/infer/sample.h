/* From logits to a token. The same logits, parameters, history and (seed, position) give the same token, whatever else is
 * in the batch. Order: logit bias, repetition, presence and frequency penalties, what a grammar allows, temperature, top-k, top-p, min-p, draw.
 * Pure functions over caller-owned scratch; any thread. */
#ifndef PINGTI_INFER_SAMPLE_H
#define PINGTI_INFER_SAMPLE_H
#include "base/err.h"
#include "infer/draw.h"
#include <stddef.h>
#include <stdint.h>

enum { SAMPLE_NOTHING = -1, SAMPLE_MAX_LOGPROBS = 20, SAMPLE_MAX_BIAS = 1024 };

typedef struct logit_bias {
    int32_t id;
    float bias; /* added to the logit; -100 or less forbids the token */
} logit_bias;

typedef struct sample_params {
    float temperature;       /* 0: greedy, the lowest id among equals */
    uint32_t top_k;          /* 0: off */
    float top_p;             /* 1 (or 0): off */
    float min_p;             /* 0: off; relative to the most likely token */
    float repeat_penalty;    /* 1 (or 0): off; Keskar et al. 2019: logit / p when positive, * p when negative */
    float presence_penalty;  /* subtracted once from tokens that occurred (in the generated text, as the OpenAI API does) */
    float frequency_penalty; /* subtracted per occurrence */
    uint32_t repeat_last;    /* window of repeat_penalty over prompt and answer; 0: 64 */
    uint64_t seed;
    const logit_bias *bias;
    size_t n_bias;
    uint32_t n_logprobs;     /* alternatives wanted beside the chosen token; 0 with want_logprob: the chosen one alone */
    bool want_logprob;
} sample_params;

/* False names the parameter that is out of range. */
bool sample_check(const sample_params *p, size_t n_vocab, err *e);

typedef struct token_logprob {
    int32_t id;
    float logprob;
} token_logprob;

typedef struct sampled {
    int32_t id;
    float logprob;                             /* of the model's own distribution, before penalties and temperature */
    uint32_t n_top;
    token_logprob top[SAMPLE_MAX_LOGPROBS];    /* most likely first; equal ones by id */
} sampled;

/* Memory of one drawing thread, reused for every token. */
typedef struct sample_scratch {
    const uint64_t *allowed; /* NULL, or a bit for each token that may be chosen (at least one); set for a call */
    uint64_t *mask; /* [n_vocab bits] for whoever makes such bits */
    float *work;    /* [n_vocab] logits after bias and penalties */
    int32_t *count; /* [n_vocab], all zero between calls */
    draw_scratch draw;
} sample_scratch;
bool sample_scratch_new(sample_scratch *s, size_t n_vocab, err *e);
void sample_scratch_free(sample_scratch *s);

/* tokens[0..n): prompt and answer so far, the answer from n_prompt on. Tokens at or beyond n_known (padding of the vocabulary
 * that the tokenizer does not know) are never chosen. SAMPLE_NOTHING: every allowed one is forbidden by a bias, or not a number. */
sampled sample_token(const sample_params *p, const float *logits, size_t n_vocab, size_t n_known, const int32_t *tokens, size_t n,
                     size_t n_prompt, sample_scratch *scratch);
#endif
