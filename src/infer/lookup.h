/* Where the end of a text stood in it before, and what followed then: prompt lookup (Saxena, "Prompt Lookup Decoding", 2023). Places
 * whose last LOOKUP_GRAM tokens have one hash are chained, the latest first, as in LZ77 (zlib's deflate): a token costs one link to
 * enter and a few comparisons to look up, however long the text is. Owned by one sequence. */
#ifndef PINGTI_INFER_LOOKUP_H
#define PINGTI_INFER_LOOKUP_H
#include <stddef.h>
#include <stdint.h>

enum { LOOKUP_GRAM = 3, LOOKUP_DEEPEST = 32 };

typedef struct lookup {
    int32_t *latest; /* [1 << bits] by hash: the last place, -1 when there is none */
    int32_t *before; /* [cap] the place before, of the same hash */
    size_t n, cap;   /* tokens entered */
    uint32_t bits;
} lookup;

typedef struct lookup_match {
    size_t next;   /* the place of the token that followed */
    size_t length; /* tokens in agreement before it, at most LOOKUP_DEEPEST; 0: found nowhere */
} lookup_match;

void lookup_free(lookup *l); /* a zeroed one is empty */
/* Enters tokens up to n; those that were entered must be the same still. */
void lookup_extend(lookup *l, const int32_t *tokens, size_t n);
/* Of the latest places where the end of tokens[0..n), all entered, stood before: that with the longest agreement. */
lookup_match lookup_find(const lookup *l, const int32_t *tokens, size_t n);
/* What would follow if the text went on as it did there; where that reaches the end itself, it goes round. */
void lookup_copy(const lookup_match *m, const int32_t *tokens, size_t n, int32_t *out, size_t n_out);
#endif
