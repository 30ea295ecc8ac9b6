#include "text/pretok.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "text/unicode.h"
#include <string.h>

void pieces_put(pieces *p, size_t from, size_t to) {
    if (from == to) return;
    if (p->n == p->cap) {
        p->cap = p->cap ? 2 * p->cap : 64;
        p->items = mem_must_grow(p->items, p->cap, sizeof *p->items);
    }
    p->items[p->n++] = (piece){ from, to };
}

void pieces_free(pieces *p) {
    buf_free(&p->text);
    free(p->items);
    *p = (pieces){ 0 };
}

/* Matches of one piece, as alternating stretches; then put together as the behaviour says. */
typedef struct stretch {
    size_t from, to;
    bool match;
} stretch;

typedef struct splitter {
    const pretok_step *s;
    regex_run *run;
    stretch *items;
    size_t n, cap;
} splitter;

static void put_stretch(splitter *x, size_t from, size_t to, bool match) {
    if (from == to) return;
    if (x->n == x->cap) {
        x->cap = x->cap ? 2 * x->cap : 256;
        x->items = mem_must_grow(x->items, x->cap, sizeof *x->items);
    }
    x->items[x->n++] = (stretch){ from, to, match != x->s->invert };
}

static bool regex_stretches(splitter *x, const char *text, size_t n, err *e) {
    size_t done = 0, at = 0, from, to;
    int found = 1;
    while (at <= n && (found = regex_next(x->s->re, x->run, text, n, at, &from, &to, e)) == 1) {
        uint32_t cp;
        if (to == from) { /* an empty match splits there without taking anything */
            put_stretch(x, done, from, false);
            done = from;
            size_t len = from < n ? utf8_decode(text + from, n - from, &cp) : 0;
            if (!len) break;
            at = from + len;
            continue;
        }
        put_stretch(x, done, from, false);
        put_stretch(x, from, to, true);
        done = at = to;
    }
    if (found >= 0) put_stretch(x, done, n, false);
    return found >= 0;
}

static bool literal_stretches(splitter *x, const char *text, size_t n) {
    size_t done = 0;
    const char *hit;
    while (x->s->n_literal && (hit = memmem(text + done, n - done, x->s->literal, x->s->n_literal))) {
        size_t from = (size_t)(hit - text);
        put_stretch(x, done, from, false);
        put_stretch(x, from, from + x->s->n_literal, true);
        done = from + x->s->n_literal;
    }
    put_stretch(x, done, n, false);
    return true;
}

typedef bool (*cp_class)(uint32_t cp);

/* Single code points of a class are matches; the rest between them is not. */
static bool class_stretches(splitter *x, const char *text, size_t n, cp_class is) {
    size_t done = 0;
    uint32_t cp;
    for (size_t i = 0, len; i < n; i += len) {
        len = utf8_decode(text + i, n - i, &cp);
        if (!is(cp)) continue;
        put_stretch(x, done, i, false);
        put_stretch(x, i, i + len, true);
        done = i + len;
    }
    put_stretch(x, done, n, false);
    return true;
}

static void join(const splitter *x, split_behavior how, size_t base, pieces *out) {
    const stretch *s = x->items;
    for (size_t i = 0; i < x->n; i++) {
        size_t from = s[i].from, to = s[i].to;
        if (how == SPLIT_REMOVED && s[i].match) continue;
        if (how == SPLIT_CONTIGUOUS)
            while (i + 1 < x->n && s[i + 1].match == s[i].match) to = s[++i].to;
        if (how == SPLIT_MERGED_WITH_PREVIOUS && !s[i].match && i + 1 < x->n && s[i + 1].match) to = s[++i].to;
        if (how == SPLIT_MERGED_WITH_NEXT && s[i].match && i + 1 < x->n && !s[i + 1].match) to = s[++i].to;
        pieces_put(out, base + from, base + to);
    }
}

/* \w+ | [^\w\s]+ */
static void whitespace_pieces(const char *text, size_t n, size_t base, pieces *out) {
    uint32_t cp;
    int before = -1;
    size_t start = 0;
    for (size_t i = 0, len; i <= n; i += len) {
        len = i < n ? utf8_decode(text + i, n - i, &cp) : 1;
        int now = i == n || unicode_is_space(cp) ? 0 : unicode_is_word(cp) ? 1 : 2;
        if (now != before) {
            if (before > 0) pieces_put(out, base + start, base + i);
            start = i;
            before = now;
        }
    }
}

static bool split_piece(splitter *x, const char *text, size_t n, size_t base, pieces *out, err *e) {
    const pretok_step *s = x->s;
    bool ok = true;
    x->n = 0;
    switch (s->kind) {
    case PRETOK_REGEX: ok = regex_stretches(x, text, n, e); break;
    case PRETOK_BYTE_LEVEL: ok = regex_stretches(x, text, n, e); break;
    case PRETOK_LITERAL: literal_stretches(x, text, n); break;
    case PRETOK_METASPACE: literal_stretches(x, text, n); break;
    case PRETOK_PUNCTUATION: class_stretches(x, text, n, unicode_is_punctuation); break;
    case PRETOK_DIGITS: class_stretches(x, text, n, unicode_is_number); break;
    case PRETOK_WHITESPACE_SPLIT: class_stretches(x, text, n, unicode_is_space); break;
    case PRETOK_WHITESPACE: whitespace_pieces(text, n, base, out); return true;
    case PRETOK_BERT: break;
    }
    if (ok) join(x, s->behavior, base, out);
    return ok;
}

/* White space goes, punctuation stands alone. */
static void bert_pieces(const char *text, size_t n, size_t base, pieces *out) {
    uint32_t cp;
    size_t start = 0;
    for (size_t i = 0, len; i < n; i += len) {
        len = utf8_decode(text + i, n - i, &cp);
        bool space = unicode_is_space(cp), punctuation = unicode_is_punctuation(cp);
        if (!space && !punctuation) continue;
        pieces_put(out, base + start, base + i);
        if (punctuation) pieces_put(out, base + i, base + i + len);
        start = i + len;
    }
    pieces_put(out, base + start, base + n);
}

/* Steps that rewrite a piece first: a space or U+2581 in front, spaces replaced. */
static void rewrite(const pretok_step *s, const char *text, size_t n, bool first, buf *out) {
    if (s->kind == PRETOK_BYTE_LEVEL) {
        if (s->add_prefix_space && n && text[0] != ' ') buf_putc(out, ' ');
        buf_put(out, text, n);
        return;
    }
    bool wanted = s->prepend == PREPEND_ALWAYS || (s->prepend == PREPEND_FIRST && first);
    bool there = (n && text[0] == ' ') || (n >= s->n_literal && memcmp(text, s->literal, s->n_literal) == 0);
    if (wanted && !there) buf_put(out, s->literal, s->n_literal);
    for (size_t i = 0; i < n; i++) {
        if (text[i] == ' ') buf_put(out, s->literal, s->n_literal);
        else buf_putc(out, text[i]);
    }
}

/* A piece's bytes as letters, split, and the cuts carried back to the bytes (which may lie within a code point). */
static bool split_letters(splitter *x, const char *text, size_t n, size_t base, pieces *out, err *e) {
    buf letters = { 0 };
    pieces cut = { 0 };
    size_t byte = 0, at = 0;
    char c[4];
    for (size_t i = 0; i < n; i++) buf_put(&letters, c, utf8_encode(unicode_byte_letter((unsigned char)text[i]), c));
    bool ok = split_piece(x, buf_str(&letters), letters.len, 0, &cut, e);
    for (size_t i = 0; i < cut.n && ok; i++) {
        while (at < cut.items[i].from) at += unicode_byte_letter((unsigned char)text[byte++]) < 0x80 ? 1 : 2;
        size_t from = byte;
        while (at < cut.items[i].to) at += unicode_byte_letter((unsigned char)text[byte++]) < 0x80 ? 1 : 2;
        pieces_put(out, base + from, base + byte);
    }
    pieces_free(&cut);
    buf_free(&letters);
    return ok;
}

static bool one_step(const pretok_step *s, const pieces *in, bool first, pieces *out, err *e) {
    bool rewrites = s->kind == PRETOK_METASPACE || (s->kind == PRETOK_BYTE_LEVEL && s->add_prefix_space), ok = true;
    splitter x = { .s = s, .run = s->re ? regex_run_new(s->re) : NULL };
    if (!rewrites) buf_put(&out->text, buf_str(&in->text), in->text.len);
    for (size_t i = 0; i < in->n && ok; i++) {
        size_t base = rewrites ? out->text.len : in->items[i].from, n = in->items[i].to - in->items[i].from;
        if (rewrites) {
            rewrite(s, buf_str(&in->text) + in->items[i].from, n, first && i == 0, &out->text);
            n = out->text.len - base;
        }
        const char *text = buf_str(&out->text) + base;
        bool whole = (s->kind == PRETOK_BYTE_LEVEL && !s->re) || (s->kind == PRETOK_METASPACE && !s->split);
        if (whole) pieces_put(out, base, base + n);
        else if (s->kind == PRETOK_BERT) bert_pieces(text, n, base, out);
        else if (s->on_letters) ok = split_letters(&x, text, n, base, out, e);
        else ok = split_piece(&x, text, n, base, out, e);
    }
    regex_run_free(x.run);
    free(x.items);
    return ok;
}

bool pretokenize(const pretok *p, const char *text, size_t n, bool first, pieces *out, err *e) {
    buf_clear(&out->text);
    out->n = 0;
    buf_put(&out->text, text, n);
    pieces_put(out, 0, n);
    bool ok = true;
    for (size_t i = 0; i < p->n && ok; i++) {
        pieces next = { 0 };
        ok = one_step(&p->steps[i], out, first, &next, e);
        pieces_free(out);
        *out = next;
    }
    return ok;
}

void pretok_free(pretok *p) {
    for (size_t i = 0; i < p->n; i++) regex_free(p->steps[i].re);
}
