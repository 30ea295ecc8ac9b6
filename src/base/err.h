/* Errors are values. A function that can fail on outside input returns bool and fills an `err` that the caller owns:
 * what went wrong, where, what was expected, what came, and what to do. No allocation, so reporting cannot fail.
 *     if (dims > 4)
 *         return err_set(e, ERR_FORMAT, "tensor '%s' has too many dimensions", name) ||
 *                err_where(e, "%s", path) || err_expected(e, "at most 4") || err_got(e, "%u", dims);
 * Every setter returns false, so the chain is the failing return. `e` may be NULL: the reason is then dropped.
 * Threads: a value like any other; not shared. */
#ifndef PINGTI_BASE_ERR_H
#define PINGTI_BASE_ERR_H
#include <stdbool.h>
#include <stddef.h>

typedef enum err_code {
    ERR_NONE = 0,
    ERR_IO,          /* the operating system refused: open, read, map, write */
    ERR_FORMAT,      /* bytes from outside do not follow their format */
    ERR_UNSUPPORTED, /* well-formed, but nothing here computes it */
    ERR_LIMIT,       /* a stated bound was exceeded (size, depth, steps, context) */
    ERR_MEMORY,      /* not enough memory */
    ERR_USAGE,       /* an option or an argument is wrong */
    ERR_CANCELLED,   /* the caller asked to stop */
} err_code;

typedef struct err {
    err_code code;
    char what[320];
    char where[256];
    char expected[192];
    char got[192];
    char hint[320];
} err;

bool err_set(err *e, err_code code, const char *what, ...) __attribute__((format(printf, 3, 4)));
bool err_where(err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
bool err_expected(err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
bool err_got(err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
bool err_hint(err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* "while reading x: " put before `what`, keeping the rest: callers add context on the way up. Returns false. */
bool err_context(err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* One or several lines for a person: "what\n  where: ...\n  expected: ...". Control bytes from outside input are shown
 * as \xNN, so a hostile name cannot drive a terminal. Returns the length that was or would have been written. */
size_t err_format(const err *e, char *out, size_t cap);
void err_clear(err *e);
const char *err_code_name(err_code code);
#endif
