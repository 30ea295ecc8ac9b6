#include "base/err.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void err_clear(err *e) {
    if (e) memset(e, 0, sizeof *e);
}

const char *err_code_name(err_code code) {
    static const char *const names[] = { "none", "io", "format", "unsupported", "limit", "memory", "usage", "cancelled" };
    return (size_t)code < sizeof names / sizeof *names ? names[code] : "unknown";
}

bool err_set(err *e, err_code code, const char *what, ...) {
    if (!e) return false;
    err_clear(e);
    e->code = code;
    va_list ap;
    va_start(ap, what);
    vsnprintf(e->what, sizeof e->what, what, ap);
    va_end(ap);
    if (code == ERR_MEMORY) err_hint(e, "use a smaller model, a shorter context, or free memory"); /* until who fails knows better */
    return false;
}

#define ERR_FIELD(field)                                                                                               \
    bool err_##field(err *e, const char *fmt, ...) {                                                                   \
        if (!e) return false;                                                                                          \
        va_list ap;                                                                                                    \
        va_start(ap, fmt);                                                                                             \
        vsnprintf(e->field, sizeof e->field, fmt, ap);                                                                 \
        va_end(ap);                                                                                                    \
        return false;                                                                                                  \
    }
ERR_FIELD(where)
ERR_FIELD(expected)
ERR_FIELD(got)
ERR_FIELD(hint)
#undef ERR_FIELD

bool err_context(err *e, const char *fmt, ...) {
    if (!e) return false;
    char front[sizeof e->what], joined[2 * sizeof e->what + 3];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(front, sizeof front, fmt, ap);
    va_end(ap);
    snprintf(joined, sizeof joined, "%s: %s", front, e->what);
    memcpy(e->what, joined, sizeof e->what - 1);
    e->what[sizeof e->what - 1] = 0;
    return false;
}

typedef struct text_out {
    char *at;
    size_t cap, len;
} text_out;

static void put(text_out *o, const char *s) {
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        char shown[5] = { (char)c, 0 };
        if ((c < 0x20 && c != '\n' && c != '\t') || c == 0x7f) snprintf(shown, sizeof shown, "\\x%02x", c);
        for (const char *p = shown; *p; p++, o->len++)
            if (o->len + 1 < o->cap) o->at[o->len] = *p;
    }
}

static void put_field(text_out *o, const char *label, const char *value) {
    if (!*value) return;
    put(o, "\n  ");
    put(o, label);
    put(o, value);
}

size_t err_format(const err *e, char *out, size_t cap) {
    text_out o = { out, cap, 0 };
    put(&o, e->what);
    put_field(&o, "where:    ", e->where);
    put_field(&o, "expected: ", e->expected);
    put_field(&o, "got:      ", e->got);
    put_field(&o, "try:      ", e->hint);
    if (cap) out[o.len < cap ? o.len : cap - 1] = 0;
    return o.len;
}
