/* Which GGUF pre name a tokenizer follows: the one whose rules cut a text of all the cases that tell them apart in the same places. */
#include "text/tokenizer_impl.h"
#include <string.h>

/* Contractions in both cases, numbers of every length, letters of many scripts with and without marks, punctuation before letters and
 * before line ends, runs of blanks and lines, emoji, CJK with its punctuation. */
static const char probe[] =
    "Hello, HELLO hello's HELLO'S we'Ve I'm I'M don't DON'T they'll 're'D  x\n\n \n\t\t a\r\n b  \n   c    d "
    "1 12 123 1234 12345 3.14 1,000 v2x 7th \xd9\xa3\xd9\xa4\xd9\xa5\xd9\xa6 \xc2\xbd\xc2\xb2 "
    "camelCase HTTPServer XMLHttp iPhone \xc3\xa9t\xc3\xa9 e\xcc\x81te\xcc\x81 na\xc3\xafve \xce\x91\xce\xb8\xce\xae\xce\xbd\xce\xb1 \xd0\x9c\xd0\xbe\xd1\x81\xd0\xba\xd0\xb2\xd0\xb0 "
    "\xe6\x88\x91\xe5\x9c\xa8" "2024\xe5\xb9\xb4\xe3\x80\x82\xe4\xbd\xa0\xe5\xa5\xbd\xef\xbc\x8c" "abc\xe4\xb8\x96\xe7\x95\x8c \xe3\x81\x82\xe3\x82\xa2\xe3\x83\xbc\xea\xb0\x80\xeb\x82\x98 \xed\x95\x9c\xea\xb8\x80 "
    "\xe0\xa4\xa8\xe0\xa4\xae\xe0\xa4\xb8\xe0\xa5\x8d\xe0\xa4\xa4\xe0\xa5\x87 \xe0\xb8\xaa\xe0\xb8\xa7\xe0\xb8\xb1\xe0\xb8\xaa\xe0\xb8\x94\xe0\xb8\xb5 \xe1\x9e\x81\xe1\x9f\x92\xe1\x9e\x98\xe1\x9f\x82\xe1\x9e\x9a "
    "(a) [b] {c} <d> \"e\" 'f' #g @h $i %j ^k &l *m +n =o |p ~q `r` -s- _t_ /u/ \\v\\ :w; a/b\n /path/\n x==y != z+=1; ... !!! ??? \xe2\x80\xa6\xe2\x80\x94\xe2\x80\x9cq\xe2\x80\x9d\n"
    "\xf0\x9f\x98\x80 \xf0\x9f\x91\xa8\xe2\x80\x8d\xf0\x9f\x91\xa9\xf0\x9f\x8f\xbd \xe2\x82\xac" "5 \xc2\xb5m \xc2\xa0nb \xe3\x80\x80wide end   ";

static bool same_pieces(const pieces *a, const pieces *b) {
    if (a->n != b->n || a->text.len != b->text.len) return false;
    for (size_t i = 0; i < a->n; i++)
        if (a->items[i].from != b->items[i].from || a->items[i].to != b->items[i].to) return false;
    return true;
}

static bool composes(const tokenizer *t) {
    for (size_t i = 0; i < t->norm.n; i++)
        if (t->norm.steps[i].kind == NORM_NFC) return true;
    return false;
}

/* The rules' own spelling of a name, which outlives the search. */
static const char *lasting(size_t i) {
    static const char *const names[] = {
#define PRE(names, flags, ...) names,
#include "text/pretok_names.def"
#undef PRE
    };
    return names[i];
}

const char *tokenizer_guess_pre(const tokenizer *t) {
    pieces own = { 0 };
    const char *found = NULL;
    char name[64];
    if (t->model != MODEL_BPE || !t->byte_level || !pretokenize(&t->pre, probe, sizeof probe - 1, true, &own, NULL)) return pieces_free(&own), NULL;
    for (size_t i = 0; !found && pretok_gguf_name_at(i, name); i++) {
        pretok p = { 0 };
        pieces cut = { 0 };
        unsigned flags = 0;
        bool fits = pretok_from_gguf_name(&p, name, &flags, NULL) && pretokenize(&p, probe, sizeof probe - 1, true, &cut, NULL) && same_pieces(&own, &cut);
        fits = fits && !(flags & (PRE_CHARACTERS | PRE_NO_SPACES)) && !(flags & PRE_NFC) == !composes(t) && !(flags & PRE_WHOLE_WORDS) == !t->ignore_merges;
        if (fits) found = lasting(i);
        pieces_free(&cut);
        pretok_free(&p);
    }
    pieces_free(&own);
    return found;
}
