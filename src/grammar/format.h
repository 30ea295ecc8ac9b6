/* The languages of JSON Schema's `format` names. */
#ifndef PINGTI_GRAMMAR_FORMAT_H
#define PINGTI_GRAMMAR_FORMAT_H
#include "grammar/lang.h"

/* Texts of the format; *known false and NULL: not one of those that constrain (a format is then a remark, as the standard has it). */
const lang *format_texts(effort *w, const char *name, bool *known);
#endif
