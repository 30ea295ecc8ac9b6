/* WordPiece (Schuster, Nakajima 2012; BERT's greedy longest match) and WordLevel. */
#include "text/tokenizer_impl.h"
#include "base/utf8.h"
#include <string.h>

static size_t count_chars(const char *text, size_t n) {
    size_t chars = 0;
    for (size_t i = 0; i < n; i++) chars += ((unsigned char)text[i] & 0xc0) != 0x80;
    return chars;
}

/* The longest piece at `from`, its end; 0: none. */
static size_t longest(const tokenizer *t, const char *text, size_t n, size_t from, int64_t *id) {
    const char *front = t->word_start ? (from ? "" : "\xe2\x96\x81") : from && t->prefix ? t->prefix : "";
    size_t n_prefix = strlen(front);
    char piece[1200];
    size_t room = sizeof piece - n_prefix, end = n - from < room ? n : from + room;
    memcpy(piece, front, n_prefix);
    memcpy(piece + n_prefix, text + from, end - from);
    for (; end > from; end--) {
        if (end < n && ((unsigned char)text[end] & 0xc0) == 0x80) continue;
        if (find_word(t, piece, n_prefix + end - from, id)) return end;
    }
    return 0;
}

bool wordpiece_encode(const tokenizer *t, const char *text, size_t n, token_list *out, err *e) {
    size_t before = out->n;
    int64_t id;
    (void)e;
    if (t->model == MODEL_WORDLEVEL) {
        if (find_word(t, text, n, &id)) token_list_put(out, (int32_t)id);
        else if (t->unk >= 0) token_list_put(out, t->unk);
        return true;
    }
    bool ok = n < 4096 && count_chars(text, n) <= t->max_chars;
    for (size_t from = 0, to; ok && from < n; from = to) {
        to = longest(t, text, n, from, &id);
        ok = to > 0;
        if (ok) token_list_put(out, (int32_t)id);
    }
    if (ok) return true;
    out->n = before;
    if (t->unk >= 0) token_list_put(out, t->unk);
    return true;
}
