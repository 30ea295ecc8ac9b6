/* JSON from outside, on jansson with limits on size and depth. A document is owned by whoever parsed it (json_decref);
 * values read from it are borrowed. The getters say in `e` which key was missing or of the wrong kind. */
#ifndef PINGTI_BASE_JSON_H
#define PINGTI_BASE_JSON_H
#include "base/err.h"
#include <jansson.h>
#include <stdint.h>

enum { JS_MAX_DEPTH = 64 };

/* Parses exactly n bytes; duplicate keys and depth over JS_MAX_DEPTH are refused; NUL inside strings is allowed.
 * Integers beyond 64 bit are read as reals. `where` names the source in errors. NULL on error. */
json_t *js_parse(const char *text, size_t n, const char *where, err *e);
json_t *js_read(const char *path, size_t limit, err *e);

/* object[key]; NULL when absent or null. */
json_t *js_get(const json_t *object, const char *key);
/* *out is left alone when the key is absent or null; false only when it has the wrong kind or is out of range. */
bool js_int(const json_t *object, const char *key, int64_t min, int64_t max, int64_t *out, err *e);
bool js_real(const json_t *object, const char *key, double *out, err *e); /* finite; integers are taken too */
bool js_bool(const json_t *object, const char *key, bool *out, err *e);
bool js_str(const json_t *object, const char *key, const char **out, err *e); /* without NUL inside */
#endif
