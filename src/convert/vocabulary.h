/* A vocabulary on its way from a Hugging Face directory to GGUF keys. Texts lie in its arena. */
#ifndef PINGTI_CONVERT_VOCABULARY_H
#define PINGTI_CONVERT_VOCABULARY_H
#include "base/arena.h"
#include "convert/hf.h"
#include "text/tokenizer.h"

typedef struct vocabulary {
    const model_source *s;
    json_t *fast;          /* tokenizer.json, or NULL */
    gguf_text *tokens;     /* [n] */
    float *scores;         /* [n] */
    int32_t *types;        /* [n] */
    size_t n;
    gguf_text *merges;     /* [n_merges] */
    size_t n_merges;
    arena *mem;
    err *e;
} vocabulary;

/* Each fills tokens, scores, types (and merges) for `n` ids; ids without a token are [PADn], unused. */
bool vocabulary_from_spm(vocabulary *v, const char *path);   /* tokenizer.model, added_tokens.json, tokenizer_config.json */
bool vocabulary_from_json(vocabulary *v, bool byte_level);   /* tokenizer.json */
bool vocabulary_from_merges(vocabulary *v, const char *vocab, const char *merges); /* vocab.json, merges.txt */
void vocabulary_special_keys(const vocabulary *v, gguf_writer *w); /* ids of special tokens, what is added, chat templates */
bool vocabulary_set(vocabulary *v, int64_t id, const char *text, size_t len, float score, int type);
#endif
