/* GBNF, the notation of llama.cpp's grammars: rules `name ::= ...` with "literals", [classes], ., (groups), |, * + ? {m,n}, # comments
 * and the escapes \n \r \t \\ \" \[ \] \xXX \uXXXX \UXXXXXXXX. A rule ends with its line, except within parentheses and after |. */
#ifndef PINGTI_GRAMMAR_GBNF_H
#define PINGTI_GRAMMAR_GBNF_H
#include "grammar/syntax.h"

/* Appends the rules to s and sets its root. False, with the line and column, when the text is not GBNF. */
bool gbnf_parse(const char *text, size_t n, syntax *s);
#endif
