/* Regular expressions of JSON Schema's `pattern` (ECMA-262 with the u flag) as languages of code points. What no automaton can say
 * (back references, word boundaries, assertions within) is refused; lookahead is understood right after a leading ^. */
#ifndef PINGTI_GRAMMAR_ECMA_H
#define PINGTI_GRAMMAR_ECMA_H
#include "grammar/lang.h"

/* The texts in which pattern[0..n) matches somewhere. NULL with an error. */
const lang *ecma_search(effort *w, const char *pattern, size_t n);
#endif
