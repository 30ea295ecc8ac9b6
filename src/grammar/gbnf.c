#include "grammar/gbnf.h"
#include "base/buf.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/utf8.h"
#include <string.h>

enum { MAX_DEPTH = 100, MAX_REPEAT = 100000, MAX_NAME = 128 };

typedef struct parser {
    const char *at, *begin, *end;
    syntax *s;
    effort *w;
    map *names;      /* rule name -> rule */
    int depth;
} parser;

static bool wrong(parser *p, const char *what, const char *expected) {
    if (p->w->failed) return false;
    size_t line = 1;
    const char *start = p->begin;
    for (const char *c = p->begin; c < p->at; c++)
        if (*c == '\n') line++, start = c + 1;
    err_set(p->w->e, ERR_FORMAT, "the grammar is not valid GBNF: %s", what);
    err_where(p->w->e, "line %zu, column %zu", line, (size_t)(p->at - start) + 1);
    if (expected) err_expected(p->w->e, "%s", expected);
    if (p->at < p->end) err_got(p->w->e, "'%.*s'", (int)(p->end - p->at < 20 ? p->end - p->at : 20), p->at);
    else err_got(p->w->e, "the end of the grammar");
    return effort_refuse(p->w);
}

static bool is(const parser *p, char c) { return p->at < p->end && *p->at == c; }

static void spaces(parser *p, bool lines) {
    while (p->at < p->end) {
        if (*p->at == '#')
            while (p->at < p->end && *p->at != '\n' && *p->at != '\r') p->at++;
        else if (*p->at == ' ' || *p->at == '\t' || (lines && (*p->at == '\n' || *p->at == '\r'))) p->at++;
        else break;
    }
}

static bool is_name_char(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_'; }

static size_t name_length(const parser *p) {
    size_t n = 0;
    while (p->at + n < p->end && is_name_char(p->at[n])) n++;
    return n;
}

static bool rule_named(parser *p, uint32_t *rule) {
    size_t n = name_length(p);
    int64_t id;
    if (!n) return wrong(p, "a rule's name is missing", "a name of letters, digits and -");
    if (n > MAX_NAME) return wrong(p, "a rule's name is too long", "at most 128 characters");
    if (!map_get(p->names, p->at, n, &id)) {
        char *name = effort_new(p->w, n + 1, 1);
        if (!name) return false;
        memcpy(name, p->at, n);
        map_put(p->names, name, n, id = syntax_rule(p->s, name));
    }
    p->at += n;
    *rule = (uint32_t)id;
    return true;
}

/* ---- characters ---- */

static int hex_value(char c) { return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1; }

static bool hex_escape(parser *p, int digits, uint32_t *cp) {
    *cp = 0;
    p->at++;
    for (int i = 0; i < digits; i++, p->at++) {
        int h = p->at < p->end ? hex_value(*p->at) : -1;
        if (h < 0) return wrong(p, "an escape has too few hexadecimal digits", digits == 2 ? "\\xXX" : digits == 4 ? "\\uXXXX" : "\\UXXXXXXXX");
        *cp = *cp << 4 | (uint32_t)h;
    }
    if (*cp > LANG_LAST || (*cp >= 0xd800 && *cp <= 0xdfff)) return wrong(p, "an escape is no code point", "at most U+10FFFF, and no surrogate");
    return true;
}

static bool escape(parser *p, uint32_t *cp) {
    static const char letters[] = "ntr\\\"[]", values[] = "\n\t\r\\\"[]";
    p->at++;
    if (is(p, 'x')) return hex_escape(p, 2, cp);
    if (is(p, 'u')) return hex_escape(p, 4, cp);
    if (is(p, 'U')) return hex_escape(p, 8, cp);
    const char *l = p->at < p->end && *p->at ? strchr(letters, *p->at) : NULL;
    if (!l) return wrong(p, "there is no such escape", "one of \\n \\r \\t \\\\ \\\" \\[ \\] \\xXX \\uXXXX \\UXXXXXXXX");
    *cp = (unsigned char)values[l - letters];
    p->at++;
    return true;
}

static bool character(parser *p, uint32_t *cp) {
    if (is(p, '\\')) return escape(p, cp);
    size_t n = utf8_decode(p->at, (size_t)(p->end - p->at), cp);
    if (!n) return wrong(p, "it is not valid UTF-8", NULL);
    p->at += n;
    return true;
}

static const syn *literal(parser *p) {
    buf text = { 0 };
    const syn *s = NULL;
    char bytes[4];
    uint32_t cp;
    p->at++;
    while (p->at < p->end && *p->at != '"') {
        if (!character(p, &cp)) goto done;
        buf_put(&text, bytes, utf8_encode(cp, bytes));
    }
    if (!is(p, '"')) wrong(p, "a literal does not end", "\"");
    else p->at++, s = syn_literal(p->w, buf_str(&text), text.len);
done:
    buf_free(&text);
    return s;
}

static int by_lo(const void *a, const void *b) {
    const syn_range *x = a, *y = b;
    return (x->lo > y->lo) - (x->lo < y->lo);
}

/* What is in none of the ranges; out has room for n + 1. */
static size_t negate(syn_range *r, size_t n, syn_range *out) {
    size_t m = 0;
    uint32_t from = 0;
    if (n) qsort(r, n, sizeof *r, by_lo);
    for (size_t i = 0; i < n; i++) {
        if (r[i].lo > from) out[m++] = (syn_range){ from, r[i].lo - 1 };
        if (r[i].hi + 1 > from) from = r[i].hi + 1;
    }
    if (from <= LANG_LAST) out[m++] = (syn_range){ from, LANG_LAST };
    return m;
}

static bool class_range(parser *p, syn_range *r) {
    if (!character(p, &r->lo)) return false;
    r->hi = r->lo;
    if (!is(p, '-') || p->at + 1 >= p->end || p->at[1] == ']') return true;
    p->at++;
    if (!character(p, &r->hi)) return false;
    return r->hi >= r->lo || wrong(p, "a range of characters runs backwards", "the lower character first");
}

static const syn *class(parser *p) {
    syn_range *ranges = NULL, *others;
    size_t n = 0, cap = 0;
    const syn *s = NULL;
    p->at++;
    bool negated = is(p, '^');
    p->at += negated;
    while (p->at < p->end && *p->at != ']') {
        if (n == cap) ranges = mem_must_grow(ranges, cap = cap ? 2 * cap : 16, sizeof *ranges);
        if (!class_range(p, &ranges[n++])) goto done;
    }
    if (!is(p, ']')) {
        wrong(p, "a class of characters does not end", "]");
        goto done;
    }
    p->at++;
    others = mem_must(n + 1, sizeof *others);
    if (negated) s = syn_chars(p->w, others, negate(ranges, n, others));
    else s = n ? syn_chars(p->w, ranges, n) : syn_never(p->w);
    free(others);
done:
    free(ranges);
    return s;
}

/* ---- expressions ---- */

static const syn *alternatives(parser *p, bool within);

static const syn *group(parser *p) {
    if (p->depth == MAX_DEPTH) return wrong(p, "parentheses are nested too deeply", "at most 100 levels"), NULL;
    p->depth++;
    p->at++;
    spaces(p, true);
    const syn *s = alternatives(p, true);
    p->depth--;
    if (!s) return NULL;
    if (!is(p, ')')) return wrong(p, "a group does not end", ")"), NULL;
    p->at++;
    return s;
}

static const syn *any_character(parser *p) {
    static const syn_range any = { 0, LANG_LAST };
    p->at++;
    return syn_chars(p->w, &any, 1);
}

static const syn *reference(parser *p) {
    uint32_t rule;
    return rule_named(p, &rule) ? syn_ref(p->w, rule) : NULL;
}

static bool count(parser *p, uint32_t *n) {
    *n = 0;
    if (p->at == p->end || *p->at < '0' || *p->at > '9') return wrong(p, "a repetition's count is missing", "{m}, {m,} or {m,n}");
    for (; p->at < p->end && *p->at >= '0' && *p->at <= '9'; p->at++) {
        *n = *n * 10 + (uint32_t)(*p->at - '0');
        if (*n > MAX_REPEAT) return wrong(p, "a repetition's count is too large", "at most 100000");
    }
    spaces(p, true);
    return true;
}

static bool counts(parser *p, uint32_t *min, uint32_t *max) {
    p->at++;
    spaces(p, true);
    if (!count(p, min)) return false;
    *max = *min;
    if (is(p, ',')) {
        p->at++;
        spaces(p, true);
        *max = SYN_FOREVER;
        if (!is(p, '}') && !count(p, max)) return false;
    }
    if (!is(p, '}')) return wrong(p, "a repetition does not end", "}");
    p->at++;
    return *max >= *min || wrong(p, "a repetition's counts run backwards", "the lower count first");
}

static const syn *repeated(parser *p, const syn *s, bool within) {
    int marks = 0;
    while (s) {
        uint32_t min, max = SYN_FOREVER;
        spaces(p, within);
        if (is(p, '*')) min = 0, p->at++;
        else if (is(p, '+')) min = 1, p->at++;
        else if (is(p, '?')) min = 0, max = 1, p->at++;
        else if (!is(p, '{')) break;
        else if (!counts(p, &min, &max)) return NULL;
        if (++marks > MAX_DEPTH) return wrong(p, "too many repetitions of one thing", "at most 100"), NULL;
        s = syn_repeat(p->w, s, min, max);
    }
    return s;
}

static const syn *sequence(parser *p, bool within) {
    syn_kids kids = { 0 };
    while (p->at < p->end) {
        const syn *s;
        if (*p->at == '"') s = literal(p);
        else if (*p->at == '[') s = class(p);
        else if (*p->at == '(') s = group(p);
        else if (*p->at == '.') s = any_character(p);
        else if (is_name_char(*p->at)) s = reference(p);
        else if (*p->at == '<' || *p->at == '!') s = (wrong(p, "tokens by name or number are not supported", "text: literals, classes, rules"), NULL);
        else break;
        if (!s || !(s = repeated(p, s, within))) {
            free(kids.items);
            return NULL;
        }
        syn_kids_put(&kids, s);
    }
    return syn_kids_take(p->w, &kids, SYN_SEQ);
}

static const syn *alternatives(parser *p, bool within) {
    syn_kids kids = { 0 };
    const syn *s = sequence(p, within);
    while (s) {
        syn_kids_put(&kids, s);
        if (!is(p, '|')) break;
        p->at++;
        spaces(p, true);
        s = sequence(p, within);
    }
    if (s) return syn_kids_take(p->w, &kids, SYN_ALT);
    free(kids.items);
    return NULL;
}

static bool rule(parser *p) {
    uint32_t id;
    const char *began = p->at;
    if (!rule_named(p, &id)) return false;
    spaces(p, false);
    if (p->end - p->at < 3 || memcmp(p->at, "::=", 3) != 0) return wrong(p, "a rule's definition is missing", "::=");
    if (p->s->rules[id].body) return p->at = began, wrong(p, "a rule is defined twice", "one definition");
    p->at += 3;
    spaces(p, true);
    const syn *body = alternatives(p, false);
    if (!body) return false;
    p->s->rules[id].body = body;
    if (p->at < p->end && *p->at != '\n' && *p->at != '\r') return wrong(p, "a rule does not end with its line", "a literal, a class, a rule's name, a group, | or a new line");
    spaces(p, true);
    return true;
}

static bool undefined(parser *p, const char *name) {
    if (p->w->failed) return false;
    err_set(p->w->e, ERR_FORMAT, "the grammar does not define the rule '%s'", name);
    err_hint(p->w->e, "add a line: %s ::= ...", name);
    return effort_refuse(p->w);
}

bool gbnf_parse(const char *text, size_t n, syntax *s) {
    parser p = { .at = text, .begin = text, .end = text + n, .s = s, .w = s->w, .names = map_new(32) };
    int64_t root = -1;
    spaces(&p, true);
    while (p.at < p.end && rule(&p)) continue;
    for (size_t i = 0; i < s->n && !s->w->failed; i++)
        if (!s->rules[i].body) undefined(&p, s->rules[i].name);
    if (!s->w->failed && !map_get(p.names, "root", 4, &root)) undefined(&p, "root");
    s->root = (uint32_t)root;
    map_free(p.names);
    return !s->w->failed;
}
