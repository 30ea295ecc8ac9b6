/* What the fuzz targets of grammars share: a vocabulary of bytes and a few words, and a walk along what a grammar allows. */
#ifndef PINGTI_FUZZ_GRAMMAR_H
#define PINGTI_FUZZ_GRAMMAR_H
#include "grammar/grammar.h"
#include <stdio.h>
#include <stdlib.h>

enum { FUZZ_WORDS = 17, FUZZ_TOKENS = FUZZ_WORDS + 256 };
static const grammar_budget fuzz_budget = { .seconds = 0.5, .nodes = 3000, .memory = 1 << 20 };

static inline vocabulary *fuzz_vocabulary(void) {
    static vocabulary *v;
    if (v) return v;
    static char spelled[256][8];
    static vocab_text tokens[FUZZ_TOKENS];
    static int32_t types[FUZZ_TOKENS];
    static float scores[FUZZ_TOKENS];
    static const char *const words[FUZZ_WORDS] = { "<unk>", "</s>", "{\"", "\":", "true", "ab", "abc", "aaaa", "the", "a\"", "aa\",\"", "\xc3\xa9", "\xe4\xb8\xad", ("\xe4\xb8\xad" "a\xf0\x9f\x98\x80"), "12", "-1", "\\n" };
    for (int i = 0; i < FUZZ_WORDS; i++) tokens[i] = (vocab_text){ words[i], __builtin_strlen(words[i]) }, types[i] = i == 0 ? TOKEN_UNKNOWN : i == 1 ? TOKEN_CONTROL : TOKEN_NORMAL;
    for (int i = 0; i < 256; i++) {
        snprintf(spelled[i], sizeof spelled[i], "<0x%02X>", i);
        tokens[FUZZ_WORDS + i] = (vocab_text){ spelled[i], 6 };
        types[FUZZ_WORDS + i] = TOKEN_BYTE;
    }
    vocab_source s = { .model = "llama", .tokens = tokens, .scores = scores, .types = types, .n_tokens = FUZZ_TOKENS, .bos = -1, .eos = 1, .eot = -1, .eom = -1, .unk = 0, .sep = -1,
                       .pad = -1, .cls = -1, .mask = -1, .add_bos = 0, .add_eos = 0, .add_space_prefix = 0, .remove_extra_whitespaces = 0 };
    const int32_t end = 1;
    tokenizer *t = tokenizer_from_vocab(&s, NULL);
    v = t ? vocabulary_new(t, &end, 1, NULL) : NULL;
    tokenizer_free(t);
    if (!v) abort();
    return v;
}

/* A mask has to say of every token what following it says. */
static inline void fuzz_check(grammar_state *s, const uint64_t *bits) {
    err e;
    for (int32_t id = 0; id < FUZZ_TOKENS; id++) {
        bool may = grammar_state_advance(s, id, &e);
        if (may) grammar_state_rollback(s, 1);
        else if (e.code == ERR_LIMIT) continue;
        if (may != grammar_mask_has(bits, id)) abort();
    }
}

/* Follows one allowed token after another. */
static inline void fuzz_follow(grammar *g) {
    uint64_t bits[FUZZ_TOKENS / 64 + 1];
    err e;
    grammar_state *s = g ? grammar_state_new(g) : NULL;
    uint32_t pick = 12345;
    for (int i = 0; s && i < 12 && grammar_state_mask(s, bits, &e); i++) {
        int32_t chosen = -1;
        fuzz_check(s, bits);
        for (int32_t k = 0; k < FUZZ_TOKENS && chosen < 0; k++) {
            int32_t id = (int32_t)((pick + (uint32_t)k) % FUZZ_TOKENS);
            if (grammar_mask_has(bits, id)) chosen = id;
        }
        if (chosen < 0 || !grammar_state_advance(s, chosen, &e)) break;
        pick = pick * 1664525u + 1013904223u;
    }
    grammar_state_free(s);
    grammar_unref(g);
}
#endif
