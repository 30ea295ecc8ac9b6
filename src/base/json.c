#include "base/json.h"
#include "base/file.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* jansson's own bound (2048) is too deep for bytes from outside: count brackets outside strings first. */
static bool depth_ok(const char *s, size_t n) {
    int depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < n; i++) {
        if (in_string) {
            if (s[i] == '\\') i++;
            else if (s[i] == '"') in_string = false;
        } else if (s[i] == '"') in_string = true;
        else if (s[i] == '{' || s[i] == '[') {
            if (++depth > JS_MAX_DEPTH) return false;
        } else if (s[i] == '}' || s[i] == ']') depth--;
    }
    return true;
}

json_t *js_parse(const char *text, size_t n, const char *where, err *e) {
    if (!depth_ok(text, n)) {
        err_set(e, ERR_LIMIT, "JSON is nested too deeply");
        err_where(e, "%s", where);
        err_expected(e, "at most %d levels", JS_MAX_DEPTH);
        return NULL;
    }
    json_error_t why;
    json_t *doc = json_loadb(text, n, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL | JSON_DECODE_ANY, &why);
    if (!doc && json_error_code(&why) == json_error_numeric_overflow)
        doc = json_loadb(text, n, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL | JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL, &why);
    if (!doc && (json_error_code(&why) == json_error_out_of_memory || !why.text[0])) { /* jansson says nothing when it has no memory for its own */
        err_set(e, ERR_MEMORY, "out of memory for a JSON file");
        err_where(e, "%s, %zu bytes", where, n);
        err_hint(e, "free memory, or raise the limit (ulimit -v)");
    } else if (!doc) {
        err_set(e, ERR_FORMAT, "not valid JSON: %s", why.text);
        err_where(e, "%s, line %d, column %d", where, why.line, why.column);
        err_hint(e, "the file may be damaged or incomplete: fetch it again");
    }
    return doc;
}

json_t *js_read(const char *path, size_t limit, err *e) {
    size_t n = 0;
    char *text = file_read(path, limit, &n, e);
    if (!text) return NULL;
    json_t *doc = js_parse(text, n, path, e);
    free(text);
    return doc;
}

json_t *js_get(const json_t *object, const char *key) {
    json_t *v = json_object_get(object, key);
    return json_is_null(v) ? NULL : v;
}

static const char *kind_name(const json_t *v) {
    static const char *const names[] = { "an object", "an array", "a string", "an integer", "a real number", "true", "false", "null" };
    return names[json_typeof(v)];
}

static bool wrong_kind(err *e, const char *key, const char *expected, const json_t *v) {
    return err_set(e, ERR_FORMAT, "key '%s' has the wrong kind of value", key) || err_expected(e, "%s", expected) ||
           err_got(e, "%s", kind_name(v));
}

bool js_int(const json_t *object, const char *key, int64_t min, int64_t max, int64_t *out, err *e) {
    const json_t *v = js_get(object, key);
    if (!v) return true;
    double r = json_is_real(v) ? json_real_value(v) : 0.5;
    bool whole = json_is_integer(v) || (r == floor(r) && fabs(r) < 9e15);
    if (!whole) return wrong_kind(e, key, "an integer", v);
    int64_t i = json_is_integer(v) ? json_integer_value(v) : (int64_t)r;
    if (i < min || i > max)
        return err_set(e, ERR_FORMAT, "key '%s' is out of range", key) ||
               err_expected(e, "%lld to %lld", (long long)min, (long long)max) || err_got(e, "%lld", (long long)i);
    *out = i;
    return true;
}

bool js_real(const json_t *object, const char *key, double *out, err *e) {
    const json_t *v = js_get(object, key);
    if (!v) return true;
    if (!json_is_number(v)) return wrong_kind(e, key, "a number", v);
    double r = json_number_value(v);
    if (!isfinite(r)) return wrong_kind(e, key, "a finite number", v);
    *out = r;
    return true;
}

bool js_bool(const json_t *object, const char *key, bool *out, err *e) {
    const json_t *v = js_get(object, key);
    if (!v) return true;
    if (!json_is_boolean(v)) return wrong_kind(e, key, "true or false", v);
    *out = json_is_true(v);
    return true;
}

bool js_str(const json_t *object, const char *key, const char **out, err *e) {
    const json_t *v = js_get(object, key);
    if (!v) return true;
    if (!json_is_string(v)) return wrong_kind(e, key, "a string", v);
    if (strlen(json_string_value(v)) != json_string_length(v)) return wrong_kind(e, key, "a string without NUL bytes", v);
    *out = json_string_value(v);
    return true;
}
