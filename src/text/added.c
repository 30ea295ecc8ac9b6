/* Added tokens: found in the text before anything else, leftmost first, the longest of those that start together. */
#include "text/tokenizer_impl.h"
#include "base/utf8.h"
#include "text/unicode.h"
#include <stdlib.h>
#include <string.h>

static int by_first_then_longest(const void *x, const void *y) {
    const added_token *a = x, *b = y;
    unsigned char fa = (unsigned char)a->text[0], fb = (unsigned char)b->text[0];
    if (fa != fb) return fa < fb ? -1 : 1;
    if (a->len != b->len) return a->len > b->len ? -1 : 1;
    return (a->id > b->id) - (a->id < b->id);
}

void added_sort(added_set *s) {
    if (s->n) qsort(s->items, s->n, sizeof *s->items, by_first_then_longest);
    size_t i = 0;
    for (unsigned b = 0; b < 256; b++) {
        s->first[b] = (uint32_t)i;
        while (i < s->n && (unsigned char)s->items[i].text[0] == b) i++;
    }
    s->first[256] = (uint32_t)i;
}

static bool word_before(const char *text, size_t at) {
    uint32_t cp;
    for (size_t back = 1; back <= 4 && back <= at; back++)
        if (((unsigned char)text[at - back] & 0xc0) != 0x80) return utf8_decode(text + at - back, back, &cp) == back && unicode_is_word(cp);
    return false;
}

static bool word_after(const char *text, size_t n, size_t at) {
    uint32_t cp;
    return at < n && utf8_decode(text + at, n - at, &cp) && unicode_is_word(cp);
}

const added_token *added_find(const added_set *s, const char *text, size_t n, size_t at, bool with_special) {
    unsigned char b = (unsigned char)text[at];
    for (uint32_t i = s->first[b]; i < s->first[b + 1]; i++) {
        const added_token *a = &s->items[i];
        if ((a->special && !with_special) || a->len > n - at || memcmp(text + at, a->text, a->len) != 0) continue;
        return a;
    }
    return NULL;
}

bool added_stands_alone(const added_token *a, const char *text, size_t n, size_t at) {
    return !a->single_word || (!word_before(text, at) && !word_after(text, n, at + a->len));
}
