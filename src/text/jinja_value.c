/* Values of templates: Python's rules for truth, equality, order and printing, and where text came from. */
#include "base/mem.h"
#include "base/utf8.h"
#include "text/jinja.h"
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

value v_none(void) { return (value){ .kind = V_NONE }; }
value v_bool(bool b) { return (value){ .kind = V_BOOL, .b = b }; }
value v_int(int64_t i) { return (value){ .kind = V_INT, .i = i }; }
value v_float(double f) { return (value){ .kind = V_FLOAT, .f = f }; }
value v_undefined(const char *name) { return (value){ .kind = V_UNDEFINED, .name = name }; }

value v_fail(run *r, const char *fmt, ...) {
    char what[256];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    if (!r->failed) {
        err_set(r->e, ERR_FORMAT, "the chat template failed: %s", what);
        err_where(r->e, "template line %d", r->line);
    }
    r->failed = true;
    return v_undefined("");
}

value v_no_memory(run *r) {
    bool first = !r->failed;
    v_fail(r, "it uses too much memory");
    if (first) r->e->code = ERR_LIMIT;
    return v_undefined("");
}

static void *alloc(run *r, size_t n, size_t size) {
    static char spare[4096];
    void *p = arena_try(r->mem, n, size);
    if (p) return p;
    v_no_memory(r);
    return n * size <= sizeof spare ? memset(spare, 0, sizeof spare) : NULL; /* small pieces stay usable until the failure is seen */
}

value v_text(run *r, const char *s, size_t n, const text_span *spans, size_t n_spans) {
    text *t = alloc(r, 1, sizeof *t);
    char *copy = alloc(r, n + 1, 1);
    text_span *marks = n_spans ? alloc(r, n_spans, sizeof *marks) : NULL;
    if (!copy || (n_spans && !marks)) return v_undefined("");
    memcpy(copy, s, n);
    if (n_spans) memcpy(marks, spans, n_spans * sizeof *marks);
    *t = (text){ copy, n, marks, n_spans };
    return (value){ .kind = V_STRING, .str = t };
}

value v_string(run *r, const char *s, size_t n, bool outside) {
    text_span all = { 0, n };
    return v_text(r, s, n, &all, outside && n);
}

value v_list(run *r, bool tuple) {
    value_list *l = alloc(r, 1, sizeof *l);
    l->tuple = tuple;
    return (value){ .kind = V_LIST, .list = l };
}

value v_dict(run *r) { return (value){ .kind = V_DICT, .dict = alloc(r, 1, sizeof(value_dict)) }; }

void list_put(run *r, value_list *l, value v) {
    if (l->n == l->cap) {
        size_t cap = l->cap ? 2 * l->cap : 8;
        value *bigger = alloc(r, cap, sizeof *bigger);
        if (r->failed) return;
        if (l->n) memcpy(bigger, l->items, l->n * sizeof *bigger);
        l->items = bigger;
        l->cap = cap;
    }
    l->items[l->n++] = v;
}

value *dict_get(const value_dict *d, const char *key, size_t n) {
    for (size_t i = 0; i < d->n; i++) {
        const value *k = &d->items[i].key;
        if (k->kind == V_STRING && k->str->n == n && memcmp(k->str->s, key, n) == 0) return &d->items[i].value;
    }
    return NULL;
}

void dict_set(run *r, value_dict *d, value key, value v) {
    for (size_t i = 0; i < d->n; i++)
        if (v_equal(d->items[i].key, key)) {
            d->items[i].value = v;
            return;
        }
    if (d->n == d->cap) {
        size_t cap = d->cap ? 2 * d->cap : 8;
        dict_entry *bigger = alloc(r, cap, sizeof *bigger);
        if (r->failed) return;
        if (d->n) memcpy(bigger, d->items, d->n * sizeof *bigger);
        d->items = bigger;
        d->cap = cap;
    }
    d->items[d->n++] = (dict_entry){ key, v };
}

value v_from_json(run *r, const json_t *j) {
    value out = v_none();
    const char *key;
    json_t *item;
    switch (j ? json_typeof(j) : JSON_NULL) {
    case JSON_STRING: return v_string(r, json_string_value(j), json_string_length(j), true);
    case JSON_INTEGER: return v_int(json_integer_value(j));
    case JSON_REAL: return v_float(json_real_value(j));
    case JSON_TRUE: return v_bool(true);
    case JSON_FALSE: return v_bool(false);
    case JSON_ARRAY:
        out = v_list(r, false);
        for (size_t i = 0; i < json_array_size(j) && !r->failed; i++) list_put(r, out.list, v_from_json(r, json_array_get(j, i)));
        return out;
    case JSON_OBJECT:
        out = v_dict(r);
        json_object_foreach((json_t *)(uintptr_t)j, key, item) {
            if (!r->failed) dict_set(r, out.dict, v_string(r, key, strlen(key), true), v_from_json(r, item));
        }
        return out;
    default: return out;
    }
}

bool v_truthy(value v) {
    switch (v.kind) {
    case V_UNDEFINED: case V_NONE: return false;
    case V_BOOL: return v.b;
    case V_INT: return v.i != 0;
    case V_FLOAT: return v.f != 0;
    case V_STRING: return v.str->n > 0;
    case V_LIST: return v.list->n > 0;
    case V_DICT: return v.dict->n > 0;
    default: return true;
    }
}

static bool numeric(value v) { return v.kind == V_INT || v.kind == V_FLOAT || v.kind == V_BOOL; }
static double as_double(value v) { return v.kind == V_FLOAT ? v.f : v.kind == V_BOOL ? v.b : (double)v.i; }
static int64_t as_int(value v) { return v.kind == V_BOOL ? v.b : v.i; }

static bool dicts_equal(const value_dict *a, const value_dict *b) {
    if (a->n != b->n) return false;
    for (size_t i = 0; i < a->n; i++) {
        bool found = false;
        for (size_t k = 0; k < b->n && !found; k++) found = v_equal(a->items[i].key, b->items[k].key) && v_equal(a->items[i].value, b->items[k].value);
        if (!found) return false;
    }
    return true;
}

bool v_equal(value a, value b) {
    if (numeric(a) && numeric(b)) return a.kind == V_FLOAT || b.kind == V_FLOAT ? as_double(a) == as_double(b) : as_int(a) == as_int(b);
    if (a.kind != b.kind) return false;
    switch (a.kind) {
    case V_UNDEFINED: case V_NONE: return true;
    case V_STRING: return a.str->n == b.str->n && memcmp(a.str->s, b.str->s, a.str->n) == 0;
    case V_LIST:
        if (a.list->n != b.list->n || a.list->tuple != b.list->tuple) return false;
        for (size_t i = 0; i < a.list->n; i++)
            if (!v_equal(a.list->items[i], b.list->items[i])) return false;
        return true;
    case V_DICT: return dicts_equal(a.dict, b.dict);
    default: return a.list == b.list;
    }
}

int v_compare(run *r, value a, value b) {
    if (numeric(a) && numeric(b)) {
        double x = as_double(a), y = as_double(b);
        return (x > y) - (x < y);
    }
    if (a.kind == V_STRING && b.kind == V_STRING) { /* UTF-8 sorts as code points do */
        size_t n = a.str->n < b.str->n ? a.str->n : b.str->n;
        int c = memcmp(a.str->s, b.str->s, n);
        return c ? c : (a.str->n > b.str->n) - (a.str->n < b.str->n);
    }
    if (a.kind == V_LIST && b.kind == V_LIST) {
        for (size_t i = 0; i < a.list->n && i < b.list->n; i++)
            if (!v_equal(a.list->items[i], b.list->items[i])) return v_compare(r, a.list->items[i], b.list->items[i]);
        return (a.list->n > b.list->n) - (a.list->n < b.list->n);
    }
    v_fail(r, "%s and %s have no order", v_kind_name(a), v_kind_name(b));
    return 0;
}

const char *v_kind_name(value v) {
    static const char *const names[] = { "an undefined value", "none", "a boolean", "an integer", "a float", "a string", "a list", "a dict", "a namespace", "a macro", "a function", "a method", "a loop" };
    return names[v.kind];
}

size_t text_chars(const text *t) {
    size_t n = 0;
    for (size_t i = 0; i < t->n; i++) n += ((unsigned char)t->s[i] & 0xc0) != 0x80;
    return n;
}

size_t text_offset(const text *t, size_t chars) {
    size_t i = 0;
    for (; i < t->n && chars; chars--)
        for (i++; i < t->n && ((unsigned char)t->s[i] & 0xc0) == 0x80;) i++;
    return i;
}

value v_substring(run *r, const text *t, size_t from, size_t to) {
    size_t n = 0;
    text_span *spans = t->n_spans ? alloc(r, t->n_spans, sizeof *spans) : NULL;
    for (size_t i = 0; spans && i < t->n_spans; i++) {
        size_t a = t->from_outside[i].from > from ? t->from_outside[i].from : from, b = t->from_outside[i].to < to ? t->from_outside[i].to : to;
        if (a < b) spans[n++] = (text_span){ a - from, b - from };
    }
    return v_text(r, t->s + from, to - from, spans, n);
}

/* ---- building text ---- */

static void mark(run *r, text_builder *b, size_t from, size_t to) {
    (void)r;
    if (from == to) return;
    if (b->n && b->spans[b->n - 1].to == from) {
        b->spans[b->n - 1].to = to;
        return;
    }
    if (b->n == b->cap) {
        b->cap = b->cap ? 2 * b->cap : 8;
        b->spans = mem_must_grow(b->spans, b->cap, sizeof *b->spans);
    }
    b->spans[b->n++] = (text_span){ from, to };
}

/* Scratch text is bounded like everything else of a rendering. */
static bool room(run *r, text_builder *b, size_t n) {
    if (b->b.len + n <= 64u << 20) return true;
    v_fail(r, "a text grows beyond all bounds");
    return false;
}

void build_text(run *r, text_builder *b, const text *t) {
    if (!room(r, b, t->n)) return;
    for (size_t i = 0; i < t->n_spans; i++) mark(r, b, b->b.len + t->from_outside[i].from, b->b.len + t->from_outside[i].to);
    buf_put(&b->b, t->s, t->n);
}

void build_raw(run *r, text_builder *b, const char *s, size_t n, bool outside) {
    if (!room(r, b, n)) return;
    if (outside) mark(r, b, b->b.len, b->b.len + n);
    buf_put(&b->b, s, n);
}

value build_done(run *r, text_builder *b) {
    value v = v_text(r, buf_str(&b->b), b->b.len, b->spans, b->n);
    buf_free(&b->b);
    free(b->spans);
    *b = (text_builder){ 0 };
    return v;
}

static void puts_raw(run *r, text_builder *b, const char *s) { build_raw(r, b, s, strlen(s), false); }

/* Python's repr of a float: the shortest digits that read back the same. */
static void build_float(run *r, text_builder *b, double f) {
    char s[40];
    if (isnan(f) || isinf(f)) return puts_raw(r, b, isnan(f) ? "nan" : f < 0 ? "-inf" : "inf");
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(s, sizeof s, "%.*e", digits - 1, f);
        if (strtod(s, NULL) == f) break;
    }
    char mantissa[24];
    int exponent = atoi(strchr(s, 'e') + 1), n = 0;
    for (char *p = s; *p != 'e'; p++)
        if (*p >= '0' && *p <= '9') mantissa[n++] = *p;
    mantissa[n] = 0;
    if (f < 0 || (f == 0 && signbit(f))) puts_raw(r, b, "-");
    if (exponent >= -4 && exponent < 16) {
        char out[48] = { 0 };
        if (exponent < 0) snprintf(out, sizeof out, "0.%0*d%s", -exponent - 1, 0, mantissa);
        if (exponent < 0 && exponent == -1) snprintf(out, sizeof out, "0.%s", mantissa);
        if (exponent >= 0 && n <= exponent + 1) snprintf(out, sizeof out, "%s%.*s.0", mantissa, exponent + 1 - n, "0000000000000000");
        if (exponent >= 0 && n > exponent + 1) snprintf(out, sizeof out, "%.*s.%s", exponent + 1, mantissa, mantissa + exponent + 1);
        puts_raw(r, b, out);
    } else {
        char out[48];
        snprintf(out, sizeof out, "%c%s%se%c%02d", mantissa[0], n > 1 ? "." : "", mantissa + 1, exponent < 0 ? '-' : '+', abs(exponent));
        puts_raw(r, b, out);
    }
}

static bool printable(uint32_t cp) {
    utf8proc_category_t c = utf8proc_category((utf8proc_int32_t)cp);
    return cp == ' ' || !(c == UTF8PROC_CATEGORY_CC || c == UTF8PROC_CATEGORY_CF || c == UTF8PROC_CATEGORY_CS || c == UTF8PROC_CATEGORY_CO || c == UTF8PROC_CATEGORY_CN ||
                          c == UTF8PROC_CATEGORY_ZL || c == UTF8PROC_CATEGORY_ZP || c == UTF8PROC_CATEGORY_ZS);
}

static void repr_string(run *r, text_builder *b, const text *t) {
    bool single = memchr(t->s, '\'', t->n), twice = memchr(t->s, '"', t->n);
    char quote[2] = { single && !twice ? '"' : '\'', 0 }, shown[16];
    uint32_t cp;
    bool outside = t->n_spans > 0;
    puts_raw(r, b, quote);
    for (size_t i = 0, n; i < t->n; i += n) {
        n = utf8_decode(t->s + i, t->n - i, &cp);
        if (!n) n = 1, cp = 0xfffd;
        if (cp == '\\' || cp == (uint32_t)quote[0]) snprintf(shown, sizeof shown, "\\%c", (int)cp);
        else if (cp == '\n' || cp == '\r' || cp == '\t') snprintf(shown, sizeof shown, "\\%c", cp == '\n' ? 'n' : cp == '\r' ? 'r' : 't');
        else if (printable(cp)) snprintf(shown, sizeof shown, "%.*s", (int)n, t->s + i);
        else snprintf(shown, sizeof shown, cp < 0x100 ? "\\x%02x" : cp < 0x10000 ? "\\u%04x" : "\\U%08x", cp);
        build_raw(r, b, shown, strlen(shown), outside);
    }
    puts_raw(r, b, quote);
}

static void repr_items(run *r, text_builder *b, value v) {
    bool tuple = v.kind == V_LIST && v.list->tuple;
    size_t n = v.kind == V_LIST ? v.list->n : v.dict->n;
    puts_raw(r, b, v.kind == V_DICT ? "{" : tuple ? "(" : "[");
    for (size_t i = 0; i < n && !r->failed; i++) {
        if (i) puts_raw(r, b, ", ");
        if (v.kind == V_DICT) {
            build_repr(r, b, v.dict->items[i].key);
            puts_raw(r, b, ": ");
        }
        build_repr(r, b, v.kind == V_DICT ? v.dict->items[i].value : v.list->items[i]);
    }
    if (tuple && n == 1) puts_raw(r, b, ",");
    puts_raw(r, b, v.kind == V_DICT ? "}" : tuple ? ")" : "]");
}

void build_repr(run *r, text_builder *b, value v) {
    if (++r->depth > JINJA_MAX_DEPTH) v_fail(r, "a value is nested too deeply to print");
    else if (v.kind == V_STRING) repr_string(r, b, v.str);
    else if (v.kind == V_LIST || v.kind == V_DICT) repr_items(r, b, v);
    else if (v.kind == V_UNDEFINED) puts_raw(r, b, "Undefined");
    else build_value(r, b, v);
    r->depth--;
}

void build_value(run *r, text_builder *b, value v) {
    char s[32];
    switch (v.kind) {
    case V_UNDEFINED: return;
    case V_NONE: return puts_raw(r, b, "None");
    case V_BOOL: return puts_raw(r, b, v.b ? "True" : "False");
    case V_INT:
        snprintf(s, sizeof s, "%lld", (long long)v.i);
        return puts_raw(r, b, s);
    case V_FLOAT: return build_float(r, b, v.f);
    case V_STRING: return build_text(r, b, v.str);
    case V_LIST: case V_DICT: return build_repr(r, b, v);
    default: v_fail(r, "%s cannot be printed", v_kind_name(v));
    }
}

/* ---- JSON as Python's json.dumps(ensure_ascii=False) writes it ---- */

static void write_json_string(run *r, text_builder *b, const text *t) {
    puts_raw(r, b, "\"");
    for (size_t i = 0; i < t->n; i++) {
        unsigned char c = (unsigned char)t->s[i];
        static const char from[] = "\"\\\n\r\t\b\f", to[] = "\"\\nrtbf";
        const char *p = c ? strchr(from, c) : NULL;
        char shown[8];
        if (p) snprintf(shown, sizeof shown, "\\%c", to[p - from]);
        else if (c < 0x20) snprintf(shown, sizeof shown, "\\u%04x", c);
        else snprintf(shown, sizeof shown, "%c", c);
        build_raw(r, b, shown, strlen(shown), true);
    }
    puts_raw(r, b, "\"");
}

static void newline(run *r, text_builder *b, int indent, int level) {
    if (indent < 0) return;
    puts_raw(r, b, "\n");
    for (int i = 0; i < indent * level; i++) puts_raw(r, b, " ");
}

static void json_items(run *r, text_builder *b, value v, int indent, int level) {
    bool dict = v.kind == V_DICT;
    size_t n = dict ? v.dict->n : v.list->n;
    puts_raw(r, b, dict ? "{" : "[");
    for (size_t i = 0; i < n && !r->failed; i++) {
        if (i) puts_raw(r, b, indent < 0 ? ", " : ",");
        newline(r, b, indent, level + 1);
        if (dict) {
            value k = v.dict->items[i].key;
            if (k.kind == V_STRING) write_json_string(r, b, k.str);
            else {
                puts_raw(r, b, "\"");
                build_json(r, b, k, -1, 0);
                puts_raw(r, b, "\"");
            }
            puts_raw(r, b, ": ");
        }
        build_json(r, b, dict ? v.dict->items[i].value : v.list->items[i], indent, level + 1);
    }
    if (n) newline(r, b, indent, level);
    puts_raw(r, b, dict ? "}" : "]");
}

void build_json(run *r, text_builder *b, value v, int indent, int level) {
    if (level > JINJA_MAX_DEPTH) v_fail(r, "a value is nested too deeply for JSON");
    else if (v.kind == V_STRING) write_json_string(r, b, v.str);
    else if (v.kind == V_LIST || v.kind == V_DICT) json_items(r, b, v, indent, level);
    else if (v.kind == V_NONE) puts_raw(r, b, "null");
    else if (v.kind == V_BOOL) puts_raw(r, b, v.b ? "true" : "false");
    else if (v.kind == V_FLOAT && !isfinite(v.f)) puts_raw(r, b, isnan(v.f) ? "NaN" : v.f < 0 ? "-Infinity" : "Infinity");
    else if (v.kind == V_INT || v.kind == V_FLOAT) build_value(r, b, v);
    else v_fail(r, "%s cannot be written as JSON", v_kind_name(v));
}
