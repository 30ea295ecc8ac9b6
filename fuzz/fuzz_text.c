/* Text from outside, through tokenizers of three kinds and back: what decodes is what was encoded, and marked text makes no control
 * tokens. */
#include "text/detok.h"
#include <assert.h>
#include <stdio.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static tokenizer *small(const char *model) {
    static vocab_text tokens[300];
    static char bytes[256][8];
    static float scores[300];
    static int32_t types[300];
    static const vocab_text merges[] = { { "h e", 3 }, { "l l", 3 } };
    for (int i = 0; i < 256; i++) {
        int c = i;
        size_t k = 0;
        if (strcmp(model, "llama") == 0) k = (size_t)snprintf(bytes[i], 8, "<0x%02X>", i);
        else { /* GPT-2's letters */
            if (i < 33 || (i > 126 && i < 161) || i == 173) c = 256 + (i < 33 ? i : i < 161 ? i - 127 + 33 : 67);
            if (c < 128) bytes[i][k++] = (char)c;
            else bytes[i][k++] = (char)(0xc0 | c >> 6), bytes[i][k++] = (char)(0x80 | (c & 63));
        }
        tokens[i] = (vocab_text){ bytes[i], k };
        types[i] = strcmp(model, "llama") == 0 ? TOKEN_BYTE : TOKEN_NORMAL;
    }
    static const char *const more[] = { "he", "ll", "<s>", "</s>", "<unk>", "\xe2\x96\x81" };
    for (int i = 0; i < 6; i++) {
        tokens[256 + i] = (vocab_text){ more[i], strlen(more[i]) };
        types[256 + i] = i >= 2 && i < 5 ? TOKEN_CONTROL : TOKEN_NORMAL;
        scores[256 + i] = (float)-i;
    }
    vocab_source v = { .model = model, .pre = "qwen2", .tokens = tokens, .scores = scores, .types = types, .n_tokens = 262, .merges = merges, .n_merges = 2,
                       .bos = 258, .eos = 259, .eot = -1, .eom = -1, .unk = 260, .sep = -1, .pad = -1, .cls = -1, .mask = -1, .add_bos = 0, .add_eos = 0,
                       .add_space_prefix = 0, .remove_extra_whitespaces = 0 };
    err e;
    tokenizer *t = tokenizer_from_vocab(&v, &e);
    assert(t);
    return t;
}

static void round_trip(const tokenizer *t, const char *s, size_t n) {
    token_list plain = { 0 }, marked = { 0 };
    buf back = { 0 };
    err e;
    text_span all = { 0, n };
    if (tokenizer_encode(t, s, n, 0, &plain, &e)) {
        assert(tokenizer_decode(t, plain.ids, plain.n, false, &back));
        for (size_t i = 0; i < plain.n; i++) assert(!tokenizer_is_control(t, plain.ids[i]) || plain.ids[i] == tokenizer_unk(t));
        assert(tokenizer_encode_marked(t, s, n, TOKENIZE_PARSE_SPECIAL, &all, 1, &marked, &e));
        assert(marked.n == plain.n && (!plain.n || memcmp(marked.ids, plain.ids, plain.n * sizeof *plain.ids) == 0));
    }
    detok d;
    buf streamed = { 0 };
    detok_init(&d, t, false);
    for (size_t i = 0; i < plain.n; i++) detok_put(&d, plain.ids[i], &streamed);
    detok_finish(&d, &streamed);
    assert(streamed.len == back.len && memcmp(buf_str(&streamed), buf_str(&back), back.len) == 0);
    buf_free(&streamed);
    buf_free(&back);
    token_list_free(&plain);
    token_list_free(&marked);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    static tokenizer *bpe, *spm;
    if (!bpe) bpe = small("gpt2");
    if (!spm) spm = small("llama");
    round_trip(bpe, (const char *)data, n);
    round_trip(spm, (const char *)data, n);
    return 0;
}
