/* Token healing: a text that ends within a word ends in a token that the model would not have chosen there ("https:" is seldom followed by
 * "//", since "://" is one token). The last token is taken back, and the answer begins with any token that begins with its bytes. */
#ifndef PINGTI_INFER_HEAL_H
#define PINGTI_INFER_HEAL_H
#include "text/tokenizer.h"

typedef struct heal {
    uint64_t *allowed; /* tokens the answer may begin with: bit id%64 of [id/64] */
    size_t n_words;
    size_t n_bytes;    /* of the answer's text, that the prompt has said already */
} heal;

/* Whether the prompt's last token is taken back; not when it is the only one, a control token, or not whole characters. */
bool heal_prompt(heal *h, const tokenizer *t, const int32_t *prompt, size_t n);
void heal_free(heal *h);
#endif
