/* Methods of strings and dicts, and the global functions. Lists have none that change them: the reference's sandbox forbids it. */
#include "base/mem.h"
#include "base/utf8.h"
#include "text/jinja.h"
#include "text/unicode.h"
#include <string.h>
#include <time.h>
#include <utf8proc.h>

typedef value (*method_fn)(run *r, value self, const call_args *a);

static const text *string_arg(run *r, const call_args *a, size_t i, const char *name) {
    const value *v = arg(a, i, name);
    if (!v) return NULL;
    if (v->kind == V_STRING) return v->str;
    if (v->kind != V_NONE) v_fail(r, "a string is expected as an argument, not %s", v_kind_name(*v));
    return NULL;
}

static int upper_cp(int32_t cp, bool start) { return (void)start, utf8proc_toupper(cp); }

/* The code points whose upper case is several (Unicode's SpecialCasing.txt, those without conditions that occur in text). */
static const char *upper_of(uint32_t cp) {
    static const struct { uint32_t cp; const char *upper; } special[] = { { 0xdf, "SS" },    { 0x149, "\u02bcN" }, { 0xfb00, "FF" },  { 0xfb01, "FI" }, { 0xfb02, "FL" },
                                                                          { 0xfb03, "FFI" }, { 0xfb04, "FFL" },    { 0xfb05, "ST" }, { 0xfb06, "ST" } };
    for (size_t i = 0; i < sizeof special / sizeof *special; i++)
        if (special[i].cp == cp) return special[i].upper;
    return NULL;
}

/* Each code point through a function; what came from outside stays marked. */
static value map_chars(run *r, const text *t, int (*fn)(int32_t cp, bool word_start)) {
    text_builder b = { 0 };
    uint32_t cp;
    bool start = true;
    size_t span = 0;
    for (size_t i = 0, n; i < t->n && !r->failed; i += n) {
        char c[4];
        n = utf8_decode(t->s + i, t->n - i, &cp);
        if (!n) n = 1, cp = 0xfffd;
        while (span < t->n_spans && t->from_outside[span].to <= i) span++;
        bool outside = span < t->n_spans && t->from_outside[span].from <= i;
        const char *several = fn == upper_cp ? upper_of(cp) : NULL;
        build_raw(r, &b, several ? several : c, several ? strlen(several) : utf8_encode((uint32_t)fn((int32_t)cp, start), c), outside);
        utf8proc_category_t k = utf8proc_category((int32_t)cp);
        start = !(k >= UTF8PROC_CATEGORY_LU && k <= UTF8PROC_CATEGORY_LT);
    }
    return build_done(r, &b);
}

static int lower_cp(int32_t cp, bool start) { return (void)start, utf8proc_tolower(cp); }
static int title_cp(int32_t cp, bool start) { return start ? utf8proc_totitle(cp) : utf8proc_tolower(cp); }

static value m_upper(run *r, value v, const call_args *a) { return (void)a, map_chars(r, v.str, upper_cp); }
static value m_lower(run *r, value v, const call_args *a) { return (void)a, map_chars(r, v.str, lower_cp); }
static value m_title(run *r, value v, const call_args *a) { return (void)a, map_chars(r, v.str, title_cp); }

static value m_capitalize(run *r, value v, const call_args *a) {
    size_t one = text_offset(v.str, 1);
    value head = m_upper(r, v_substring(r, v.str, 0, one), a), tail = m_lower(r, v_substring(r, v.str, one, v.str->n), a);
    text_builder b = { 0 };
    if (r->failed) return v;
    build_text(r, &b, head.str);
    build_text(r, &b, tail.str);
    return build_done(r, &b);
}

static bool strips(const text *set, const char *s, size_t n) {
    uint32_t cp;
    if (!set) return utf8_decode(s, n, &cp) == n && (unicode_is_space(cp) || (cp >= 0x1c && cp <= 0x1f));
    for (size_t i = 0; i + n <= set->n; i++)
        if (memcmp(set->s + i, s, n) == 0) return true;
    return false;
}

static value strip(run *r, const text *t, const text *set, bool left, bool right) {
    size_t from = 0, to = t->n;
    while (left && from < to) {
        size_t n = 1;
        while (from + n < to && ((unsigned char)t->s[from + n] & 0xc0) == 0x80) n++;
        if (!strips(set, t->s + from, n)) break;
        from += n;
    }
    while (right && to > from) {
        size_t n = 1;
        while (n < to - from && ((unsigned char)t->s[to - n] & 0xc0) == 0x80) n++;
        if (!strips(set, t->s + to - n, n)) break;
        to -= n;
    }
    return v_substring(r, t, from, to);
}

static value m_strip(run *r, value v, const call_args *a) { return strip(r, v.str, string_arg(r, a, 0, "chars"), true, true); }
static value m_lstrip(run *r, value v, const call_args *a) { return strip(r, v.str, string_arg(r, a, 0, "chars"), true, false); }
static value m_rstrip(run *r, value v, const call_args *a) { return strip(r, v.str, string_arg(r, a, 0, "chars"), false, true); }

static value split_space(run *r, const text *t, int64_t most) {
    value out = v_list(r, false);
    uint32_t cp;
    size_t i = 0;
    while (i < t->n && !r->failed) {
        size_t n = utf8_decode(t->s + i, t->n - i, &cp), from;
        if (!n) n = 1, cp = 0;
        if (unicode_is_space(cp)) {
            i += n;
            continue;
        }
        from = i;
        if (most >= 0 && (int64_t)out.list->n == most) {
            list_put(r, out.list, strip(r, v_substring(r, t, from, t->n).str, NULL, false, true));
            break;
        }
        while (i < t->n && (n = utf8_decode(t->s + i, t->n - i, &cp)) && !unicode_is_space(cp)) i += n;
        list_put(r, out.list, v_substring(r, t, from, i));
    }
    return out;
}

static value m_split(run *r, value v, const call_args *a) {
    const text *t = v.str, *sep = string_arg(r, a, 0, "sep");
    const value *max = arg(a, 1, "maxsplit");
    int64_t most = max && max->kind == V_INT ? max->i : -1;
    value out = v_list(r, false);
    if (r->failed) return out;
    if (!sep) return split_space(r, t, most);
    if (!sep->n) return v_fail(r, "a separator is empty");
    size_t from = 0;
    const char *hit;
    while ((most < 0 || most-- > 0) && (hit = memmem(t->s + from, t->n - from, sep->s, sep->n)) && !r->failed) {
        list_put(r, out.list, v_substring(r, t, from, (size_t)(hit - t->s)));
        from = (size_t)(hit - t->s) + sep->n;
    }
    list_put(r, out.list, v_substring(r, t, from, t->n));
    return out;
}

static const char *last_of(const text *t, size_t to, const text *sep) {
    for (size_t i = to + 1; i-- > sep->n;)
        if (memcmp(t->s + i - sep->n, sep->s, sep->n) == 0) return t->s + i - sep->n;
    return NULL;
}

static value m_rsplit(run *r, value v, const call_args *a) {
    const text *t = v.str, *sep = string_arg(r, a, 0, "sep");
    const value *max = arg(a, 1, "maxsplit");
    int64_t most = max && max->kind == V_INT ? max->i : -1;
    if (r->failed || !sep || most < 0) return m_split(r, v, a);
    if (!sep->n) return v_fail(r, "a separator is empty");
    value backwards = v_list(r, false), out = v_list(r, false);
    size_t to = t->n;
    const char *hit;
    while (most-- > 0 && (hit = last_of(t, to, sep)) && !r->failed) {
        list_put(r, backwards.list, v_substring(r, t, (size_t)(hit - t->s) + sep->n, to));
        to = (size_t)(hit - t->s);
    }
    list_put(r, out.list, v_substring(r, t, 0, to));
    for (size_t i = backwards.list->n; i-- > 0;) list_put(r, out.list, backwards.list->items[i]);
    return out;
}

static value m_splitlines(run *r, value v, const call_args *a) {
    const value *keep = arg(a, 0, "keepends");
    value out = v_list(r, false);
    const text *t = v.str;
    for (size_t from = 0, to; from < t->n && !r->failed;) {
        for (to = from; to < t->n && t->s[to] != '\n' && t->s[to] != '\r';) to++;
        size_t next = to + (to < t->n) + (to + 1 < t->n && t->s[to] == '\r' && t->s[to + 1] == '\n');
        list_put(r, out.list, v_substring(r, t, from, keep && v_truthy(*keep) ? next : to));
        from = next;
    }
    return out;
}

static bool has_end(run *r, const text *t, const value *v, bool front) {
    if (v && v->kind == V_LIST) {
        for (size_t i = 0; i < v->list->n; i++)
            if (has_end(r, t, &v->list->items[i], front)) return true;
        return false;
    }
    if (!v || v->kind != V_STRING) return v_fail(r, "a string is expected as an argument"), false;
    return v->str->n <= t->n && memcmp(front ? t->s : t->s + t->n - v->str->n, v->str->s, v->str->n) == 0;
}

static value m_startswith(run *r, value v, const call_args *a) { return v_bool(has_end(r, v.str, arg(a, 0, "prefix"), true)); }
static value m_endswith(run *r, value v, const call_args *a) { return v_bool(has_end(r, v.str, arg(a, 0, "suffix"), false)); }

static value m_removeprefix(run *r, value v, const call_args *a) {
    const value *p = arg(a, 0, NULL);
    return has_end(r, v.str, p, true) && !r->failed ? v_substring(r, v.str, p->str->n, v.str->n) : v;
}

static value m_removesuffix(run *r, value v, const call_args *a) {
    const value *p = arg(a, 0, NULL);
    return has_end(r, v.str, p, false) && !r->failed ? v_substring(r, v.str, 0, v.str->n - p->str->n) : v;
}

static value m_replace(run *r, value v, const call_args *a) {
    const text *t = v.str, *old = string_arg(r, a, 0, "old"), *new = string_arg(r, a, 1, "new");
    const value *count = arg(a, 2, "count");
    int64_t most = count && count->kind == V_INT ? count->i : -1;
    text_builder b = { 0 };
    if (r->failed || !old || !new) return v_fail(r, "replace needs two strings");
    for (size_t i = 0; i <= t->n && !r->failed;) {
        const char *hit = most == 0 ? NULL : old->n ? memmem(t->s + i, t->n - i, old->s, old->n) : t->s + i;
        size_t upto = hit ? (size_t)(hit - t->s) : t->n;
        value part = v_substring(r, t, i, upto);
        if (part.kind == V_STRING) build_text(r, &b, part.str);
        if (!hit) break;
        build_text(r, &b, new);
        most -= most > 0;
        i = upto + old->n;
        if (old->n) continue;
        size_t n = i < t->n ? text_offset(&(text){ t->s + i, t->n - i, NULL, 0 }, 1) : 1; /* an empty pattern stands before each character */
        part = i < t->n ? v_substring(r, t, i, i + n) : part;
        if (i < t->n && part.kind == V_STRING) build_text(r, &b, part.str);
        i += n;
    }
    return build_done(r, &b);
}

static value m_join(run *r, value v, const call_args *a) {
    const value *items = arg(a, 0, NULL);
    value_list *l = items ? to_list(r, *items) : NULL;
    text_builder b = { 0 };
    for (size_t i = 0; l && i < l->n && !r->failed; i++) {
        if (i) build_text(r, &b, v.str);
        if (l->items[i].kind != V_STRING) v_fail(r, "only strings can be joined");
        else build_text(r, &b, l->items[i].str);
    }
    return build_done(r, &b);
}

static value find(run *r, value v, const call_args *a, bool last) {
    const text *sub = string_arg(r, a, 0, "sub");
    if (!sub) return v_fail(r, "a string to find is expected");
    const char *hit = last ? last_of(v.str, v.str->n, sub) : sub->n ? memmem(v.str->s, v.str->n, sub->s, sub->n) : v.str->s;
    if (!hit) return v_int(-1);
    return v_int((int64_t)text_chars(&(text){ v.str->s, (size_t)(hit - v.str->s), NULL, 0 }));
}

static value m_find(run *r, value v, const call_args *a) { return find(r, v, a, false); }
static value m_rfind(run *r, value v, const call_args *a) { return find(r, v, a, true); }

static value m_index(run *r, value v, const call_args *a) {
    value i = find(r, v, a, false);
    return i.kind == V_INT && i.i < 0 ? v_fail(r, "substring not found") : i;
}

static value m_count(run *r, value v, const call_args *a) {
    const text *sub = string_arg(r, a, 0, "sub");
    int64_t n = 0;
    if (!sub || !sub->n) return v_fail(r, "a string to count is expected");
    for (const char *p = v.str->s, *end = p + v.str->n; (p = memmem(p, (size_t)(end - p), sub->s, sub->n)); p += sub->n) n++;
    return v_int(n);
}

static value all_of(const text *t, bool (*is)(utf8proc_category_t k, uint32_t cp)) {
    uint32_t cp;
    for (size_t i = 0, n; i < t->n; i += n) {
        n = utf8_decode(t->s + i, t->n - i, &cp);
        if (!n || !is(utf8proc_category((int32_t)cp), cp)) return v_bool(false);
    }
    return v_bool(t->n > 0);
}

static bool is_digit(utf8proc_category_t k, uint32_t cp) { return (void)cp, k == UTF8PROC_CATEGORY_ND; }
static bool is_letter(utf8proc_category_t k, uint32_t cp) { return (void)cp, k >= UTF8PROC_CATEGORY_LU && k <= UTF8PROC_CATEGORY_LO; }
static bool is_alnum(utf8proc_category_t k, uint32_t cp) { return is_digit(k, cp) || is_letter(k, cp); }
static bool is_space(utf8proc_category_t k, uint32_t cp) { return (void)k, unicode_is_space(cp); }
static value m_isdigit(run *r, value v, const call_args *a) { return (void)r, (void)a, all_of(v.str, is_digit); }
static value m_isalpha(run *r, value v, const call_args *a) { return (void)r, (void)a, all_of(v.str, is_letter); }
static value m_isalnum(run *r, value v, const call_args *a) { return (void)r, (void)a, all_of(v.str, is_alnum); }
static value m_isspace(run *r, value v, const call_args *a) { return (void)r, (void)a, all_of(v.str, is_space); }

static value cased(const text *t, utf8proc_category_t wanted, utf8proc_category_t other) {
    uint32_t cp;
    bool any = false;
    for (size_t i = 0, n; i < t->n; i += n) {
        n = utf8_decode(t->s + i, t->n - i, &cp);
        utf8proc_category_t k = n ? utf8proc_category((int32_t)cp) : UTF8PROC_CATEGORY_CN;
        if (!n || k == other || k == UTF8PROC_CATEGORY_LT) return v_bool(false);
        any |= k == wanted;
    }
    return v_bool(any);
}
static value m_isupper(run *r, value v, const call_args *a) { return (void)r, (void)a, cased(v.str, UTF8PROC_CATEGORY_LU, UTF8PROC_CATEGORY_LL); }
static value m_islower(run *r, value v, const call_args *a) { return (void)r, (void)a, cased(v.str, UTF8PROC_CATEGORY_LL, UTF8PROC_CATEGORY_LU); }

static const struct { const char *name; method_fn fn; } string_methods[] = {
    { "upper", m_upper }, { "lower", m_lower }, { "title", m_title }, { "capitalize", m_capitalize }, { "strip", m_strip }, { "lstrip", m_lstrip }, { "rstrip", m_rstrip },
    { "split", m_split }, { "rsplit", m_rsplit }, { "splitlines", m_splitlines }, { "startswith", m_startswith }, { "endswith", m_endswith },
    { "removeprefix", m_removeprefix }, { "removesuffix", m_removesuffix }, { "replace", m_replace }, { "join", m_join }, { "find", m_find }, { "rfind", m_rfind },
    { "index", m_index }, { "count", m_count }, { "isdigit", m_isdigit }, { "isnumeric", m_isdigit }, { "isdecimal", m_isdigit }, { "isalpha", m_isalpha },
    { "isalnum", m_isalnum }, { "isspace", m_isspace }, { "isupper", m_isupper }, { "islower", m_islower },
};

/* ---- dicts ---- */

static value dict_parts(run *r, value v, bool keys, bool values) {
    value out = v_list(r, false);
    for (size_t i = 0; i < v.dict->n && !r->failed; i++) {
        value item = keys ? v.dict->items[i].key : v.dict->items[i].value;
        if (keys && values) {
            item = v_list(r, true);
            list_put(r, item.list, v.dict->items[i].key);
            list_put(r, item.list, v.dict->items[i].value);
        }
        list_put(r, out.list, item);
    }
    return out;
}

static value m_items(run *r, value v, const call_args *a) { return (void)a, dict_parts(r, v, true, true); }
static value m_keys(run *r, value v, const call_args *a) { return (void)a, dict_parts(r, v, true, false); }
static value m_values(run *r, value v, const call_args *a) { return (void)a, dict_parts(r, v, false, true); }

static value m_get(run *r, value v, const call_args *a) {
    const value *key = arg(a, 0, NULL), *otherwise = arg(a, 1, NULL);
    if (!key) return v_fail(r, "get needs a key");
    for (size_t i = 0; i < v.dict->n; i++)
        if (v_equal(v.dict->items[i].key, *key)) return v.dict->items[i].value;
    return otherwise ? *otherwise : v_none();
}

static value m_copy(run *r, value v, const call_args *a) {
    (void)a;
    value out = v_dict(r);
    for (size_t i = 0; i < v.dict->n && !r->failed; i++) dict_set(r, out.dict, v.dict->items[i].key, v.dict->items[i].value);
    return out;
}

static const struct { const char *name; method_fn fn; } dict_methods[] = { { "items", m_items }, { "keys", m_keys }, { "values", m_values }, { "get", m_get }, { "copy", m_copy } };

static value forbidden(run *r, value v, const call_args *a) { return (void)a, v_fail(r, "%s cannot be changed by a template", v_kind_name(v)); }

static value m_list_index(run *r, value v, const call_args *a) {
    const value *x = arg(a, 0, NULL);
    for (size_t i = 0; x && i < v.list->n; i++)
        if (v_equal(v.list->items[i], *x)) return v_int((int64_t)i);
    return v_fail(r, "the value is not in the list");
}

static value m_list_count(run *r, value v, const call_args *a) {
    const value *x = arg(a, 0, NULL);
    int64_t n = 0;
    (void)r;
    for (size_t i = 0; x && i < v.list->n; i++) n += v_equal(v.list->items[i], *x);
    return v_int(n);
}

static const struct { const char *name; method_fn fn; } list_methods[] = {
    { "index", m_list_index }, { "count", m_list_count }, { "append", forbidden }, { "pop", forbidden }, { "insert", forbidden }, { "extend", forbidden }, { "remove", forbidden },
    { "reverse", forbidden }, { "sort", forbidden }, { "clear", forbidden },
};

static method_fn method_named(value v, const char *name) {
    if (v.kind == V_STRING)
        for (size_t i = 0; i < sizeof string_methods / sizeof *string_methods; i++)
            if (strcmp(string_methods[i].name, name) == 0) return string_methods[i].fn;
    if (v.kind == V_DICT)
        for (size_t i = 0; i < sizeof dict_methods / sizeof *dict_methods; i++)
            if (strcmp(dict_methods[i].name, name) == 0) return dict_methods[i].fn;
    if (v.kind == V_DICT && (strcmp(name, "update") == 0 || strcmp(name, "pop") == 0 || strcmp(name, "clear") == 0 || strcmp(name, "setdefault") == 0)) return forbidden;
    if (v.kind == V_LIST)
        for (size_t i = 0; i < sizeof list_methods / sizeof *list_methods; i++)
            if (strcmp(list_methods[i].name, name) == 0) return list_methods[i].fn;
    return NULL;
}

bool has_method(value v, const char *name) { return method_named(v, name) != NULL; }

static value loop_method(run *r, const method *m, const call_args *a) {
    loop *l = m->self.loop;
    if (strcmp(m->name, "cycle") == 0) return a->n ? a->values[l->at % a->n] : v_fail(r, "cycle needs values");
    value now = v_list(r, true);
    for (size_t i = 0; i < a->n && !r->failed; i++) list_put(r, now.list, a->values[i]);
    bool changed = l->changed.kind == V_UNDEFINED || !v_equal(l->changed, now);
    l->changed = now;
    return v_bool(changed);
}

value call_method(run *r, const method *m, const call_args *a) {
    if (m->self.kind == V_LOOP) return loop_method(r, m, a);
    return method_named(m->self, m->name)(r, m->self, a);
}

/* ---- functions ---- */

static value g_range(run *r, const call_args *a) {
    int64_t from = 0, to = 0, by = 1;
    for (size_t i = 0; i < a->n; i++)
        if (a->values[i].kind != V_INT) return v_fail(r, "range needs integers");
    if (a->n == 1) to = a->values[0].i;
    if (a->n >= 2) from = a->values[0].i, to = a->values[1].i;
    if (a->n == 3) by = a->values[2].i;
    if (a->n < 1 || a->n > 3 || by == 0) return v_fail(r, "range needs one to three integers, and a step that is not zero");
    value out = v_list(r, false);
    __int128 count = by > 0 ? ((__int128)to - from + by - 1) / by : ((__int128)from - to - by - 1) / -by;
    if (count > 100000) return v_fail(r, "a range is too long");
    for (__int128 i = 0; i < count && !r->failed; i++) list_put(r, out.list, v_int(from + (int64_t)i * by));
    return out;
}

static value g_namespace(run *r, const call_args *a) {
    value out = v_dict(r);
    for (size_t i = 0; i < a->n && !r->failed; i++) {
        if (a->names[i]) dict_set(r, out.dict, v_string(r, a->names[i], strlen(a->names[i]), false), a->values[i]);
        else if (a->values[i].kind == V_DICT)
            for (size_t k = 0; k < a->values[i].dict->n; k++) dict_set(r, out.dict, a->values[i].dict->items[k].key, a->values[i].dict->items[k].value);
    }
    return out;
}

static value g_raise(run *r, const call_args *a) {
    const value *m = arg(a, 0, "message");
    if (m && m->kind == V_STRING) return v_fail(r, "%.200s", m->str->s);
    return v_fail(r, "the template raises an exception");
}

static value g_strftime(run *r, const call_args *a) {
    const value *f = arg(a, 0, "format");
    char out[512];
    struct tm tm;
    time_t now = r->now ? r->now : time(NULL);
    if (!f || f->kind != V_STRING || f->str->n > 200) return v_fail(r, "strftime_now needs a format");
    localtime_r(&now, &tm);
    size_t n = strftime(out, sizeof out, f->str->s, &tm);
    return v_string(r, out, n, false);
}

static const char *const functions[] = { "range", "namespace", "dict", "raise_exception", "strftime_now" };

bool is_function(const char *name) {
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++)
        if (strcmp(functions[i], name) == 0) return true;
    return false;
}

value call_function(run *r, const char *name, const call_args *a) {
    if (strcmp(name, "range") == 0) return g_range(r, a);
    if (strcmp(name, "raise_exception") == 0) return g_raise(r, a);
    if (strcmp(name, "strftime_now") == 0) return g_strftime(r, a);
    value out = g_namespace(r, a);
    if (strcmp(name, "namespace") == 0) out.kind = V_NAMESPACE;
    return out;
}
