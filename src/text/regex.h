/* Regular expressions of tokenizer files, on PCRE2 (UTF, Unicode classes, JIT) with bounded effort: a match that would take
 * too long is an error, never a wrong split. Immutable: any thread, each with its own regex_run. */
#ifndef PINGTI_TEXT_REGEX_H
#define PINGTI_TEXT_REGEX_H
#include "base/buf.h"
#include "base/err.h"
#include <stddef.h>

typedef struct regex regex;
typedef struct regex_run regex_run;

regex *regex_new(const char *pattern, size_t n, err *e); /* NULL with the pattern and PCRE2's reason */
bool regex_to_pcre2(const char *pattern, size_t n, buf *out, err *e); /* from the dialect of tokenizer files; false: cannot be said */
void regex_free(regex *r);
regex_run *regex_run_new(const regex *r);
void regex_run_free(regex_run *run);
/* The first match at or after `at` in valid UTF-8 text. 1: found, 0: none, -1: error. */
int regex_next(const regex *r, regex_run *run, const char *text, size_t n, size_t at, size_t *from, size_t *to, err *e);
#endif
