/* One token out of all logits by temperature, top-k, top-p and min-p, without sorting the vocabulary.
 *
 * What is computed, whatever the way there: the weight of token i is w = expf((logit - max) / temperature), in f32. Tokens are in
 * order of falling weight, equal ones by id. Those with w < min_p, with w < 1e-7 when anything is cut, or with w < 2^-45, go; of the
 * rest the first top_k stay; of these the fewest whose weights reach top_p of their sum. The drawn token is the first at which the
 * running sum of what stays exceeds r times its sum. Sums are of whole multiples of 2^-45, so they are exact in any order.
 * A logit that is not a number is never chosen. Pure functions over caller-owned memory. */
#ifndef PINGTI_INFER_DRAW_H
#define PINGTI_INFER_DRAW_H
#include "base/err.h"
#include <stddef.h>
#include <stdint.h>

typedef struct draw_rule {
    float temperature; /* > 0 */
    uint32_t top_k;    /* 0: off */
    float top_p;       /* 0 or 1: off */
    float min_p;       /* 0: off */
} draw_rule;

typedef struct draw_candidate {
    float p;
    int32_t id;
} draw_candidate;

/* Reused for every token. */
typedef struct draw_scratch {
    draw_candidate *all, *part; /* [n_vocab] each */
    struct draw_tally *tally;
} draw_scratch;

bool draw_scratch_new(draw_scratch *s, size_t n_vocab, err *e);
void draw_scratch_free(draw_scratch *s);

/* What stays, in order, with its weights: for samplers that look at the whole list (cut.h). At least one, or none where no weight is a
 * number. The list lies in the scratch; *spare is as much room again. */
size_t draw_list(const draw_rule *rule, const float *logits, size_t n, draw_scratch *s, draw_candidate **list, draw_candidate **spare);

int32_t draw_greedy(const float *logits, size_t n); /* the lowest id among the largest */
int32_t draw_token(const draw_rule *rule, const float *logits, size_t n, double r, draw_scratch *s); /* 0 <= r < 1 */
#endif
