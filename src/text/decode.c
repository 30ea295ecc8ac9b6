/* From ids back to text. Whole sequences run the decoders step by step as the reference does; single tokens (streaming) are
 * turned into the same bytes one at a time. */
#include "base/mem.h"
#include "base/utf8.h"
#include "text/tokenizer_impl.h"
#include "text/unicode.h"
#include <string.h>

/* Byte-level spelling to bytes; false when a letter is not of the alphabet (an added token). */
static bool letters_to_bytes(const char *s, size_t n, buf *out) {
    size_t before = out->len;
    uint32_t cp;
    for (size_t i = 0, len; i < n; i += len) {
        len = utf8_decode(s + i, n - i, &cp);
        int byte = len ? unicode_letter_byte(cp) : -1;
        if (byte < 0) {
            out->len = before;
            return false;
        }
        buf_putc(out, (char)byte);
    }
    return true;
}

static int fallback_byte(const char *s, size_t n) {
    static const char hex[] = "0123456789ABCDEF0123456789abcdef";
    if (n != 6 || memcmp(s, "<0x", 3) != 0 || s[5] != '>') return -1;
    const char *hi = strchr(hex, s[3]), *lo = strchr(hex, s[4]);
    return hi && lo && s[3] && s[4] ? (int)((hi - hex) % 16 * 16 + (lo - hex) % 16) : -1;
}

static void replace_all(const char *s, size_t n, const char *pattern, const char *content, buf *out) {
    size_t m = strlen(pattern);
    for (size_t i = 0; i < n;) {
        if (m && i + m <= n && memcmp(s + i, pattern, m) == 0) {
            buf_puts(out, content);
            i += m;
        } else buf_putc(out, s[i++]);
    }
}

static bool has_step(const tokenizer *t, decode_step_kind k) {
    for (size_t i = 0; i < t->n_decode; i++)
        if (t->decode[i].kind == k) return true;
    return false;
}

static void wordpiece_clean(buf *b) {
    static const char *const rules[][2] = { { " .", "." },   { " ?", "?" },     { " !", "!" },     { " ,", "," },     { " ' ", "'" },    { " n't", "n't" },
                                            { " 'm", "'m" }, { " do not", " don't" }, { " 's", "'s" }, { " 've", "'ve" }, { " 're", "'re" } };
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        buf next = { 0 };
        replace_all(buf_str(b), b->len, rules[i][0], rules[i][1], &next);
        buf_free(b);
        *b = next;
    }
}

/* One token's text through the steps that look at one token at a time. */
static void token_text(const tokenizer *t, const char *s, size_t n, bool first, buf *out) {
    buf a = { 0 }, b = { 0 };
    buf_put(&a, s, n);
    for (size_t i = 0; i < t->n_decode; i++) {
        const decode_step *d = &t->decode[i];
        buf_clear(&b);
        if (d->kind == DECODE_REPLACE) replace_all(buf_str(&a), a.len, d->pattern, d->content, &b);
        else if (d->kind == DECODE_METASPACE) {
            replace_all(buf_str(&a), a.len, d->pattern, " ", &b);
            if (first && d->prepend && b.len && b.data[0] == ' ') memmove(b.data, b.data + 1, b.len--);
        } else if (d->kind == DECODE_WORDPIECE) {
            size_t m = strlen(d->pattern);
            if (!first && a.len > m && memcmp(a.data, d->pattern, m) == 0) buf_put(&b, a.data + m, a.len - m);
            else {
                if (!first) buf_putc(&b, ' ');
                buf_put(&b, buf_str(&a), a.len);
            }
            if (d->cleanup) wordpiece_clean(&b);
        } else if (d->kind == DECODE_BPE) {
            size_t m = strlen(d->pattern);
            if (m && a.len >= m && memcmp(a.data + a.len - m, d->pattern, m) == 0) {
                buf_put(&b, a.data, a.len - m);
                buf_putc(&b, ' ');
            } else buf_put(&b, buf_str(&a), a.len);
        } else buf_put(&b, buf_str(&a), a.len);
        buf swap = a;
        a = b;
        b = swap;
    }
    buf_put(out, buf_str(&a), a.len);
    buf_free(&a);
    buf_free(&b);
}

static bool hidden(const tokenizer *t, int32_t id, bool show_control) { return tokenizer_is_control(t, id) && !show_control; }

bool tokenizer_piece(const tokenizer *t, int32_t id, bool first, bool show_control, buf *out) {
    if (id < 0 || (size_t)id >= t->n || !t->tokens[id].text) return true;
    const token_entry *e = &t->tokens[id];
    if (hidden(t, id, show_control)) return true;
    if (e->type == TOKEN_CONTROL || e->type == TOKEN_UNKNOWN) return buf_put(out, e->text, e->len);
    int byte = t->byte_fallback ? fallback_byte(e->text, e->len) : -1;
    if (byte >= 0) return buf_putc(out, (char)byte);
    if (t->byte_level) return letters_to_bytes(e->text, e->len, out) || buf_put(out, e->text, e->len);
    size_t before = out->len;
    token_text(t, e->text, e->len, first, out);
    if (first && t->drop_first_space && out->len > before && out->data[before] == ' ') {
        memmove(out->data + before, out->data + before + 1, out->len - before - 1);
        out->data[--out->len] = 0;
    }
    return true;
}

/* Bytes that do not form UTF-8 become U+FFFD, as Rust's lossy reading does: one for each maximal broken sequence. */
static void put_lossy(const char *s, size_t n, buf *out) {
    uint32_t cp;
    for (size_t i = 0, len; i < n; i += len) {
        len = utf8_decode(s + i, n - i, &cp);
        if (len) {
            buf_put(out, s + i, len);
            continue;
        }
        buf_puts(out, "\xef\xbf\xbd");
        for (len = 1; i + len < n && len < 4; len++) { /* the longest prefix that something could have completed */
            size_t whole = utf8_complete_prefix(s + i, len + 1);
            if (whole != 0 || utf8_valid(s + i, len + 1)) break;
        }
    }
}

bool decode_all(const tokenizer *t, const int32_t *ids, size_t n, bool show_control, buf *out) {
    buf bytes = { 0 };
    bool first = true;
    for (size_t i = 0; i < n; i++) {
        if (hidden(t, ids[i], show_control)) continue;
        tokenizer_piece(t, ids[i], first, show_control, &bytes);
        first = false;
    }
    put_lossy(buf_str(&bytes), bytes.len, out);
    if (has_step(t, DECODE_BPE) && out->len && out->data[out->len - 1] == ' ') out->data[--out->len] = 0;
    buf_free(&bytes);
    return true;
}
