/* Jump-forward: what a grammar says of the guesses at a text that follows it. Tokens that it forces are certain, bytes that it forces are
 * guessed in the tokenizer's spelling, and what it forbids is no guess. */
#ifndef PINGTI_INFER_JUMP_H
#define PINGTI_INFER_JUMP_H
#include "grammar/grammar.h"
#include "infer/speculate.h"

/* The state is as it was afterwards. text: spells the bytes; NULL: they are not guessed. */
void jump_guess(grammar_state *s, const tokenizer *text, speculation *g, size_t most);
#endif
