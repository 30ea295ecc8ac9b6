/* Pre-tokenizers: text into pieces, each of which the model encodes by itself. Steps apply in order, each to the pieces of the
 * one before. Immutable once loaded. */
#ifndef PINGTI_TEXT_PRETOK_H
#define PINGTI_TEXT_PRETOK_H
#include "base/buf.h"
#include "text/regex.h"

typedef enum split_behavior { SPLIT_REMOVED, SPLIT_ISOLATED, SPLIT_MERGED_WITH_PREVIOUS, SPLIT_MERGED_WITH_NEXT, SPLIT_CONTIGUOUS } split_behavior;
typedef enum pretok_kind {
    PRETOK_REGEX, PRETOK_LITERAL, PRETOK_BYTE_LEVEL, PRETOK_METASPACE, PRETOK_BERT, PRETOK_WHITESPACE, PRETOK_WHITESPACE_SPLIT, PRETOK_DIGITS, PRETOK_PUNCTUATION,
} pretok_kind;
typedef enum prepend_scheme { PREPEND_ALWAYS, PREPEND_FIRST, PREPEND_NEVER } prepend_scheme;

typedef struct pretok_step {
    pretok_kind kind;
    split_behavior behavior;
    bool invert, add_prefix_space, split, individual;
    bool on_letters;       /* it stands after ByteLevel, so it sees the letters of GPT-2's byte alphabet: byte 0xbc is the number 1/4 */
    prepend_scheme prepend;
    const char *literal;   /* PRETOK_LITERAL; the replacement of PRETOK_METASPACE */
    size_t n_literal;
    regex *re;
} pretok_step;

enum { PRETOK_MAX_STEPS = 16 };
typedef struct pretok {
    pretok_step steps[PRETOK_MAX_STEPS];
    size_t n;
} pretok;

/* Pieces [from[i], to[i]) of text; what lies between was removed. Zero-initialise; pieces_free. */
typedef struct piece {
    size_t from, to;
} piece;
typedef struct pieces {
    buf text;
    piece *items;
    size_t n, cap;
} pieces;

void pieces_put(pieces *p, size_t from, size_t to); /* empty pieces are left out */
void pieces_free(pieces *p);

/* first: text begins the whole input (Metaspace's "first"). */
bool pretokenize(const pretok *p, const char *text, size_t n, bool first, pieces *out, err *e);
void pretok_free(pretok *p);

/* The steps that a GGUF file's tokenizer.ggml.pre names; false with the known names when there is no such. */
enum {
    PRE_WHOLE_WORDS = 1, /* a word that is in the vocabulary is not merged from bytes */
    PRE_BOS = 2,         /* BOS unless the file says no */
    PRE_NFC = 4,         /* text is composed first */
    PRE_CHARACTERS = 8,  /* the vocabulary spells characters, with bytes as <0xNN>, instead of GPT-2's byte letters */
    PRE_SPM_SPACES = 16, /* its spaces are U+2581 */
    PRE_NO_SPACES = 32,  /* white space only separates */
};
bool pretok_from_gguf_name(pretok *p, const char *name, unsigned *flags, err *e);
bool pretok_gguf_name_known(const char *name);
/* The i-th rule's first name, which stands for all of them; NULL beyond the last. out[64] */
const char *pretok_gguf_name_at(size_t i, char out[64]);
/* The k-th expression of a name's rules; NULL beyond the last, and for rules that are more than expressions over text. */
const char *pretok_gguf_regex(const char *name, size_t k, unsigned *flags);
#endif
