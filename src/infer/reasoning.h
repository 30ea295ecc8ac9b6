/* A model's thinking before its answer, between <think> and </think>: where the template has opened the tag, a grammar speaks of what
 * comes after its end. The tag may be one token or come in pieces. */
#ifndef PINGTI_INFER_REASONING_H
#define PINGTI_INFER_REASONING_H
#include "grammar/vocabulary.h"

typedef struct reasoning {
    int32_t end_id; /* the token that is </think>, or -1 */
    size_t matched; /* bytes of the tag that have come */
} reasoning;

typedef enum reasoning_step { REASONING_GOES_ON, REASONING_ENDS, REASONING_ENDS_WITHIN /* and the token says more than white space */ } reasoning_step;

/* Whether a prompt ends with an open tag (and white space). */
bool reasoning_is_open(const tokenizer *t, const int32_t *prompt, size_t n);
reasoning reasoning_begin(const tokenizer *t);
reasoning_step reasoning_put(reasoning *r, const vocabulary *v, int32_t token);
#endif
