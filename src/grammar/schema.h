/* JSON Schema (draft 2020-12) to rules over JSON text. Every text that the rules allow is valid; what the rules cannot say exactly
 * is either narrowed (the order of properties, the spelling of numbers: docs/grammar.md) or refused with the keyword and its place. */
#ifndef PINGTI_GRAMMAR_SCHEMA_H
#define PINGTI_GRAMMAR_SCHEMA_H
#include "grammar/syntax.h"

/* Appends the rules to s and sets its root. compact: no white space between the parts of JSON. */
bool schema_translate(const char *text, size_t n, bool compact, syntax *s);
#endif
