/* Patterns of tokenizer.json are written for Oniguruma, those of tiktoken for Rust's regex: where the same letters mean something
 * else in PCRE2, they are written out. \s leaves out U+180E, \w takes marks and Alphabetic, \h is a hexadecimal digit, a script's name
 * means the script itself, not its extensions, and x{1,3}+ repeats instead of being possessive. */
#include "text/regex.h"
#include <string.h>

#define SPACE "\\t-\\r\\x{85}\\p{Z}"
#define ALPHA "\\p{Alphabetic}"
#define WORD ALPHA "\\p{M}\\p{Nd}\\p{Pc}\\x{b2}\\x{b3}\\x{b9}\\x{bc}-\\x{be}" /* the last six are Oniguruma's */

static const struct { char letter; const char *set; } letters[] = { { 's', SPACE }, { 'w', WORD }, { 'h', "0-9a-fA-F" } };
static const struct { const char *name, *set; } posix[] = { { "[:space:]", SPACE }, { "[:punct:]", "\\p{P}\\p{S}" }, { "[:word:]", WORD }, { "[:alpha:]", ALPHA }, { "[:alnum:]", ALPHA "\\p{Nd}" } };
static const char scripts[] = " Arabic Armenian Bengali Bopomofo Cyrillic Devanagari Georgian Greek Gujarati Gurmukhi Han Hangul Hebrew Hiragana Kannada"
                              " Katakana Khmer Lao Latin Malayalam Mongolian Myanmar Sinhala Tamil Telugu Thai Tibetan ";

/* \s and its kin at p: what is written instead; 0 when it stays. */
static size_t letter(const char *p, bool in_class, buf *out) {
    bool not = p[1] >= 'A' && p[1] <= 'Z';
    for (size_t i = 0; i < sizeof letters / sizeof *letters; i++) {
        if ((not ? p[1] + 32 : p[1]) != letters[i].letter) continue;
        if (in_class && not) return 0; /* no set says this; only U+180E and marks are read otherwise */
        if (in_class) buf_puts(out, letters[i].set);
        else buf_printf(out, "[%s%s]", not ? "^" : "", letters[i].set);
        return 2;
    }
    if (in_class || (p[1] != 'b' && p[1] != 'B')) return 0;
    const char *w = "[" WORD "]";
    if (p[1] == 'b') buf_printf(out, "(?:(?<=%s)(?!%s)|(?<!%s)(?=%s))", w, w, w, w);
    else buf_printf(out, "(?:(?<=%s)(?=%s)|(?<!%s)(?!%s))", w, w, w, w);
    return 2;
}

/* \p{Name}, \P{Name}, \p{^Name}. */
static size_t property(const char *p, size_t left, buf *out) {
    char name[32] = " ";
    bool caret = left > 3 && p[3] == '^';
    const char *from = p + 3 + caret, *end = left > 3 ? memchr(p, '}', left) : NULL;
    if ((p[1] != 'p' && p[1] != 'P') || left < 5 || p[2] != '{' || !end || end <= from || end - from > 28) return 0;
    memcpy(name + 1, from, (size_t)(end - from));
    name[end - from + 1] = ' ';
    buf_printf(out, "\\%c{%s%s%.*s}", p[1], caret ? "^" : "", strstr(scripts, name) ? "sc:" : "", (int)(end - from), from);
    return (size_t)(end + 1 - p);
}

static size_t posix_class(const char *p, size_t left, buf *out) {
    for (size_t i = 0; i < sizeof posix / sizeof *posix; i++) {
        size_t n = strlen(posix[i].name);
        if (left < n || memcmp(p, posix[i].name, n) != 0) continue;
        buf_puts(out, posix[i].set);
        return n;
    }
    return 0;
}

/* {1,3}+ after the atom that begins at `atom` in out: (?:X{1,3})+. */
static size_t interval(const char *p, size_t left, size_t atom, buf *out) {
    size_t i = 1;
    buf x = { 0 };
    while (i < left && ((p[i] >= '0' && p[i] <= '9') || p[i] == ',')) i++;
    if (i < 2 || i + 1 >= left || p[i] != '}' || p[i + 1] != '+') return 0;
    buf_puts(&x, "(?:");
    buf_put(&x, out->data + atom, out->len - atom);
    buf_put(&x, p, i + 1);
    buf_puts(&x, ")+");
    out->len = atom;
    buf_put(out, x.data, x.len);
    buf_free(&x);
    return i + 2;
}

/* Classes within classes and their intersections, [\p{L}&&[^\p{Han}]], which PCRE2 does not have: one character that matches every
 * operand of &&, each a plain class or one of the classes within it. */
enum { MAX_CLASS_DEPTH = 16 };

/* [:name:] at p: its length, or 0. */
static size_t posix_name(const char *p, size_t left) {
    const char *end = left > 3 && p[0] == '[' && p[1] == ':' ? memmem(p + 2, left - 2, ":]", 2) : NULL;
    return end ? (size_t)(end - p) + 2 : 0;
}

static bool is_nested(const char *p, size_t left) {
    size_t i = left > 1 && p[1] == '^' ? 2 : 1, name;
    for (size_t first = i; i < left && (p[i] != ']' || i == first); i += name ? name : p[i] == '\\' ? 2 : 1) {
        name = posix_name(p + i, left - i);
        if (!name && i + 1 < left && (p[i] == '[' || (p[i] == '&' && p[i + 1] == '&'))) return true;
    }
    return false;
}

static void put_operand(buf *plain, buf *within, buf *out) {
    buf_puts(out, "(?:");
    if (plain->len) buf_printf(out, "[%s%s]", plain->data[0] == '^' ? "\\" : "", buf_str(plain));
    if (plain->len && within->len) buf_putc(out, '|');
    buf_puts(out, plain->len || within->len ? buf_str(within) : "(?!)");
    buf_putc(out, ')');
    buf_clear(plain);
    buf_clear(within);
}

static size_t class_letter(const char *p, size_t left, buf *plain) {
    bool escaped = *p == '\\' && left > 1;
    size_t used = *p == '[' ? posix_class(p, left, plain) : escaped ? letter(p, true, plain) : 0;
    if (!used && escaped) used = property(p, left, plain);
    if (used) return used;
    used = *p == '[' ? posix_name(p, left) : escaped ? 2 : 1;
    return buf_put(plain, p, used), used;
}

/* Bytes of the class at p; 0 when it does not end, or is nested too deeply. */
static size_t nested_class(const char *p, size_t left, int depth, buf *out) {
    buf plain = { 0 }, within = { 0 }, all = { 0 };
    bool not = left > 1 && p[1] == '^';
    size_t first = not ? 2 : 1, i = first;
    for (size_t used; depth < MAX_CLASS_DEPTH && i < left && (p[i] != ']' || i == first); i += used) {
        if (p[i] == '&' && i + 1 < left && p[i + 1] == '&') {
            buf_puts(&all, "(?=");
            put_operand(&plain, &within, &all);
            buf_putc(&all, ')');
            used = 2;
        } else if (p[i] == '[' && !posix_name(p + i, left - i)) {
            if (within.len) buf_putc(&within, '|');
            if (!(used = nested_class(p + i, left - i, depth + 1, &within))) i = left - 1, used = 1;
        } else used = class_letter(p + i, left - i, &plain);
    }
    put_operand(&plain, &within, &all);
    buf_printf(out, not ? "(?:(?!%s)(?s:.))" : "(?:%s)", buf_str(&all));
    buf_free(&plain);
    buf_free(&within);
    buf_free(&all);
    return depth < MAX_CLASS_DEPTH && i < left ? i + 1 : 0;
}

typedef struct dialect {
    bool in_class;
    size_t atom;   /* where the last atom begins in the output */
    size_t groups[64], n_groups;
} dialect;

/* Groups are atoms too: a closing bracket makes its opening one the atom's beginning. */
static void note_atom(dialect *d, char c, size_t at) {
    if (c == '(') d->groups[d->n_groups++ % 64] = at;
    else if (c == ')' && d->n_groups) d->atom = d->groups[--d->n_groups % 64];
    else if (!strchr("+*?{}|,0123456789", c) || !c) d->atom = at;
}

static size_t open_class(dialect *d, const char *p, size_t left, buf *out) {
    size_t used = left > 1 && p[1] == '^' ? 2 : 1;
    d->in_class = true;
    d->atom = out->len;
    if (left > used && p[used] == ']') used++; /* the first one is a letter */
    buf_put(out, p, used);
    return used;
}

static size_t in_class(dialect *d, const char *p, size_t left, buf *out) {
    size_t used = posix_class(p, left, out);
    if (used) return used;
    if (*p == ']') d->in_class = false;
    buf_put(out, p, 1);
    return 1;
}

static size_t escape(dialect *d, const char *p, size_t left, buf *out) {
    if (!d->in_class) d->atom = out->len;
    size_t used = letter(p, d->in_class, out);
    if (!used) used = property(p, left, out);
    if (!used) buf_put(out, p, used = 2);
    return used;
}

static size_t plain(dialect *d, const char *p, size_t left, buf *out) {
    size_t used = *p == '{' && out->len ? interval(p, left, d->atom, out) : 0;
    if (used) return used;
    note_atom(d, *p, out->len);
    buf_put(out, p, 1);
    return 1;
}

bool regex_to_pcre2(const char *pattern, size_t n, buf *out, err *e) {
    dialect d = { 0 };
    for (size_t i = 0; i < n;) {
        const char *p = pattern + i;
        size_t left = n - i;
        if (!d.in_class && *p == '[' && is_nested(p, left)) {
            d.atom = out->len;
            size_t used = nested_class(p, left, 0, out);
            if (!used) return err_set(e, ERR_FORMAT, "a regular expression of the tokenizer has a class that does not end, or is nested too deeply") || err_got(e, "'%.80s'", pattern) || err_where(e, "offset %zu", i);
            i += used;
            continue;
        }
        if (*p == '\\' && left > 1) i += escape(&d, p, left, out);
        else if (d.in_class) i += in_class(&d, p, left, out);
        else if (*p == '[') i += open_class(&d, p, left, out);
        else i += plain(&d, p, left, out);
    }
    return true;
}
