/* Tokens to text one by one: what comes out is always whole code points; bytes that cannot become one are given as
 * U+FFFD, at the latest by detok_finish. One owner thread; the tokenizer is borrowed. */
#ifndef PINGTI_TEXT_DETOK_H
#define PINGTI_TEXT_DETOK_H
#include "text/tokenizer.h"

typedef struct detok {
    const tokenizer *t;
    char held[8]; /* bytes of an unfinished code point */
    size_t n_held;
    bool started, show_control;
} detok;

void detok_init(detok *d, const tokenizer *t, bool show_control);
bool detok_put(detok *d, int32_t id, buf *out); /* appends what is now whole */
bool detok_finish(detok *d, buf *out);          /* what is held becomes U+FFFD */
#endif
