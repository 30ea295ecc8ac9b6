#include "grammar/spell.h"
#include "base/utf8.h"

void spell_bytes(nfa *a, uint32_t from, const char *bytes, size_t n, uint32_t to) {
    if (!n) nfa_skip(a, from, to);
    for (size_t i = 0; i < n; i++) {
        uint32_t next = i + 1 == n ? to : nfa_state(a);
        nfa_put(a, from, (unsigned char)bytes[i], (unsigned char)bytes[i], next);
        from = next;
    }
}

/* lo and hi have n bytes each, and between them lies every combination of bytes i.. from lo's to hi's. */
static void same_length(nfa *a, uint32_t from, const unsigned char *lo, const unsigned char *hi, size_t n, uint32_t to) {
    for (size_t i = 0; i < n; i++) {
        uint32_t next = i + 1 == n ? to : nfa_state(a);
        nfa_put(a, from, lo[i], hi[i], next);
        from = next;
    }
}

static uint32_t last_of_length(uint32_t cp) { return cp < 0x80 ? 0x7f : cp < 0x800 ? 0x7ff : cp < 0x10000 ? 0xffff : LANG_LAST; }

/* The largest hi up to which lo.. is a plain product of byte ranges: all of 64, 64^2, 64^3 where lo begins and hi ends such a block. */
static uint32_t product_end(uint32_t lo, uint32_t hi) {
    if (hi < 0x80) return hi;
    for (uint32_t block = 1u << 18; block > 1; block >>= 6) {
        if (lo % block || lo + block - 1 > hi) continue;
        /* whole blocks, as far as they differ in one byte alone */
        uint32_t above = block << 6, stop = lo - lo % above + above - 1, whole = (hi + 1) / block * block - 1;
        return whole < stop ? whole : stop;
    }
    uint32_t row = lo | 63;
    return row < hi ? row : hi;
}

static void plain_range(nfa *a, uint32_t from, uint32_t lo, uint32_t hi, uint32_t to) {
    while (lo <= hi && !a->w->failed) {
        char first[4], last[4];
        uint32_t most = last_of_length(lo), until = product_end(lo, hi < most ? hi : most);
        size_t n = utf8_encode(lo, first);
        utf8_encode(until, last);
        same_length(a, from, (unsigned char *)first, (unsigned char *)last, n, to);
        lo = until + 1;
    }
}

void spell_utf8(nfa *a, uint32_t from, uint32_t lo, uint32_t hi, uint32_t to) {
    if (lo < 0xd800) plain_range(a, from, lo, hi < 0xd800 ? hi : 0xd7ff, to);
    if (hi > 0xdfff) plain_range(a, from, lo > 0xdfff ? lo : 0xe000, hi, to);
}

static void hex_digits(nfa *a, uint32_t from, uint32_t lo, uint32_t hi, uint32_t to) {
    if (lo < 10) nfa_put(a, from, '0' + lo, '0' + (hi < 9 ? hi : 9), to);
    if (hi < 10) return;
    lo = lo < 10 ? 0 : lo - 10;
    nfa_put(a, from, 'a' + lo, 'a' + hi - 10, to);
    nfa_put(a, from, 'A' + lo, 'A' + hi - 10, to);
}

/* Characters that a JSON string cannot hold as they are. */
static void escaped(nfa *a, uint32_t from, uint32_t cp, uint32_t to) {
    static const char short_ones[] = "\"\"\\\\\bb\ff\nn\rr\tt";
    uint32_t after = nfa_state(a);
    nfa_put(a, from, '\\', '\\', after);
    for (size_t i = 0; i + 1 < sizeof short_ones; i += 2)
        if (cp == (unsigned char)short_ones[i]) {
            nfa_put(a, after, (unsigned char)short_ones[i + 1], (unsigned char)short_ones[i + 1], to);
            return;
        }
    uint32_t high = nfa_state(a), low = nfa_state(a);
    spell_bytes(a, after, "u00", 3, high);
    hex_digits(a, high, cp >> 4, cp >> 4, low);
    hex_digits(a, low, cp & 15, cp & 15, to);
}

static bool needs_escape(uint32_t cp) { return cp < 0x20 || cp == '"' || cp == '\\'; }

static void json_range(nfa *a, uint32_t from, uint32_t lo, uint32_t hi, uint32_t to) {
    while (lo <= hi && lo < 0x80) {
        if (needs_escape(lo)) escaped(a, from, lo, to);
        else nfa_put(a, from, lo, lo, to);
        lo++;
    }
    if (lo <= hi) spell_utf8(a, from, lo, hi, to);
}

/* \u and four digits whose first two lie in one of the ranges of first bytes. */
static void unicode_escape(nfa *a, uint32_t from, uint32_t to) {
    uint32_t h1 = nfa_state(a), h2 = nfa_state(a), h3 = nfa_state(a), d = nfa_state(a);
    nfa_put(a, from, 'u', 'u', h1);
    hex_digits(a, h1, 0, 0xc, h2);
    hex_digits(a, h1, 0xe, 0xf, h2);
    hex_digits(a, h1, 0xd, 0xd, d);
    hex_digits(a, d, 0, 7, h3); /* not a surrogate */
    uint32_t s1 = nfa_state(a), s2 = nfa_state(a), s3 = nfa_state(a), low = nfa_state(a), l2 = nfa_state(a), l = nfa_state(a);
    hex_digits(a, d, 8, 0xb, s1); /* a high surrogate, and its low one */
    hex_digits(a, s1, 0, 0xf, s2);
    hex_digits(a, s2, 0, 0xf, s3);
    spell_bytes(a, s3, "\\u", 2, low);
    hex_digits(a, low, 0xd, 0xd, l2);
    hex_digits(a, l2, 0xc, 0xf, h3);
    hex_digits(a, h2, 0, 0xf, h3);
    hex_digits(a, h3, 0, 0xf, l);
    hex_digits(a, l, 0, 0xf, to);
}

static void any_escape(nfa *a, uint32_t state) {
    static const char letters[] = "\"\\/bfnrt";
    uint32_t after = nfa_state(a);
    nfa_put(a, state, '\\', '\\', after);
    for (const char *c = letters; *c; c++) nfa_put(a, after, (unsigned char)*c, (unsigned char)*c, state);
    unicode_escape(a, after, state);
}

void spell_language(nfa *a, uint32_t from, const lang *l, bool json, uint32_t to) {
    uint32_t base = nfa_state(a);
    for (uint32_t i = 1; i < l->n_states; i++) nfa_state(a);
    nfa_skip(a, from, base);
    for (uint32_t i = 0; i < l->n_states && !a->w->failed; i++) {
        if (l->states[i].accept) nfa_skip(a, base + i, to);
        for (uint32_t k = l->states[i].first; k < l->states[i].first + l->states[i].n; k++) {
            const lang_edge *e = &l->edges[k];
            if (json) json_range(a, base + i, e->lo, e->hi, base + e->to);
            else spell_utf8(a, base + i, e->lo, e->hi, base + e->to);
        }
    }
    if (json && lang_is_all(l)) any_escape(a, base);
}
