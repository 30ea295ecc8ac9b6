/* The byte strings of a tokenizer's tokens as a trie in the order of a walk, built once per tokenizer and shared by all grammars.
 * Control, added, unknown and unused tokens are not in it: rules about text never allow them. Immutable and counted; any thread. */
#ifndef PINGTI_GRAMMAR_VOCABULARY_H
#define PINGTI_GRAMMAR_VOCABULARY_H
#include "text/tokenizer.h"

/* Nodes in preorder, the root left out: node i has byte[i] at depth[i] (from 1), its subtree is i+1 .. end[i]-1.
 * Tokens that end there: ids[first[i]] .. ids[first[i+1]-1]. classes: of the characters in the texts from node i on, its byte included
 * (plain.h). nth: how many characters have begun up to there; most: up to the end of any token below (255: that many or more). */
typedef struct token_trie {
    uint8_t *byte;
    uint16_t *depth;
    uint32_t *end, *first; /* first has n+1 */
    uint64_t *classes;
    uint8_t *nth, *most;
    int32_t *ids;
    size_t n, n_ids;
} token_trie;

typedef struct vocabulary vocabulary;

/* end_ids: tokens that end a text, allowed only where a grammar is complete. NULL with an error when there is no memory. */
vocabulary *vocabulary_new(const tokenizer *t, const int32_t *end_ids, size_t n_end_ids, err *e);
vocabulary *vocabulary_ref(vocabulary *v);
void vocabulary_unref(vocabulary *v);

size_t vocabulary_n_tokens(const vocabulary *v);
bool vocabulary_is_end(const vocabulary *v, int32_t id);
const int32_t *vocabulary_end_ids(const vocabulary *v, size_t *n);
/* The bytes of a token that is text, NULL for others. first: it stands at the beginning, where some tokenizers drop a space. */
const unsigned char *vocabulary_bytes(const vocabulary *v, int32_t id, bool first, size_t *n);
const token_trie *vocabulary_trie(const vocabulary *v, bool first);
#endif
