/* A grammar that text must follow, compiled from GBNF or JSON Schema into a pushdown automaton over bytes, and asked for bit masks
 * over a vocabulary.
 *
 * Compiling takes as long as its budget allows: it belongs on the caller's thread, never on the engine's. What cannot be compiled is
 * refused with a sentence; a compiled grammar never allows a token after which the text could not be completed.
 * Ownership: a grammar is counted; whoever compiled it holds one count, every state another. It keeps its vocabulary.
 * Threads: any number may use one grammar at once (what it learns lazily is behind its own lock and never changes a result); a state
 * belongs to one thread at a time. */
#ifndef PINGTI_GRAMMAR_GRAMMAR_H
#define PINGTI_GRAMMAR_GRAMMAR_H
#include "base/buf.h"
#include "grammar/vocabulary.h"

typedef struct grammar_budget {
    double seconds;      /* compiling; 0: 5 */
    double prepare;      /* seconds of those for masks made ahead of time; 0: 0.25; below 0: none */
    size_t nodes;        /* of the compiled automaton; 0: 200000 */
    size_t text;         /* bytes of the GBNF or the schema; 0: 1 MiB */
    size_t memory;       /* bytes of masks and states that are kept between tokens; 0: 64 MiB */
} grammar_budget;

typedef struct grammar grammar;

/* text[0..n) is GBNF as llama.cpp documents it; its first rule to match is `root`. budget may be NULL. NULL on error. */
grammar *grammar_compile_gbnf(const char *text, size_t n, vocabulary *v, const grammar_budget *budget, err *e);
/* text[0..n) is a JSON Schema (draft 2020-12). compact: no white space between JSON tokens; otherwise the little that models like. */
grammar *grammar_compile_schema(const char *text, size_t n, bool compact, vocabulary *v, const grammar_budget *budget, err *e);
grammar *grammar_ref(grammar *g);
void grammar_unref(grammar *g); /* NULL is allowed */
const vocabulary *grammar_vocabulary(const grammar *g);

/* Whether a whole text follows the grammar. */
bool grammar_matches(grammar *g, const char *text, size_t n);

typedef struct grammar_facts {
    size_t rules, nodes;         /* compiled */
    size_t states, masks, bytes; /* learnt so far and kept */
    double seconds;              /* compiling took */
} grammar_facts;
grammar_facts grammar_facts_of(grammar *g);

/* Where one text stands in its grammar, with the way back. */
typedef struct grammar_state grammar_state;
grammar_state *grammar_state_new(grammar *g);
grammar_state *grammar_state_copy(const grammar_state *s);
void grammar_state_free(grammar_state *s); /* NULL is allowed */
/* Before the first advance: other text goes before it, so that the first token is spelled as within a text (SentencePiece drops a space at
 * the beginning alone). */
void grammar_state_goes_on(grammar_state *s);

/* The text goes on with a token. False, and nothing has changed: the grammar does not allow it there, or (e->code ERR_LIMIT) following
 * it takes more than is allowed. An end token is allowed when the text is complete; after it only end tokens follow. */
bool grammar_state_advance(grammar_state *s, int32_t token, err *e);
void grammar_state_rollback(grammar_state *s, size_t n_tokens); /* takes the last n_tokens advances back */
size_t grammar_state_length(const grammar_state *s);            /* advances since the beginning */

/* Which tokens may come next: bit id%64 of bits[id/64], grammar_mask_words words; end tokens included when the text is complete.
 * False: it takes more than is allowed (nesting, states); the text cannot go on. */
bool grammar_state_mask(grammar_state *s, uint64_t *bits, err *e);
size_t grammar_mask_words(const grammar *g);
static inline bool grammar_mask_has(const uint64_t *bits, int32_t id) { return bits[id / 64] >> (id % 64) & 1; }

bool grammar_state_is_complete(grammar_state *s); /* the text is whole as it stands: it may end here */
bool grammar_state_is_over(grammar_state *s);     /* complete, and nothing but the end can follow: end it without asking the model */

/* The bytes that must follow whatever the model says, at most `most` of them, appended to out; their number. They may be spelled by
 * several token sequences: as a draft for speculation they are tokenized and checked like any draft. */
size_t grammar_state_forced_bytes(grammar_state *s, buf *out, size_t most);
/* The one token that may come next, or -1 when there are several (or only end tokens): sampling would choose it for certain. */
int32_t grammar_state_forced_token(grammar_state *s);
#endif
