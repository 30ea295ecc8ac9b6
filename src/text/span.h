/* Byte ranges of a rendered prompt that came from outside (user, tool result, document): text in them can never become
 * a control token. Templates produce them, tokenizers honour them. Sorted, not overlapping, [from, to). */
#ifndef PINGTI_TEXT_SPAN_H
#define PINGTI_TEXT_SPAN_H
#include <stddef.h>

typedef struct text_span {
    size_t from, to;
} text_span;
#endif
