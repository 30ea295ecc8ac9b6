/* From logits to a token. The same logits, parameters, history and (seed, position) give the same token, whatever else is
 * in the batch.
 *
 * The order, of which each part is off by default: logit bias; the penalties for repetition, presence, frequency; DRY; what a
 * grammar allows; temperature,
 * fixed or dynamic; min-p; top-k; top-p; typical; XTC; the draw. With temperature_last the temperature comes after XTC (the cuts then
 * see the model's own probabilities, as in llama.cpp). Mirostat takes the place of all cuts.
 * Pure functions over caller-owned scratch; any thread. */
#ifndef PINGTI_INFER_SAMPLE_H
#define PINGTI_INFER_SAMPLE_H
#include "base/err.h"
#include "infer/draw.h"
#include "infer/dry.h"
#include <stddef.h>
#include <stdint.h>

enum { SAMPLE_NOTHING = -1, SAMPLE_MAX_LOGPROBS = 20, SAMPLE_MAX_BIAS = 1024 };

typedef struct logit_bias {
    int32_t id;
    float bias; /* added to the logit; -100 or less forbids the token */
} logit_bias;

typedef struct sample_params {
    float temperature;       /* 0: greedy, the lowest id among equals */
    float dynamic_range;     /* 0: off; the temperature lies so much below or above, by the entropy; not below 0 */
    float dynamic_exponent;  /* 0: 1 */
    bool temperature_last;
    uint32_t top_k;          /* 0: off */
    float top_p;             /* 1 (or 0): off */
    float min_p;             /* 0: off; relative to the most likely token */
    float typical_p;         /* 1 (or 0): off */
    float xtc_probability;   /* 0: off; of a token that its top choices are left out */
    float xtc_threshold;     /* those are at least so likely; 0: 0.1 */
    int mirostat;            /* 0: off; version 1 or 2 */
    float mirostat_tau;      /* the surprise aimed at, in bits; 0: 5 */
    float mirostat_eta;      /* how fast it is followed; 0: 0.1 */
    dry_params dry;          /* the request holds the breakers too */
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

/* What a sequence's sampler remembers from token to token. A zeroed one is the beginning. */
typedef struct sample_state {
    double mu; /* Mirostat: the most surprise allowed */
    bool begun;
} sample_state;

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
    dry_scratch dry;
} sample_scratch;
bool sample_scratch_new(sample_scratch *s, size_t n_vocab, err *e);
void sample_scratch_free(sample_scratch *s);

/* What the draw at a position is made from, with weights, when it is made from a list: after everything that changes logits and, with
 * temperature_last, after that. The random number 0 of a position draws the token, 1 decides about XTC. 0: the likeliest is chosen. */
size_t sample_candidates(const sample_params *p, const float *logits, size_t n_known, size_t position, draw_scratch *scratch, draw_candidate **list);

/* tokens[0..n): prompt and answer so far, the answer from n_prompt on. Tokens at or beyond n_known (padding of the vocabulary
 * that the tokenizer does not know) are never chosen. SAMPLE_NOTHING: every allowed one is forbidden by a bias, or not a number. */
sampled sample_token(const sample_params *p, sample_state *state, const float *logits, size_t n_vocab, size_t n_known, const int32_t *tokens,
                     size_t n, size_t n_prompt, sample_scratch *scratch);
#endif
