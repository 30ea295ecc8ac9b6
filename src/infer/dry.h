/* DRY ("don't repeat yourself", p-e-w 2024): a token that would make the text go on as it did after an earlier occurrence of its own
 * last L tokens is made less likely, by multiplier * base^(L - allowed). Breakers (line ends, quotes, names) end such occurrences.
 * Breakers are counted and immutable: any thread. */
#ifndef PINGTI_INFER_DRY_H
#define PINGTI_INFER_DRY_H
#include "text/tokenizer.h"

typedef struct dry_breakers dry_breakers;

typedef struct dry_params {
    float multiplier;        /* 0: off */
    float base;              /* 0: 1.75 */
    uint32_t allowed;        /* repeats shorter than this cost nothing; 0: 2 */
    uint32_t last;           /* tokens of prompt and answer that are looked at; 0: all */
    const dry_breakers *breakers; /* NULL: none */
} dry_params;

enum { DRY_MAX_BREAKERS = 64, DRY_BREAKER_BYTES = 40 };

/* The ways in which the vocabulary can spell the texts: tokens that hold one, and tokens that end in the beginning of one followed by
 * the rest. NULL with an error: too many, or one is empty or too long. */
dry_breakers *dry_breakers_new(const tokenizer *t, const char *const *texts, size_t n, err *e);
dry_breakers *dry_breakers_ref(const dry_breakers *b); /* NULL is allowed */
void dry_breakers_unref(const dry_breakers *b);        /* NULL is allowed */
extern const char *const dry_default_breakers[4];      /* as in other programs: line end, colon, quote, star */

/* Memory of one drawing thread, reused for every token. */
typedef struct dry_scratch {
    int32_t *repeats; /* [cap] */
    size_t cap;
} dry_scratch;

void dry_penalize(const dry_params *p, float *logits, const int32_t *tokens, size_t n, dry_scratch *s, int32_t *count); /* count[n_vocab], all zero between calls */
#endif
