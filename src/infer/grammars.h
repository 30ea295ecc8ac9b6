/* The grammars of one model: its vocabulary, made when the first is wanted, and what was compiled lately. Any thread. */
#ifndef PINGTI_INFER_GRAMMARS_H
#define PINGTI_INFER_GRAMMARS_H
#include "grammar/grammar.h"

/* One of gbnf and schema, n bytes. */
typedef struct grammar_source {
    const char *gbnf, *schema;
    size_t n;
    bool compact; /* JSON without white space */
} grammar_source;

typedef struct grammars grammars;
grammars *grammars_new(const tokenizer *t, const int32_t *end_ids, size_t n_end_ids); /* borrowed */
void grammars_free(grammars *g);
/* Compiled on the caller's thread; unref it. Compiling two at once takes turns, so that hostile ones cannot take every processor. */
grammar *grammars_get(grammars *g, const grammar_source *s, err *e);
#endif
