#include "grammar/ecma_class.h"
#include "base/mem.h"
#include "base/utf8.h"
#include <string.h>
#include <utf8proc.h>

void code_set_free(code_set *s) {
    free(s->r);
    *s = (code_set){ 0 };
}

static void put(code_set *s, uint32_t lo, uint32_t hi) {
    if (s->n == s->cap) s->r = mem_must_grow(s->r, s->cap = s->cap ? 2 * s->cap : 16, sizeof *s->r);
    s->r[s->n++] = (syn_range){ lo, hi };
}

static int by_lo(const void *a, const void *b) {
    const syn_range *x = a, *y = b;
    return (x->lo > y->lo) - (x->lo < y->lo);
}

/* In order, apart, without surrogates. */
static void tidy(code_set *s) {
    size_t n = 0;
    if (s->n) qsort(s->r, s->n, sizeof *s->r, by_lo);
    for (size_t i = 0; i < s->n; i++) {
        if (n && s->r[i].lo <= s->r[n - 1].hi + 1) {
            if (s->r[i].hi > s->r[n - 1].hi) s->r[n - 1].hi = s->r[i].hi;
        } else s->r[n++] = s->r[i];
    }
    s->n = n;
}

static void negate(code_set *s) {
    code_set out = { 0 };
    uint32_t from = 0;
    tidy(s);
    for (size_t i = 0; i < s->n; i++) {
        if (s->r[i].lo > from) put(&out, from, s->r[i].lo - 1);
        from = s->r[i].hi + 1;
    }
    if (from <= LANG_LAST) put(&out, from, LANG_LAST);
    code_set_free(s);
    *s = out;
}

static void put_named(code_set *s, char letter) {
    static const syn_range digits[] = { { '0', '9' } }, word[] = { { '0', '9' }, { 'A', 'Z' }, { '_', '_' }, { 'a', 'z' } },
                           space[] = { { 9, 13 }, { 32, 32 }, { 0xa0, 0xa0 }, { 0x1680, 0x1680 }, { 0x2000, 0x200a }, { 0x2028, 0x2029 }, { 0x202f, 0x202f }, { 0x205f, 0x205f }, { 0x3000, 0x3000 }, { 0xfeff, 0xfeff } };
    code_set own = { 0 };
    const syn_range *r = letter == 'd' || letter == 'D' ? digits : letter == 'w' || letter == 'W' ? word : space;
    size_t n = r == digits ? 1 : r == word ? 4 : sizeof space / sizeof *space;
    for (size_t i = 0; i < n; i++) put(&own, r[i].lo, r[i].hi);
    if (letter < 'a') negate(&own);
    for (size_t i = 0; i < own.n; i++) put(s, own.r[i].lo, own.r[i].hi);
    code_set_free(&own);
}

/* \p{Name}: a general category by its short or its long name. */
static const char *property(code_set *s, const char **at, const char *end, bool not) {
    static const struct { const char *name, *code; } names[] = {
        { "Letter", "L" }, { "Lowercase_Letter", "Ll" }, { "Uppercase_Letter", "Lu" }, { "Titlecase_Letter", "Lt" }, { "Modifier_Letter", "Lm" }, { "Other_Letter", "Lo" },
        { "Mark", "M" }, { "Number", "N" }, { "Decimal_Number", "Nd" }, { "digit", "Nd" }, { "Letter_Number", "Nl" }, { "Other_Number", "No" },
        { "Punctuation", "P" }, { "Symbol", "S" }, { "Separator", "Z" }, { "Other", "C" }, { "Control", "Cc" } };
    const char *close = *at < end && **at == '{' ? memchr(*at, '}', (size_t)(end - *at)) : NULL;
    char name[40] = "";
    code_set own = { 0 };
    if (!close || close - *at > 38) return "names a property in a way that is not understood";
    const char *from = *at + 1;
    if (close - from > 17 && memcmp(from, "General_Category=", 17) == 0) from += 17;
    memcpy(name, from, (size_t)(close - from));
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(name, names[i].name) == 0) strcpy(name, names[i].code);
    size_t n = strlen(name);
    if (n < 1 || n > 2 || !strchr("LMNPSZC", name[0])) return "names a property that is not supported (general categories are)";
    for (uint32_t cp = 0; cp <= LANG_LAST; cp++) {
        const char *c = utf8proc_category_string((utf8proc_int32_t)cp);
        if (memcmp(c, name, n) != 0) continue;
        if (own.n && own.r[own.n - 1].hi + 1 == cp) own.r[own.n - 1].hi = cp;
        else put(&own, cp, cp);
    }
    if (!own.n) return code_set_free(&own), "names a property that is not supported (general categories are)";
    if (not) negate(&own);
    for (size_t i = 0; i < own.n; i++) put(s, own.r[i].lo, own.r[i].hi);
    code_set_free(&own);
    *at = close + 1;
    return NULL;
}

static const char *hex(const char **at, const char *end, int digits, uint32_t *cp) {
    static const char letters[] = "0123456789abcdef0123456789ABCDEF";
    bool braces = digits == 4 && *at < end && **at == '{';
    int n = 0;
    if (braces) ++*at;
    for (*cp = 0; *at < end && n < (braces ? 6 : digits); ++*at, n++) {
        const char *l = **at ? strchr(letters, **at) : NULL;
        if (!l) break;
        *cp = *cp << 4 | (uint32_t)((l - letters) % 16);
    }
    if (braces ? n == 0 || *at == end || *(*at)++ != '}' : n < digits) return "has an escape with too few hexadecimal digits";
    return *cp > LANG_LAST ? "has an escape beyond U+10FFFF" : NULL;
}

/* The pair of escapes that UTF-16 needs is one character. */
static const char *unicode(const char **at, const char *end, uint32_t *cp) {
    const char *why = hex(at, end, 4, cp), *next = *at + 2;
    uint32_t low;
    if (why || *cp < 0xd800 || *cp > 0xdbff || end - *at < 6 || memcmp(*at, "\\u", 2) != 0) return why;
    if (hex(&next, end, 4, &low) || low < 0xdc00 || low > 0xdfff) return NULL;
    *cp = 0x10000 + ((*cp - 0xd800) << 10) + (low - 0xdc00);
    *at = next;
    return NULL;
}

/* What follows a backslash: one character in *cp, or a set put into s (*cp UINT32_MAX). */
static const char *escape(code_set *s, const char **at, const char *end, bool in_class, uint32_t *cp) {
    static const char letters[] = "tnvfr", values[] = "\t\n\v\f\r";
    if (*at == end) return "ends with a backslash";
    char c = *(*at)++;
    const char *l = c ? strchr(letters, c) : NULL;
    *cp = UINT32_MAX;
    if (c && strchr("dDwWsS", c)) return put_named(s, c), NULL;
    if (c == 'p' || c == 'P') return property(s, at, end, c == 'P');
    if (l) *cp = (unsigned char)values[l - letters];
    else if (c == 'x') return hex(at, end, 2, cp);
    else if (c == 'u') return unicode(at, end, cp);
    else if (c == 'c' && *at < end) *cp = (unsigned char)*(*at)++ & 31;
    else if (c == '0') *cp = 0;
    else if (c == 'b' && in_class) *cp = 8;
    else if (c == 'b' || c == 'B') return "asks for the boundary of a word, which cannot constrain text";
    else if ((c >= '1' && c <= '9') || c == 'k') return "refers back to a group, which cannot constrain text";
    else if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) return "has an escape that does not exist";
    else {
        --*at;
        size_t n = utf8_decode(*at, (size_t)(end - *at), cp);
        *at += n;
        if (!n) return "is not UTF-8";
    }
    return NULL;
}

static const char *one(code_set *s, const char **at, const char *end, bool in_class, uint32_t *cp) {
    if (**at == '\\') return ++*at, escape(s, at, end, in_class, cp);
    size_t n = utf8_decode(*at, (size_t)(end - *at), cp);
    *at += n;
    return n ? NULL : "is not UTF-8";
}

static const char *brackets(code_set *s, const char **at, const char *end) {
    bool not = *at < end && **at == '^';
    const char *why;
    *at += not;
    while (*at < end && **at != ']') {
        uint32_t lo, hi;
        if ((why = one(s, at, end, true, &lo))) return why;
        if (lo == UINT32_MAX) continue;
        hi = lo;
        if (end - *at > 1 && **at == '-' && (*at)[1] != ']') {
            ++*at;
            if ((why = one(s, at, end, true, &hi))) return why;
            if (hi == UINT32_MAX) put(s, '-', '-'), hi = lo;
            else if (hi < lo) return "has a class whose range runs backwards";
        }
        put(s, lo, hi);
    }
    if (*at == end) return "has a class that does not end";
    ++*at;
    if (not) negate(s);
    return NULL;
}

const char *code_set_parse(code_set *s, const char **at, const char *end) {
    uint32_t cp;
    const char *why = NULL;
    if (**at == '[') ++*at, why = brackets(s, at, end);
    else if (**at == '.') {
        ++*at;
        put(s, '\n', '\n'), put(s, '\r', '\r'), put(s, 0x2028, 0x2029);
        negate(s);
    } else {
        why = one(s, at, end, false, &cp);
        if (!why && cp != UINT32_MAX) put(s, cp, cp);
    }
    tidy(s);
    return why;
}
