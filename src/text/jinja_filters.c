/* Filters and tests, by name in two tables. */
#include "base/utf8.h"
#include "text/jinja.h"
#include "text/unicode.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

static value as_string(run *r, value v) {
    text_builder b = { 0 };
    if (v.kind == V_STRING) return v;
    build_value(r, &b, v);
    return build_done(r, &b);
}

static value method_of(run *r, value v, const char *name, const call_args *a) {
    method m = { as_string(r, v), name };
    return r->failed ? v : call_method(r, &m, a);
}

value_list *to_list(run *r, value v) {
    value out;
    if (v.kind == V_LIST) return v.list;
    out = v_list(r, false);
    if (v.kind == V_DICT || v.kind == V_NAMESPACE)
        for (size_t i = 0; i < v.dict->n && !r->failed; i++) list_put(r, out.list, v.dict->items[i].key);
    else if (v.kind == V_STRING)
        for (size_t i = 0, n; i < v.str->n && !r->failed; i += n) {
            for (n = 1; i + n < v.str->n && ((unsigned char)v.str->s[i + n] & 0xc0) == 0x80;) n++;
            list_put(r, out.list, v_substring(r, v.str, i, i + n));
        }
    else if (v.kind != V_UNDEFINED) return v_fail(r, "%s cannot be iterated", v_kind_name(v)), NULL;
    return r->failed ? NULL : out.list;
}

static value f_tojson(run *r, value v, const call_args *a) {
    const value *indent = arg(a, 0, "indent");
    text_builder b = { 0 };
    build_json(r, &b, v, indent && indent->kind == V_INT ? (int)(indent->i < 0 ? 0 : indent->i > 16 ? 16 : indent->i) : -1, 0);
    return build_done(r, &b);
}

static value f_from_json(run *r, value v, const call_args *a) {
    err why;
    (void)a;
    if (v.kind != V_STRING) return v_fail(r, "from_json needs a string");
    json_t *doc = js_parse(v.str->s, v.str->n, "from_json", &why);
    if (!doc) return v_fail(r, "from_json: %.150s", why.what);
    value out = v_from_json(r, doc);
    json_decref(doc);
    return out;
}

static value f_length(run *r, value v, const call_args *a) {
    (void)a;
    if (v.kind == V_STRING) return v_int((int64_t)text_chars(v.str));
    if (v.kind == V_LIST) return v_int((int64_t)v.list->n);
    if (v.kind == V_DICT) return v_int((int64_t)v.dict->n);
    return v.kind == V_UNDEFINED ? v_int(0) : v_fail(r, "%s has no length", v_kind_name(v));
}

static value f_default(run *r, value v, const call_args *a) {
    const value *other = arg(a, 0, "default_value"), *falsy = arg(a, 1, "boolean");
    if (v.kind == V_UNDEFINED || (falsy && v_truthy(*falsy) && !v_truthy(v))) return other ? *other : v_string(r, "", 0, false);
    return v;
}

static value f_join(run *r, value v, const call_args *a) {
    const value *d = arg(a, 0, "d"), *attribute = arg(a, 1, "attribute");
    value_list *l = to_list(r, v);
    text_builder b = { 0 };
    for (size_t i = 0; l && i < l->n && !r->failed; i++) {
        value item = attribute && attribute->kind == V_STRING ? get_attribute(r, l->items[i], attribute->str->s) : l->items[i];
        if (i && d) build_value(r, &b, *d);
        build_value(r, &b, item);
    }
    return build_done(r, &b);
}

static value f_upper(run *r, value v, const call_args *a) { return method_of(r, v, "upper", a); }
static value f_lower(run *r, value v, const call_args *a) { return method_of(r, v, "lower", a); }
static value f_title(run *r, value v, const call_args *a) { return method_of(r, v, "title", a); }
static value f_capitalize(run *r, value v, const call_args *a) { return method_of(r, v, "capitalize", a); }
static value f_replace(run *r, value v, const call_args *a) { return method_of(r, v, "replace", a); }
static value f_trim(run *r, value v, const call_args *a) { return method_of(r, v, "strip", a); }
static value f_string(run *r, value v, const call_args *a) { return (void)a, as_string(r, v); }
static value f_list(run *r, value v, const call_args *a) {
    (void)a;
    value out = v_list(r, false);
    value_list *l = to_list(r, v);
    for (size_t i = 0; l && i < l->n && !r->failed; i++) list_put(r, out.list, l->items[i]);
    return out;
}

static value f_first(run *r, value v, const call_args *a) {
    (void)a;
    value_list *l = to_list(r, v);
    return l && l->n ? l->items[0] : v_undefined("the first item of nothing");
}

static value f_last(run *r, value v, const call_args *a) {
    (void)a;
    value_list *l = to_list(r, v);
    return l && l->n ? l->items[l->n - 1] : v_undefined("the last item of nothing");
}

static value f_int(run *r, value v, const call_args *a) {
    const value *d = arg(a, 0, "default");
    (void)r;
    if (v.kind == V_INT) return v;
    if (v.kind == V_BOOL) return v_int(v.b);
    if (v.kind == V_FLOAT && isfinite(v.f) && fabs(v.f) < 9e18) return v_int((int64_t)v.f);
    if (v.kind == V_STRING && v.str->n && v.str->n < 40) {
        char *end;
        double f = strtod(v.str->s, &end);
        while (*end == ' ' || *end == '\n') end++;
        if (!*end && isfinite(f) && fabs(f) < 9e18) return v_int(strpbrk(v.str->s, ".eE") ? (int64_t)f : strtoll(v.str->s, NULL, 10));
    }
    return d ? *d : v_int(0);
}

static value f_float(run *r, value v, const call_args *a) {
    const value *d = arg(a, 0, "default");
    char *end = NULL;
    (void)r;
    if (v.kind == V_FLOAT) return v;
    if (v.kind == V_INT || v.kind == V_BOOL) return v_float(v.kind == V_INT ? (double)v.i : v.b);
    double f = v.kind == V_STRING && v.str->n ? strtod(v.str->s, &end) : 0;
    return end && !*end ? v_float(f) : d ? *d : v_float(0);
}

static value f_abs(run *r, value v, const call_args *a) {
    (void)a;
    if (v.kind == V_FLOAT) return v_float(fabs(v.f));
    if (v.kind == V_INT && v.i != INT64_MIN) return v_int(v.i < 0 ? -v.i : v.i);
    return v.kind == V_BOOL ? v_int(v.b) : v_fail(r, "%s has no absolute value", v_kind_name(v));
}

static value f_round(run *r, value v, const call_args *a) {
    const value *precision = arg(a, 0, "precision"), *how = arg(a, 1, "method");
    double f = v.kind == V_FLOAT ? v.f : v.kind == V_INT ? (double)v.i : v.kind == V_BOOL ? v.b : NAN, scale = pow(10, precision && precision->kind == V_INT ? (double)precision->i : 0);
    if (v.kind != V_FLOAT && v.kind != V_INT && v.kind != V_BOOL) return v_fail(r, "%s cannot be rounded", v_kind_name(v));
    if (how && how->kind == V_STRING && strcmp(how->str->s, "ceil") == 0) return v_float(ceil(f * scale) / scale);
    if (how && how->kind == V_STRING && strcmp(how->str->s, "floor") == 0) return v_float(floor(f * scale) / scale);
    char s[64];
    int64_t digits = precision && precision->kind == V_INT ? precision->i : 0;
    if (digits < 0 || digits > 30) return v_float(rint(f * scale) / scale);
    snprintf(s, sizeof s, "%.*f", (int)digits, f); /* decimal rounding of the exact value, halves to even, as Python does */
    double out = strtod(s, NULL);
    return v.kind == V_FLOAT ? v_float(out) : v_int((int64_t)out);
}

static value f_items(run *r, value v, const call_args *a) {
    method m = { v, "items" };
    if (v.kind == V_UNDEFINED) return v_list(r, false);
    return v.kind == V_DICT ? call_method(r, &m, a) : v_fail(r, "%s has no items", v_kind_name(v));
}

/* The value that a sort or a selection looks at. */
static value key_of(run *r, value v, const value *attribute) {
    if (!attribute || attribute->kind == V_NONE) return v;
    if (attribute->kind != V_STRING) return get_item(r, v, *attribute);
    char path[256];
    snprintf(path, sizeof path, "%s", attribute->str->s);
    for (char *save = NULL, *part = strtok_r(path, ".", &save); part && !r->failed; part = strtok_r(NULL, ".", &save)) {
        char *end;
        long n = strtol(part, &end, 10);
        value key = *end ? v_string(r, part, strlen(part), false) : v_int(n);
        v = get_item(r, v, key);
    }
    return v;
}

static value folded(run *r, value v, bool case_sensitive) {
    method m = { v, "lower" };
    call_args none = { .n = 0 };
    return v.kind == V_STRING && !case_sensitive ? call_method(r, &m, &none) : v;
}

typedef struct sort_item {
    value key, v;
} sort_item;

/* Merge sort: stable, as Python's is. */
static void sort_items(run *r, sort_item *x, sort_item *spare, size_t n, bool reverse) {
    if (n < 2 || r->failed) return;
    size_t half = n / 2, i = 0, k = half, at = 0;
    sort_items(r, x, spare, half, reverse);
    sort_items(r, x + half, spare, n - half, reverse);
    while (i < half && k < n) {
        int c = v_compare(r, x[i].key, x[k].key);
        spare[at++] = (reverse ? c < 0 : c > 0) ? x[k++] : x[i++];
    }
    while (i < half) spare[at++] = x[i++];
    while (k < n) spare[at++] = x[k++];
    memcpy(x, spare, n * sizeof *x);
}

static value sorted(run *r, value_list *l, const value *attribute, bool case_sensitive, bool reverse) {
    value out = v_list(r, false);
    sort_item *x = arena_try(r->mem, l->n + 1, sizeof *x), *spare = arena_try(r->mem, l->n + 1, sizeof *spare);
    if (!x || !spare) return v_no_memory(r);
    for (size_t i = 0; i < l->n && !r->failed; i++) x[i] = (sort_item){ folded(r, key_of(r, l->items[i], attribute), case_sensitive), l->items[i] };
    sort_items(r, x, spare, l->n, reverse);
    for (size_t i = 0; i < l->n && !r->failed; i++) list_put(r, out.list, x[i].v);
    return out;
}

static value f_sort(run *r, value v, const call_args *a) {
    const value *reverse = arg(a, 0, "reverse"), *cased = arg(a, 1, "case_sensitive"), *attribute = arg(a, 2, "attribute");
    value_list *l = to_list(r, v);
    return l ? sorted(r, l, attribute, cased && v_truthy(*cased), reverse && v_truthy(*reverse)) : v;
}

static value f_dictsort(run *r, value v, const call_args *a) {
    const value *cased = arg(a, 0, "case_sensitive"), *by = arg(a, 1, "by"), *reverse = arg(a, 2, "reverse");
    value pairs = f_items(r, v, a), position = v_int(by && by->kind == V_STRING && strcmp(by->str->s, "value") == 0);
    return r->failed ? v : sorted(r, pairs.list, &position, cased && v_truthy(*cased), reverse && v_truthy(*reverse));
}

static value f_reverse(run *r, value v, const call_args *a) {
    (void)a;
    value_list *l = to_list(r, v);
    value out = v_list(r, false);
    for (size_t i = l ? l->n : 0; i-- > 0 && !r->failed;) list_put(r, out.list, l->items[i]);
    if (v.kind != V_STRING) return out;
    call_args none = { .n = 0 };
    return f_join(r, out, &none);
}

static value f_unique(run *r, value v, const call_args *a) {
    const value *cased = arg(a, 0, "case_sensitive"), *attribute = arg(a, 1, "attribute");
    value_list *l = to_list(r, v);
    value out = v_list(r, false), seen = v_list(r, false);
    for (size_t i = 0; l && i < l->n && !r->failed; i++) {
        value key = folded(r, key_of(r, l->items[i], attribute), cased && v_truthy(*cased));
        bool before = false;
        for (size_t k = 0; k < seen.list->n && !before; k++) before = v_equal(seen.list->items[k], key);
        r->steps += seen.list->n;
        if (before) continue;
        list_put(r, seen.list, key);
        list_put(r, out.list, l->items[i]);
    }
    return out;
}

static value extreme(run *r, value v, const call_args *a, int sign) {
    const value *cased = arg(a, 0, "case_sensitive"), *attribute = arg(a, 1, "attribute");
    value_list *l = to_list(r, v);
    if (!l || !l->n) return v_undefined("no item");
    value best = l->items[0], best_key = folded(r, key_of(r, best, attribute), cased && v_truthy(*cased));
    for (size_t i = 1; i < l->n && !r->failed; i++) {
        value key = folded(r, key_of(r, l->items[i], attribute), cased && v_truthy(*cased));
        if (v_compare(r, key, best_key) * sign > 0) best = l->items[i], best_key = key;
    }
    return best;
}

static value f_max(run *r, value v, const call_args *a) { return extreme(r, v, a, 1); }
static value f_min(run *r, value v, const call_args *a) { return extreme(r, v, a, -1); }

static value f_sum(run *r, value v, const call_args *a) {
    const value *attribute = arg(a, 0, "attribute"), *start = arg(a, 1, "start");
    value_list *l = to_list(r, v);
    double f = start && start->kind == V_FLOAT ? start->f : 0;
    int64_t n = start && start->kind == V_INT ? start->i : 0;
    bool floats = start && start->kind == V_FLOAT;
    for (size_t i = 0; l && i < l->n && !r->failed; i++) {
        value x = key_of(r, l->items[i], attribute);
        if (x.kind == V_FLOAT) f += x.f, floats = true;
        else if ((x.kind != V_INT && x.kind != V_BOOL) || __builtin_add_overflow(n, x.kind == V_INT ? x.i : x.b, &n)) return v_fail(r, "%s cannot be added up", v_kind_name(x));
    }
    return floats ? v_float(f + (double)n) : v_int(n);
}

static call_args rest_of(const call_args *a, size_t from) {
    call_args out = { .n = 0 };
    for (size_t i = from; i < a->n; i++) {
        out.names[out.n] = a->names[i];
        out.values[out.n++] = a->values[i];
    }
    return out;
}

static value f_map(run *r, value v, const call_args *a) {
    const value *attribute = arg(a, SIZE_MAX, "attribute"), *fallback = arg(a, SIZE_MAX, "default");
    value_list *l = to_list(r, v);
    value out = v_list(r, false);
    filter_fn f = !attribute && a->n && a->values[0].kind == V_STRING ? find_filter(a->values[0].str->s) : NULL;
    if (!attribute && !f) return v_fail(r, "'map' needs an attribute or a known filter");
    call_args rest = attribute ? *a : rest_of(a, 1);
    for (size_t i = 0; l && i < l->n && !r->failed; i++) {
        value x = attribute ? key_of(r, l->items[i], attribute) : f(r, l->items[i], &rest);
        list_put(r, out.list, x.kind == V_UNDEFINED && fallback ? *fallback : x);
    }
    return out;
}

/* select, reject, selectattr, rejectattr. */
static value choose(run *r, value v, const call_args *a, bool by_attribute, bool wanted) {
    value_list *l = to_list(r, v);
    value out = v_list(r, false);
    size_t first = by_attribute;
    test_fn t = a->n > first && a->values[first].kind == V_STRING ? find_test(a->values[first].str->s) : NULL;
    if ((a->n > first && !t) || a->n < first) return v_fail(r, "an unknown test is used to choose");
    call_args rest = rest_of(a, first + 1);
    for (size_t i = 0; l && i < l->n && !r->failed; i++) {
        value x = by_attribute ? key_of(r, l->items[i], &a->values[0]) : l->items[i];
        if ((t ? t(r, x, &rest) : v_truthy(x)) == wanted) list_put(r, out.list, l->items[i]);
    }
    return out;
}

static value f_select(run *r, value v, const call_args *a) { return choose(r, v, a, false, true); }
static value f_reject(run *r, value v, const call_args *a) { return choose(r, v, a, false, false); }
static value f_selectattr(run *r, value v, const call_args *a) { return choose(r, v, a, true, true); }
static value f_rejectattr(run *r, value v, const call_args *a) { return choose(r, v, a, true, false); }

static value f_attr(run *r, value v, const call_args *a) {
    if (a->n != 1 || a->values[0].kind != V_STRING) return v_fail(r, "'attr' needs a name");
    return v.kind == V_DICT ? v_undefined("attribute") : get_attribute(r, v, a->values[0].str->s);
}

static value f_indent(run *r, value v, const call_args *a) {
    const value *width = arg(a, 0, "width"), *first = arg(a, 1, "first"), *blank = arg(a, 2, "blank");
    value s = as_string(r, v);
    text_builder b = { 0 };
    char spaces[65] = "                                                                ";
    size_t n = width && width->kind == V_INT && width->i >= 0 && width->i <= 64 ? (size_t)width->i : 4;
    if (r->failed) return s;
    for (size_t from = 0, line = 0; from <= s.str->n && !r->failed; line++) {
        const char *nl = memchr(s.str->s + from, '\n', s.str->n - from);
        size_t to = nl ? (size_t)(nl - s.str->s) : s.str->n;
        bool wanted = line ? (to > from || (blank && v_truthy(*blank))) : first && v_truthy(*first);
        if (line) build_raw(r, &b, "\n", 1, s.str->n_spans > 0);
        if (wanted) build_raw(r, &b, spaces, n, false);
        value part = v_substring(r, s.str, from, to);
        if (part.kind == V_STRING) build_text(r, &b, part.str);
        from = to + 1;
    }
    return build_done(r, &b);
}

static value f_escape(run *r, value v, const call_args *a) {
    static const struct { char c; const char *to; } map[] = { { '&', "&amp;" }, { '<', "&lt;" }, { '>', "&gt;" }, { '\'', "&#39;" }, { '"', "&#34;" } };
    value s = as_string(r, v);
    text_builder b = { 0 };
    (void)a;
    for (size_t i = 0; !r->failed && i < s.str->n; i++) {
        const char *to = NULL;
        for (size_t k = 0; k < 5; k++)
            if (map[k].c == s.str->s[i]) to = map[k].to;
        build_raw(r, &b, to ? to : s.str->s + i, to ? strlen(to) : 1, s.str->n_spans > 0);
    }
    return build_done(r, &b);
}

static value f_safe(run *r, value v, const call_args *a) { return (void)r, (void)a, v; }

static value f_wordcount(run *r, value v, const call_args *a) {
    call_args none = { .n = 0 };
    (void)a;
    value words = method_of(r, v, "split", &none);
    return r->failed ? v : v_int((int64_t)words.list->n);
}

static value f_values(run *r, value v, const call_args *a) { method m = { v, "values" }; return v.kind == V_DICT ? call_method(r, &m, a) : v_fail(r, "%s has no values", v_kind_name(v)); }
static value f_keys(run *r, value v, const call_args *a) { method m = { v, "keys" }; return v.kind == V_DICT ? call_method(r, &m, a) : v_fail(r, "%s has no keys", v_kind_name(v)); }

static const struct { const char *name; filter_fn fn; } filters[] = {
    { "tojson", f_tojson }, { "from_json", f_from_json }, { "length", f_length }, { "count", f_length }, { "default", f_default }, { "d", f_default }, { "join", f_join }, { "upper", f_upper },
    { "lower", f_lower }, { "title", f_title }, { "capitalize", f_capitalize }, { "replace", f_replace }, { "trim", f_trim }, { "string", f_string }, { "list", f_list },
    { "first", f_first }, { "last", f_last }, { "int", f_int }, { "float", f_float }, { "abs", f_abs }, { "round", f_round }, { "items", f_items }, { "sort", f_sort },
    { "dictsort", f_dictsort }, { "reverse", f_reverse }, { "unique", f_unique }, { "max", f_max }, { "min", f_min }, { "sum", f_sum }, { "map", f_map },
    { "select", f_select }, { "reject", f_reject }, { "selectattr", f_selectattr }, { "rejectattr", f_rejectattr }, { "attr", f_attr }, { "indent", f_indent },
    { "escape", f_escape }, { "e", f_escape }, { "safe", f_safe }, { "wordcount", f_wordcount }, { "values", f_values }, { "keys", f_keys },
};

filter_fn find_filter(const char *name) {
    for (size_t i = 0; i < sizeof filters / sizeof *filters; i++)
        if (strcmp(filters[i].name, name) == 0) return filters[i].fn;
    return NULL;
}

/* ---- tests ---- */

static const value nothing = { .kind = V_NONE };
static value first_of(const call_args *a) { return a->n ? a->values[0] : nothing; }

static bool t_defined(run *r, value v, const call_args *a) { return (void)r, (void)a, v.kind != V_UNDEFINED; }
static bool t_undefined(run *r, value v, const call_args *a) { return (void)r, (void)a, v.kind == V_UNDEFINED; }
static bool t_none(run *r, value v, const call_args *a) { return (void)r, (void)a, v.kind == V_NONE; }
static bool t_string(run *r, value v, const call_args *a) { return (void)r, (void)a, v.kind == V_STRING; }
static bool t_boolean(run *r, value v, const call_args *a) { return (void)r, (void)a, v.kind == V_BOOL; }
static bool t_integer(run *r, value v, const call_args *a) { return (void)r, (void)a, v.kind == V_INT; }
static bool t_float(run *r, value v, const call_args *a) { return (void)r, (void)a, v.kind == V_FLOAT; }
static bool t_number(run *r, value v, const call_args *a) { return (void)r, (void)a, v.kind == V_INT || v.kind == V_FLOAT || v.kind == V_BOOL; }
static bool t_mapping(run *r, value v, const call_args *a) { return (void)r, (void)a, v.kind == V_DICT; }
static bool t_sequence(run *r, value v, const call_args *a) { return (void)r, (void)a, v.kind == V_LIST || v.kind == V_STRING || v.kind == V_DICT || v.kind == V_UNDEFINED; }
static bool t_iterable(run *r, value v, const call_args *a) { return t_sequence(r, v, a); }
static bool t_callable(run *r, value v, const call_args *a) { return (void)r, (void)a, v.kind == V_MACRO || v.kind == V_FUNCTION || v.kind == V_METHOD; }
static bool t_true(run *r, value v, const call_args *a) { return (void)r, (void)a, v.kind == V_BOOL && v.b; }
static bool t_false(run *r, value v, const call_args *a) { return (void)r, (void)a, v.kind == V_BOOL && !v.b; }
static bool t_eq(run *r, value v, const call_args *a) { return (void)r, v_equal(v, first_of(a)); }
static bool t_ne(run *r, value v, const call_args *a) { return (void)r, !v_equal(v, first_of(a)); }
static bool t_lt(run *r, value v, const call_args *a) { return v_compare(r, v, first_of(a)) < 0; }
static bool t_le(run *r, value v, const call_args *a) { return v_compare(r, v, first_of(a)) <= 0; }
static bool t_gt(run *r, value v, const call_args *a) { return v_compare(r, v, first_of(a)) > 0; }
static bool t_ge(run *r, value v, const call_args *a) { return v_compare(r, v, first_of(a)) >= 0; }
static bool t_odd(run *r, value v, const call_args *a) { return (void)a, v.kind == V_INT ? v.i % 2 != 0 : (v_fail(r, "only integers are odd or even"), false); }
static bool t_even(run *r, value v, const call_args *a) { return (void)a, v.kind == V_INT ? v.i % 2 == 0 : (v_fail(r, "only integers are odd or even"), false); }
static bool t_divisibleby(run *r, value v, const call_args *a) {
    value by = first_of(a);
    return v.kind == V_INT && by.kind == V_INT && by.i && by.i != -1 ? v.i % by.i == 0 : by.kind == V_INT && by.i == -1 ? true : (v_fail(r, "divisibleby needs integers, and not zero"), false);
}
static bool t_in(run *r, value v, const call_args *a) {
    value hay = first_of(a);
    if (hay.kind == V_STRING) return v.kind == V_STRING ? memmem(hay.str->s, hay.str->n, v.str->s, v.str->n) != NULL : (v_fail(r, "only a string can be in a string"), false);
    value_list *l = to_list(r, hay);
    for (size_t i = 0; l && i < l->n; i++)
        if (v_equal(l->items[i], v)) return true;
    return false;
}
static bool cased(run *r, value v, const char *name) {
    call_args none = { .n = 0 };
    return v_equal(method_of(r, v, name, &none), as_string(r, v));
}
static bool t_lower(run *r, value v, const call_args *a) { return (void)a, cased(r, v, "lower"); }
static bool t_upper(run *r, value v, const call_args *a) { return (void)a, cased(r, v, "upper"); }
static bool t_sameas(run *r, value v, const call_args *a) { return (void)r, v.kind == first_of(a).kind && v_equal(v, first_of(a)); }
static bool t_filter(run *r, value v, const call_args *a) { return (void)r, (void)a, v.kind == V_STRING && find_filter(v.str->s); }
static bool t_test(run *r, value v, const call_args *a) { return (void)r, (void)a, v.kind == V_STRING && find_test(v.str->s); }

static const struct { const char *name; test_fn fn; } tests[] = {
    { "defined", t_defined }, { "undefined", t_undefined }, { "none", t_none }, { "string", t_string }, { "boolean", t_boolean }, { "integer", t_integer },
    { "float", t_float }, { "number", t_number }, { "mapping", t_mapping }, { "sequence", t_sequence }, { "iterable", t_iterable }, { "callable", t_callable },
    { "true", t_true }, { "false", t_false }, { "eq", t_eq }, { "equalto", t_eq }, { "==", t_eq }, { "ne", t_ne }, { "!=", t_ne }, { "lt", t_lt }, { "lessthan", t_lt },
    { "<", t_lt }, { "le", t_le }, { "<=", t_le }, { "gt", t_gt }, { "greaterthan", t_gt }, { ">", t_gt }, { "ge", t_ge }, { ">=", t_ge }, { "odd", t_odd },
    { "even", t_even }, { "divisibleby", t_divisibleby }, { "in", t_in }, { "lower", t_lower }, { "upper", t_upper }, { "sameas", t_sameas }, { "filter", t_filter }, { "test", t_test },
};

test_fn find_test(const char *name) {
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)
        if (strcmp(tests[i].name, name) == 0) return tests[i].fn;
    return NULL;
}
