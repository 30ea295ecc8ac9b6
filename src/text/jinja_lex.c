/* Text and tags of a template. White space control as transformers sets it: trim_blocks, lstrip_blocks, and no newline kept
 * at the end. */
#include "text/jinja.h"
#include "base/mem.h"
#include "base/utf8.h"
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct lexer {
    arena *mem;
    const char *s;
    size_t n, at;
    int line;
    bool line_start; /* what came before ended a line */
    jinja_token *out;
    size_t count, cap;
    err *e;
} lexer;

static bool fail(lexer *l, const char *what) { return err_set(l->e, ERR_FORMAT, "the chat template is malformed: %s", what) || err_where(l->e, "line %d", l->line); }

static void put(lexer *l, jinja_token t) {
    if (l->count == l->cap) {
        l->cap = l->cap ? 2 * l->cap : 256;
        l->out = mem_must_grow(l->out, l->cap, sizeof *l->out);
    }
    t.line = l->line;
    l->out[l->count++] = t;
}

static void pass(lexer *l, size_t n) {
    for (size_t i = 0; i < n; i++) l->line += l->s[l->at + i] == '\n';
    l->at += n;
}

static bool at(const lexer *l, const char *s) { return l->n - l->at >= strlen(s) && memcmp(l->s + l->at, s, strlen(s)) == 0; }

/* Where text ends before a tag: '-' takes all white space, lstrip_blocks the blanks of the tag's own line. */
static size_t text_end(const lexer *l, size_t from, size_t to, char kind) {
    char mark = to + 2 < l->n ? l->s[to + 2] : 0;
    size_t end = to;
    if (mark == '-') {
        while (end > from && isspace((unsigned char)l->s[end - 1])) end--;
        return end;
    }
    if (mark == '+' || kind == '{') return to;
    while (end > from && l->s[end - 1] != '\n' && isspace((unsigned char)l->s[end - 1])) end--;
    bool begins_line = end > from ? l->s[end - 1] == '\n' : l->line_start;
    return begins_line ? end : to;
}

static void after_tag(lexer *l, bool minus, bool plus, bool block) {
    if (minus) while (l->at < l->n && isspace((unsigned char)l->s[l->at])) pass(l, 1);
    else if (block && !plus && l->at < l->n && l->s[l->at] == '\n') {
        pass(l, 1);
        l->line_start = true;
        return;
    }
    l->line_start = l->at > 0 && l->s[l->at - 1] == '\n';
}

static bool lex_text(lexer *l) {
    size_t from = l->at, to = from;
    while (to < l->n && !(l->s[to] == '{' && to + 1 < l->n && l->s[to + 1] && strchr("{%#", l->s[to + 1]))) to++;
    size_t end = to < l->n ? text_end(l, from, to, l->s[to + 1]) : to;
    if (end > from) put(l, (jinja_token){ .kind = T_TEXT, .text = l->s + from, .n = end - from });
    if (to > from) l->line_start = l->s[to - 1] == '\n';
    pass(l, to - from);
    return true;
}

static bool lex_comment(lexer *l) {
    const char *end = memmem(l->s + l->at, l->n - l->at, "#}", 2);
    if (!end) return fail(l, "a comment does not end");
    bool minus = end[-1] == '-', plus = end[-1] == '+';
    pass(l, (size_t)(end - l->s) + 2 - l->at);
    after_tag(l, minus, plus, true);
    return true;
}

static bool lex_string(lexer *l) {
    char quote = l->s[l->at];
    size_t i = l->at + 1, n = 0;
    char *out = arena_must(l->mem, l->n - l->at + 1, 1);
    for (; i < l->n && l->s[i] != quote; i++) {
        if (l->s[i] != '\\' || i + 1 >= l->n) {
            out[n++] = l->s[i];
            continue;
        }
        static const char from[] = "nrtabfv\\'\"", to[] = "\n\r\t\a\b\f\v\\'\"";
        char c = l->s[++i];
        const char *p = strchr(from, c);
        int digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
        if (digits && i + (size_t)digits < l->n) {
            char hex[9] = { 0 };
            memcpy(hex, l->s + i + 1, (size_t)digits);
            n += utf8_encode((uint32_t)strtoul(hex, NULL, 16), out + n);
            i += (size_t)digits;
        } else if (p && c) out[n++] = to[p - from];
        else if (c != '\n') {
            out[n++] = '\\';
            out[n++] = c;
        }
    }
    if (i >= l->n) return fail(l, "a string does not end");
    put(l, (jinja_token){ .kind = T_STRING, .text = out, .n = n });
    pass(l, i + 1 - l->at);
    return true;
}

static bool lex_number(lexer *l) {
    size_t i = l->at;
    char digits[64];
    size_t n = 0;
    bool real = false;
    while (i < l->n && n < 60 && (isdigit((unsigned char)l->s[i]) || l->s[i] == '_' || (l->s[i] == '.' && !real && i + 1 < l->n && isdigit((unsigned char)l->s[i + 1])) ||
                                  ((l->s[i] == 'e' || l->s[i] == 'E') && i + 1 < l->n && (isdigit((unsigned char)l->s[i + 1]) || ((l->s[i + 1] == '-' || l->s[i + 1] == '+') && i + 2 < l->n && isdigit((unsigned char)l->s[i + 2])))))) {
        if (l->s[i] == '.' || l->s[i] == 'e' || l->s[i] == 'E') real = true;
        if (l->s[i] != '_') digits[n++] = l->s[i];
        if ((l->s[i] == 'e' || l->s[i] == 'E') && (l->s[i + 1] == '-' || l->s[i + 1] == '+')) digits[n++] = l->s[++i];
        i++;
    }
    digits[n] = 0;
    jinja_token t = { .kind = real ? T_FLOAT : T_INT, .text = l->s + l->at, .n = i - l->at, .f = strtod(digits, NULL) };
    t.i = strtoll(digits, NULL, 10);
    if (!real && n > 18) return fail(l, "an integer is too large");
    put(l, t);
    pass(l, i - l->at);
    return true;
}

static bool lex_operator(lexer *l) {
    static const char *const ops[] = { "**", "//", "==", "!=", "<=", ">=", "+", "-", "*", "/", "%", "~", "|", "(", ")", "[", "]", "{", "}", ",", ":", ".", "=", "<", ">", ";" };
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
        if (!at(l, ops[i])) continue;
        put(l, (jinja_token){ .kind = T_OP, .text = ops[i], .n = strlen(ops[i]) });
        pass(l, strlen(ops[i]));
        return true;
    }
    char what[48];
    unsigned char c = (unsigned char)l->s[l->at];
    snprintf(what, sizeof what, "unexpected character 0x%02x in a tag", c);
    return fail(l, what);
}

/* The inside of {{ ... }} or {% ... %}, up to its end. */
static bool lex_tag(lexer *l, bool block) {
    const char *end = block ? "%}" : "}}";
    int nesting = 0;
    put(l, (jinja_token){ .kind = block ? T_BLOCK_BEGIN : T_PRINT_BEGIN });
    pass(l, 2);
    if (l->at < l->n && (l->s[l->at] == '-' || l->s[l->at] == '+')) pass(l, 1);
    while (l->at < l->n) {
        char c = l->s[l->at], next = l->at + 1 < l->n ? l->s[l->at + 1] : 0;
        bool marked = (c == '-' || c == '+') && next == end[0] && l->at + 2 < l->n && l->s[l->at + 2] == end[1];
        if (!nesting && (at(l, end) || marked)) {
            pass(l, marked ? 3 : 2);
            put(l, (jinja_token){ .kind = block ? T_BLOCK_END : T_PRINT_END });
            after_tag(l, marked && c == '-', marked && c == '+', block);
            return true;
        }
        nesting += c && strchr("([{", c) ? 1 : strchr(")]}", c) && c && nesting ? -1 : 0;
        if (isspace((unsigned char)c)) pass(l, 1);
        else if (c == '"' || c == '\'') {
            if (!lex_string(l)) return false;
        } else if (isdigit((unsigned char)c)) {
            if (!lex_number(l)) return false;
        } else if (isalpha((unsigned char)c) || c == '_') {
            size_t i = l->at;
            while (i < l->n && (isalnum((unsigned char)l->s[i]) || l->s[i] == '_')) i++;
            put(l, (jinja_token){ .kind = T_NAME, .text = arena_must_copy(l->mem, l->s + l->at, i - l->at), .n = i - l->at });
            pass(l, i - l->at);
        } else if (!lex_operator(l)) return false;
    }
    return fail(l, "a tag does not end");
}

static bool is_raw(const lexer *l) {
    size_t i = l->at + 2;
    while (i < l->n && (l->s[i] == '-' || l->s[i] == '+' || isspace((unsigned char)l->s[i]))) i++;
    return l->n - i > 3 && memcmp(l->s + i, "raw", 3) == 0 && !isalnum((unsigned char)l->s[i + 3]) && l->s[i + 3] != '_';
}

bool jinja_lex(arena *mem, const char *source, size_t n, jinja_token **tokens, size_t *count, err *e) {
    lexer l = { .mem = mem, .n = 0, .line = 1, .line_start = true, .e = e };
    char *s = arena_try(mem, n + 1, 1);
    if (!s || n > JINJA_MAX_SOURCE) return err_set(e, ERR_LIMIT, "the chat template is too long") || err_expected(e, "at most %d bytes", JINJA_MAX_SOURCE);
    for (size_t i = 0; i < n; i++) /* newlines are \n, as Jinja makes them */
        if (source[i] != '\r') s[l.n++] = source[i];
        else if (i + 1 >= n || source[i + 1] != '\n') s[l.n++] = '\n';
    if (l.n && s[l.n - 1] == '\n') l.n--;
    l.s = s;
    bool ok = true;
    while (ok && l.at < l.n) {
        if (at(&l, "{#")) ok = lex_comment(&l);
        else if (at(&l, "{%") && is_raw(&l)) ok = err_set(e, ERR_UNSUPPORTED, "the chat template uses 'raw', which is not supported") || err_where(e, "line %d", l.line);
        else if (at(&l, "{%")) ok = lex_tag(&l, true);
        else if (at(&l, "{{")) ok = lex_tag(&l, false);
        else ok = lex_text(&l);
    }
    put(&l, (jinja_token){ .kind = T_END });
    *tokens = l.out;
    *count = l.count;
    if (!ok) {
        free(l.out);
        *tokens = NULL;
    }
    return ok;
}
