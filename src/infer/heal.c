#include "infer/heal.h"
#include "base/mem.h"
#include "base/utf8.h"
#include <string.h>

void heal_free(heal *h) {
    free(h->allowed);
    *h = (heal){ 0 };
}

static void allow_what_begins_with(heal *h, const tokenizer *t, const buf *prefix) {
    buf piece = { 0 };
    for (size_t id = 0; id < tokenizer_n_tokens(t); id++) {
        piece.len = 0;
        if (!tokenizer_piece(t, (int32_t)id, false, false, &piece) || piece.len < prefix->len || memcmp(piece.data, prefix->data, prefix->len) != 0) continue;
        h->allowed[id / 64] |= 1ull << id % 64;
    }
    buf_free(&piece);
}

bool heal_prompt(heal *h, const tokenizer *t, const int32_t *prompt, size_t n) {
    buf prefix = { 0 }, shown = { 0 };
    *h = (heal){ 0 };
    bool can = n > 1 && tokenizer_piece(t, prompt[n - 1], false, false, &prefix) && prefix.len && utf8_valid(prefix.data, prefix.len) &&
               tokenizer_piece(t, prompt[n - 1], true, false, &shown); /* a text's first token loses its space, and so does the answer's */
    if (can) {
        h->n_words = (tokenizer_n_tokens(t) + 63) / 64;
        h->allowed = mem_must(h->n_words, sizeof *h->allowed);
        h->n_bytes = shown.len;
        allow_what_begins_with(h, t, &prefix);
    }
    buf_free(&prefix);
    buf_free(&shown);
    return can;
}
