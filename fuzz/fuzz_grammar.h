/* What the fuzz targets of grammars share: a vocabulary of bytes and a few words, and a walk along what a grammar allows. */
#ifndef PINGTI_FUZZ_GRAMMAR_H
#define PINGTI_FUZZ_GRAMMAR_H
#include "grammar/grammar.h"
#include <stdio.h>
#include <stdlib.h>

static const grammar_budget fuzz_budget = { .seconds = 0.5, .nodes = 3000, .memory = 1 << 20 };

static inline vocabulary *fuzz_vocabulary(void) {
    static vocabulary *v;
    if (v) return v;
    static char spelled[256][8];
    static vocab_text tokens[261];
    static int32_t types[261];
    static float scores[261];
    static const char *const words[] = { "<unk>", "</s>", "{\"", "\":", "true" };
    static const int word_types[] = { TOKEN_UNKNOWN, TOKEN_CONTROL, TOKEN_NORMAL, TOKEN_NORMAL, TOKEN_NORMAL };
    for (int i = 0; i < 5; i++) tokens[i] = (vocab_text){ words[i], __builtin_strlen(words[i]) }, types[i] = word_types[i];
    for (int i = 0; i < 256; i++) {
        snprintf(spelled[i], sizeof spelled[i], "<0x%02X>", i);
        tokens[5 + i] = (vocab_text){ spelled[i], 6 };
        types[5 + i] = TOKEN_BYTE;
    }
    vocab_source s = { .model = "llama", .tokens = tokens, .scores = scores, .types = types, .n_tokens = 261, .bos = -1, .eos = 1, .eot = -1, .eom = -1, .unk = 0, .sep = -1,
                       .pad = -1, .cls = -1, .mask = -1, .add_bos = 0, .add_eos = 0, .add_space_prefix = 0, .remove_extra_whitespaces = 0 };
    const int32_t end = 1;
    tokenizer *t = tokenizer_from_vocab(&s, NULL);
    v = t ? vocabulary_new(t, &end, 1, NULL) : NULL;
    tokenizer_free(t);
    if (!v) abort();
    return v;
}

/* Follows one allowed token after another; every token that a mask allows has to be taken. */
static inline void fuzz_follow(grammar *g) {
    uint64_t bits[5];
    err e;
    grammar_state *s = g ? grammar_state_new(g) : NULL;
    uint32_t pick = 12345;
    for (int i = 0; s && i < 12 && grammar_state_mask(s, bits, &e); i++) {
        int32_t chosen = -1;
        for (int32_t k = 0; k < 261; k++) {
            int32_t id = (int32_t)((pick + (uint32_t)k) % 261);
            if (grammar_mask_has(bits, id)) chosen = id;
            if (chosen >= 0) break;
        }
        if (chosen < 0) break;
        if (!grammar_state_advance(s, chosen, &e)) abort();
        pick = pick * 1664525u + 1013904223u;
    }
    grammar_state_free(s);
    grammar_unref(g);
}
#endif
