/* Sets of numbers as languages of their decimal spellings: -12, 0, 3.50. A number that is in a set is in it in every spelling with
 * or without zeros after the point; there is no -0 and no exponent. So and, or, not of sets are those of their languages. */
#ifndef PINGTI_GRAMMAR_NUMBER_H
#define PINGTI_GRAMMAR_NUMBER_H
#include "grammar/lang.h"
#include <jansson.h>

const lang *number_all(effort *w);
const lang *number_integers(effort *w);
const lang *number_without_point(effort *w); /* the spellings that have none */
const lang *number_shortest(effort *w);      /* the one spelling of each number */
/* value: a JSON number. NULL also when it has too many digits (the error says so). */
const lang *number_equal(effort *w, const json_t *value);
const lang *number_above(effort *w, const json_t *bound, bool or_equal);
const lang *number_below(effort *w, const json_t *bound, bool or_equal);
const lang *number_multiple(effort *w, const json_t *of);
#endif
