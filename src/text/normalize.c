#include "text/normalize.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "text/unicode.h"
#include <string.h>
#include <utf8proc.h>

static bool one_form(const char *text, size_t n, utf8proc_option_t options, buf *out, err *e) {
    size_t plain = 0;
    while (plain < n && (unsigned char)text[plain] < 0x80) plain++;
    if (plain == n) return buf_put(out, text, n);
    utf8proc_uint8_t *form = NULL;
    utf8proc_ssize_t len = utf8proc_map((const utf8proc_uint8_t *)text, (utf8proc_ssize_t)n, &form, options);
    if (len < 0) return err_set(e, ERR_MEMORY, "the text cannot be normalized: %s", utf8proc_errmsg(len));
    buf_put(out, form, (size_t)len);
    free(form);
    return true;
}

/* Unicode normalization forms. U+11A7 stands before the Hangul finals and never composes, but utf8proc 2.8 takes it for one and drops it:
 * text is normalized on both sides of it. */
static bool unicode_form(const char *text, size_t n, utf8proc_option_t options, buf *out, err *e) {
    static const char before_finals[] = "\xe1\x86\xa7";
    const char *at;
    while ((options & UTF8PROC_COMPOSE) && n >= 3 && (at = memmem(text, n, before_finals, 3))) {
        size_t part = (size_t)(at - text);
        if (!one_form(text, part, options, out, e)) return false;
        buf_put(out, before_finals, 3);
        text += part + 3;
        n -= part + 3;
    }
    return one_form(text, n, options, out, e);
}

static void put_cp(buf *out, uint32_t cp) {
    char c[4];
    buf_put(out, c, utf8_encode(cp, c));
}

static void put_lower(buf *out, uint32_t cp) {
    if (cp == 0x130) { /* the one code point whose lower case is two */
        buf_puts(out, "i\xcc\x87");
        return;
    }
    put_cp(out, (uint32_t)utf8proc_tolower((utf8proc_int32_t)cp));
}

typedef void (*cp_step)(const norm_step *s, uint32_t cp, buf *out);

static void each_cp(const norm_step *s, const char *text, size_t n, cp_step step, buf *out) {
    uint32_t cp;
    for (size_t i = 0, len; i < n; i += len) {
        len = utf8_decode(text + i, n - i, &cp);
        if (!len) {
            len = 1;
            cp = 0xfffd;
        }
        step(s, cp, out);
    }
}

static void lower_cp(const norm_step *s, uint32_t cp, buf *out) { (void)s, put_lower(out, cp); }

static void strip_mark_cp(const norm_step *s, uint32_t cp, buf *out) {
    (void)s;
    if (utf8proc_category((utf8proc_int32_t)cp) != UTF8PROC_CATEGORY_MN) put_cp(out, cp);
}

/* The normalizer of that name takes all marks, BERT's only those without width. */
static void strip_all_marks_cp(const norm_step *s, uint32_t cp, buf *out) {
    utf8proc_category_t c = utf8proc_category((utf8proc_int32_t)cp);
    (void)s;
    bool was_mark = cp == 0x1cf2 || cp == 0x1cf3; /* letters since Unicode 12, not in the reference's tables */
    if (!was_mark && c != UTF8PROC_CATEGORY_MN && c != UTF8PROC_CATEGORY_MC && c != UTF8PROC_CATEGORY_ME) put_cp(out, cp);
}

static bool is_cjk(uint32_t c) {
    return (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0x3400 && c <= 0x4DBF) || (c >= 0x20000 && c <= 0x2A6DF) || (c >= 0x2A700 && c <= 0x2B73F) ||
           (c >= 0x2B740 && c <= 0x2B81F) || (c >= 0x2B920 && c <= 0x2CEAF) || (c >= 0xF900 && c <= 0xFAFF) || (c >= 0x2F800 && c <= 0x2FA1F);
}

static void bert_cp(const norm_step *s, uint32_t cp, buf *out) {
    if (s->clean) {
        bool line = cp == '\t' || cp == '\n' || cp == '\r'; /* the only control characters that count as white space */
        if (cp == 0 || cp == 0xfffd || (!line && unicode_is_other(cp))) return;
        if (line || unicode_is_space(cp)) cp = ' ';
    }
    if (s->chinese && is_cjk(cp)) {
        buf_putc(out, ' ');
        put_cp(out, cp);
        buf_putc(out, ' ');
    } else put_cp(out, cp);
}

/* https://github.com/google/sentencepiece: NMT's rules for control and space characters. */
static void nmt_cp(const norm_step *s, uint32_t cp, buf *out) {
    (void)s;
    bool drop = (cp >= 1 && cp <= 8) || cp == 0xB || (cp >= 0xE && cp <= 0x1F) || cp == 0x7F || cp == 0x8F || cp == 0x9F;
    bool space = cp == 9 || cp == 0xA || cp == 0xC || cp == 0xD || cp == 0x1680 || (cp >= 0x200B && cp <= 0x200F) || cp == 0x2028 || cp == 0x2029 ||
                 cp == 0x2581 || cp == 0xFEFF || cp == 0xFFFD;
    if (!drop) put_cp(out, space ? ' ' : cp);
}

static void byte_letter_cp(const norm_step *s, uint32_t cp, buf *out) {
    (void)s;
    char c[4];
    size_t n = utf8_encode(cp, c);
    for (size_t i = 0; i < n; i++) put_cp(out, unicode_byte_letter((unsigned char)c[i]));
}

static bool bert(const norm_step *s, const char *text, size_t n, buf *out, err *e) {
    buf a = { 0 }, b = { 0 };
    bool accents = s->strip_accents < 0 ? s->lower : s->strip_accents;
    each_cp(s, text, n, bert_cp, &a);
    bool ok = true;
    if (accents) {
        ok = unicode_form(buf_str(&a), a.len, UTF8PROC_DECOMPOSE | UTF8PROC_STABLE, &b, e);
        buf_clear(&a);
        each_cp(s, buf_str(&b), b.len, strip_mark_cp, &a);
    }
    if (s->lower) each_cp(s, buf_str(&a), a.len, lower_cp, out);
    else buf_put(out, buf_str(&a), a.len);
    buf_free(&a);
    buf_free(&b);
    return ok;
}

static bool replace_literal(const norm_step *s, const char *text, size_t n, buf *out) {
    for (size_t i = 0; i < n;) {
        const char *hit = s->n_pattern ? memmem(text + i, n - i, s->pattern, s->n_pattern) : NULL;
        size_t upto = hit ? (size_t)(hit - text) : n;
        buf_put(out, text + i, upto - i);
        if (!hit) break;
        buf_put(out, s->content, s->n_content);
        i = upto + s->n_pattern;
    }
    return true;
}

static bool replace_regex(const norm_step *s, const char *text, size_t n, buf *out, err *e) {
    regex_run *run = regex_run_new(s->re);
    size_t done = 0, at = 0, from, to;
    int found = 1;
    while (at <= n && (found = regex_next(s->re, run, text, n, at, &from, &to, e)) == 1) {
        buf_put(out, text + done, from - done);
        buf_put(out, s->content, s->n_content);
        done = to;
        at = to;
        if (to > from) continue;
        uint32_t cp; /* an empty match: one code point passes */
        size_t len = at < n ? utf8_decode(text + at, n - at, &cp) : 0;
        if (!len) break;
        buf_put(out, text + at, len);
        done = at += len;
    }
    if (found >= 0) buf_put(out, text + done, n - done);
    regex_run_free(run);
    return found >= 0;
}

static bool strip(const norm_step *s, const char *text, size_t n, buf *out) {
    size_t from = 0, to = n;
    uint32_t cp;
    while (s->left && from < n) {
        size_t len = utf8_decode(text + from, n - from, &cp);
        if (!len || !unicode_is_space(cp)) break;
        from += len;
    }
    while (s->right && to > from) {
        size_t back = 1;
        while (back < 4 && to - back > from && ((unsigned char)text[to - back] & 0xc0) == 0x80) back++;
        if (utf8_decode(text + to - back, back, &cp) != back || !unicode_is_space(cp)) break;
        to -= back;
    }
    return buf_put(out, text + from, to - from);
}

/* Double-array units as Darts-clone packs them: label, leaf value, offset (S. Yata's description of the format). */
static uint32_t darts_offset(uint32_t u) { return (u >> 10) << ((u & (1u << 9)) >> 6); }
static uint32_t darts_label(uint32_t u) { return u & ((1u << 31) | 0xff); }

/* The longest prefix of text that the charsmap rewrites: its length, and the replacement. exact: the whole of it or nothing. */
static size_t charsmap_match(const norm_step *s, const char *text, size_t n, bool exact, const char **to, size_t *n_to) {
    size_t node = 0, best = 0;
    uint32_t unit = s->n_darts ? s->darts[0] : 0;
    node ^= darts_offset(unit);
    for (size_t i = 0; i < n && text[i]; i++) {
        node ^= (unsigned char)text[i];
        if (node >= s->n_darts) break;
        unit = s->darts[node];
        if (darts_label(unit) != (unsigned char)text[i]) break;
        node ^= darts_offset(unit);
        if (node >= s->n_darts) break;
        if (!(unit >> 8 & 1)) continue;
        uint32_t at = s->darts[node] & 0x7fffffffu;
        if (at >= s->n_strings || (exact && i + 1 != n)) continue;
        best = i + 1;
        *to = s->strings + at;
        *n_to = strnlen(*to, s->n_strings - at);
    }
    return best;
}

bool norm_set_charsmap(norm_step *s, const char *data, size_t n, err *e) {
    uint32_t bytes;
    if (n < 4) return err_set(e, ERR_FORMAT, "the precompiled character map is too short");
    memcpy(&bytes, data, 4);
    if (bytes > n - 4 || bytes % 4 || !bytes)
        return err_set(e, ERR_FORMAT, "the precompiled character map does not hold its own table") || err_got(e, "%u of %zu bytes", bytes, n);
    s->darts = (const uint32_t *)(const void *)(data + 4); /* the tokenizer's copy is 64-byte aligned */
    s->n_darts = bytes / 4;
    s->strings = data + 4 + bytes;
    s->n_strings = n - 4 - bytes;
    return true;
}

void norm_put_valid(const char *text, size_t n, buf *out) {
    uint32_t cp;
    for (size_t i = 0, len; i < n; i += len) {
        len = utf8_decode(text + i, n - i, &cp);
        if (len) buf_put(out, text + i, len);
        else buf_puts(out, "\xef\xbf\xbd");
        if (!len) len = 1;
    }
}

static void charsmap_by_prefix(const norm_step *s, const char *text, size_t n, buf *out) {
    for (size_t i = 0; i < n;) {
        const char *to;
        size_t n_to, len = charsmap_match(s, text + i, n - i, false, &to, &n_to);
        uint32_t cp;
        if (len) buf_put(out, to, n_to);
        else buf_put(out, text + i, len = utf8_decode(text + i, n - i, &cp) ? utf8_decode(text + i, n - i, &cp) : 1);
        i += len;
    }
}

/* Hugging Face looks at whole graphemes first, then at their code points. */
static void charsmap_grapheme(const norm_step *s, const char *text, size_t n, buf *out) {
    const char *to;
    size_t n_to;
    if (n < 6 && charsmap_match(s, text, n, true, &to, &n_to)) {
        buf_put(out, to, n_to);
        return;
    }
    uint32_t cp;
    for (size_t i = 0, len; i < n; i += len) {
        len = utf8_decode(text + i, n - i, &cp);
        if (charsmap_match(s, text + i, len, true, &to, &n_to)) buf_put(out, to, n_to);
        else buf_put(out, text + i, len);
    }
}

static void charsmap_by_grapheme(const norm_step *s, const char *text, size_t n, buf *out) {
    utf8proc_int32_t state = 0;
    uint32_t cp, next;
    for (size_t from = 0, at = 0; at < n;) {
        at += utf8_decode(text + at, n - at, &cp);
        bool end = at >= n || (utf8_decode(text + at, n - at, &next) && utf8proc_grapheme_break_stateful((utf8proc_int32_t)cp, (utf8proc_int32_t)next, &state));
        if (!end) continue;
        charsmap_grapheme(s, text + from, at - from, out);
        from = at;
        state = 0;
    }
}

/* SentencePiece's own white space rules: leading, trailing and repeated spaces go, a dummy one is put in front, spaces become
 * U+2581. */
static bool spm_spaces(const norm_step *s, const char *text, size_t n, buf *out) {
    size_t i = 0;
    if (s->remove_extra)
        while (i < n && text[i] == ' ') i++;
    if (s->remove_extra)
        while (n > i && text[n - 1] == ' ') n--;
    if (i == n) return true;
    const char *space = s->escape ? "\xe2\x96\x81" : " ";
    if (s->add_prefix) buf_puts(out, space);
    for (; i < n; i++) {
        if (text[i] != ' ') buf_putc(out, text[i]);
        else if (!s->remove_extra || text[i - 1] != ' ') buf_puts(out, space);
    }
    size_t m = strlen(space); /* at the end even a U+2581 of the text itself goes, as the reference has it */
    while (s->remove_extra && out->len >= m && memcmp(out->data + out->len - m, space, m) == 0) out->len -= m;
    return true;
}

/* A map from outside may write anything; what follows relies on UTF-8. */
static bool charsmap(const norm_step *s, const char *text, size_t n, buf *out) {
    buf b = { 0 };
    (s->by_grapheme ? charsmap_by_grapheme : charsmap_by_prefix)(s, text, n, &b);
    if (utf8_valid(buf_str(&b), b.len)) buf_put(out, buf_str(&b), b.len);
    else norm_put_valid(buf_str(&b), b.len, out);
    buf_free(&b);
    return true;
}

static bool one_step(const norm_step *s, const char *text, size_t n, buf *out, err *e) {
    switch (s->kind) {
    case NORM_NFC: return unicode_form(text, n, UTF8PROC_COMPOSE | UTF8PROC_STABLE, out, e);
    case NORM_NFD: return unicode_form(text, n, UTF8PROC_DECOMPOSE | UTF8PROC_STABLE, out, e);
    case NORM_NFKC: return unicode_form(text, n, UTF8PROC_COMPOSE | UTF8PROC_STABLE | UTF8PROC_COMPAT, out, e);
    case NORM_NFKD: return unicode_form(text, n, UTF8PROC_DECOMPOSE | UTF8PROC_STABLE | UTF8PROC_COMPAT, out, e);
    case NORM_LOWERCASE: return each_cp(s, text, n, lower_cp, out), true;
    case NORM_STRIP_ACCENTS: return each_cp(s, text, n, strip_all_marks_cp, out), true;
    case NORM_NMT: return each_cp(s, text, n, nmt_cp, out), true;
    case NORM_BYTE_LEVEL: return each_cp(s, text, n, byte_letter_cp, out), true;
    case NORM_BERT: return bert(s, text, n, out, e);
    case NORM_PREPEND: return !n || (buf_put(out, s->content, s->n_content) && buf_put(out, text, n));
    case NORM_REPLACE: return s->re ? replace_regex(s, text, n, out, e) : replace_literal(s, text, n, out);
    case NORM_STRIP: return strip(s, text, n, out);
    case NORM_PRECOMPILED: return charsmap(s, text, n, out);
    case NORM_SPM_SPACES: return spm_spaces(s, text, n, out);
    }
    return true;
}

bool normalize(const normalizer *norm, const char *text, size_t len, buf *out, err *e) {
    buf a = { 0 }, b = { 0 };
    bool ok = true;
    for (size_t i = 0; i < norm->n && ok; i++) {
        buf_clear(&b);
        ok = one_step(&norm->steps[i], i ? buf_str(&a) : text, i ? a.len : len, &b, e);
        buf t = a;
        a = b;
        b = t;
    }
    if (ok) buf_put(out, norm->n ? buf_str(&a) : text, norm->n ? a.len : len);
    buf_free(&a);
    buf_free(&b);
    return ok;
}

void normalizer_free(normalizer *n) {
    for (size_t i = 0; i < n->n; i++) regex_free(n->steps[i].re);
}
