/* A tokenizer file from outside: tokenizer.json or a SentencePiece model, then used on a short text. */
#include "text/detok.h"
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    static const char text[] = " Hello wörld  <s>\n你好 123 \xff don't";
    err e;
    token_list ids = { 0 };
    buf out = { 0 };
    tokenizer *t = tokenizer_from_bytes((const char *)data, n, "fuzz", &e);
    if (t && tokenizer_encode(t, text, sizeof text - 1, TOKENIZE_ADD_SPECIAL | TOKENIZE_PARSE_SPECIAL, &ids, &e)) tokenizer_decode(t, ids.ids, ids.n, true, &out);
    token_list_free(&ids);
    buf_free(&out);
    tokenizer_free(t);
    return 0;
}
