/* Normalizers: text to text before splitting. A list of steps applied in order, as Hugging Face and SentencePiece define
 * them. Immutable once loaded. */
#ifndef PINGTI_TEXT_NORMALIZE_H
#define PINGTI_TEXT_NORMALIZE_H
#include "base/buf.h"
#include "base/err.h"
#include "text/regex.h"
#include <stdint.h>

typedef enum norm_kind {
    NORM_NFC, NORM_NFD, NORM_NFKC, NORM_NFKD, NORM_LOWERCASE, NORM_STRIP_ACCENTS, NORM_BERT, NORM_PREPEND, NORM_REPLACE, NORM_PRECOMPILED,
    NORM_STRIP, NORM_NMT, NORM_BYTE_LEVEL, NORM_SPM_SPACES
} norm_kind;

typedef struct norm_step {
    norm_kind kind;
    const char *pattern, *content;       /* prepend: content; replace: pattern (literal unless regex) */
    size_t n_pattern, n_content;
    regex *re;
    bool clean, chinese, lower, left, right, by_grapheme, add_prefix, remove_extra, escape; /* bert, strip, precompiled, SentencePiece */
    int strip_accents;                   /* bert: -1 as lower */
    const uint32_t *darts;               /* precompiled: double-array units */
    size_t n_darts;
    const char *strings;                 /* precompiled: NUL-separated replacements */
    size_t n_strings;
} norm_step;

enum { NORM_MAX_STEPS = 16 };
typedef struct normalizer {
    norm_step steps[NORM_MAX_STEPS];
    size_t n;
} normalizer;

bool normalize(const normalizer *n, const char *text, size_t len, buf *out, err *e);
void normalizer_free(normalizer *n); /* regexes; texts belong to the tokenizer's arena */
/* Checks a precompiled charsmap and points the step into it. */
void norm_put_valid(const char *text, size_t n, buf *out); /* bytes that are not UTF-8 become U+FFFD, one for each byte */
bool norm_set_charsmap(norm_step *s, const char *data, size_t n, err *e);
#endif
