/* Sets of code points as regular expressions write them: one character, an escape, a dot, a class in brackets. */
#ifndef PINGTI_GRAMMAR_ECMA_CLASS_H
#define PINGTI_GRAMMAR_ECMA_CLASS_H
#include "grammar/syntax.h"

typedef struct code_set {
    syn_range *r; /* in order and apart once parsed */
    size_t n, cap;
} code_set;

/* What stands at *at. NULL, or why it cannot be read ("has ..."); *at is then where. */
const char *code_set_parse(code_set *s, const char **at, const char *end);
void code_set_free(code_set *s);
#endif
