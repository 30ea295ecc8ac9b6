/* A small vocabulary for the tests of grammars: every byte, some words, pieces of UTF-8, an end token, one that was added. */
#ifndef PINGTI_TESTS_UNIT_GRAMMAR_WORDS_H
#define PINGTI_TESTS_UNIT_GRAMMAR_WORDS_H
#include "unit/check.h"
#include "grammar/grammar.h"

enum { WORDS_END = 2, WORDS_BYTES = 3, WORDS_MOST = 400 };

/* SentencePiece as GGUF spells it: U+2581 for a space, which is dropped at the beginning of a text. */
static inline tokenizer *words_tokenizer(void) {
    static const char *const words[] = { "a", "b", "aa", "ab", "aba", "foo", "bar", "\"", "\"a\":", "{\"", "\"}", "{", "}", "[", "]", ",", "\",\"", ":", "1", "12", "-1", "0.5", ".", "true", "tru", "null",
                                         "\xe2\x96\x81", "\xe2\x96\x81" "a", "\xe2\x96\x81{", "\xe2\x96\x81\xe2\x96\x81", "\xe4\xb8\xad", "\xe4\xb8\xad\xe6\x96\x87", "\xc3\xa9", "\\n", "\\u00", "yes", "no", "\n", "<tool>" };
    static vocab_text tokens[WORDS_MOST];
    static int32_t types[WORDS_MOST];
    static float scores[WORDS_MOST];
    static char bytes[256][8];
    size_t n = 0;
    const char *specials[] = { "<unk>", "<s>", "</s>" };
    int special_types[] = { TOKEN_UNKNOWN, TOKEN_CONTROL, TOKEN_CONTROL };
    for (int i = 0; i < 3; i++, n++) tokens[n] = (vocab_text){ specials[i], strlen(specials[i]) }, types[n] = special_types[i];
    for (int i = 0; i < 256; i++, n++) {
        snprintf(bytes[i], sizeof bytes[i], "<0x%02X>", i);
        tokens[n] = (vocab_text){ bytes[i], 6 };
        types[n] = TOKEN_BYTE;
    }
    for (size_t i = 0; i < sizeof words / sizeof *words; i++, n++) {
        tokens[n] = (vocab_text){ words[i], strlen(words[i]) };
        types[n] = strcmp(words[i], "<tool>") == 0 ? TOKEN_USER : TOKEN_NORMAL;
    }
    vocab_source v = { .model = "llama", .tokens = tokens, .scores = scores, .types = types, .n_tokens = n, .bos = 1, .eos = 2, .eot = -1, .eom = -1, .unk = 0, .sep = -1, .pad = -1,
                       .cls = -1, .mask = -1, .add_bos = -1, .add_eos = -1, .add_space_prefix = -1, .remove_extra_whitespaces = -1 };
    err e = { 0 };
    tokenizer *t = tokenizer_from_vocab(&v, &e);
    check_ok(t != NULL, &e);
    return t;
}

static inline vocabulary *words_vocabulary(tokenizer *t) {
    const int32_t end = WORDS_END;
    err e = { 0 };
    vocabulary *v = vocabulary_new(t, &end, 1, &e);
    check_ok(v != NULL, &e);
    return v;
}

static inline grammar *words_gbnf(vocabulary *v, const char *text) {
    err e = { 0 };
    grammar *g = grammar_compile_gbnf(text, strlen(text), v, NULL, &e);
    check_ok(g != NULL, &e);
    return g;
}

static inline grammar *words_schema(vocabulary *v, const char *text) {
    err e = { 0 };
    grammar *g = grammar_compile_schema(text, strlen(text), false, v, NULL, &e);
    check_ok(g != NULL, &e);
    return g;
}

static inline void check_matches(grammar *g, const char *text, bool expected) {
    if (grammar_matches(g, text, strlen(text)) != expected) fail_msg("'%s' should %sfollow the grammar", text, expected ? "" : "not ");
}
#endif
