/* Text to token ids and back, exact to the id for the reference tokenizers (Hugging Face `tokenizers`, SentencePiece,
 * and llama.cpp's GGUF vocabularies). A tokenizer is immutable once made: any number of threads may use one.
 * Cost is linear in the text (BPE merges: n log n within one pre-token). */
#ifndef PINGTI_TEXT_TOKENIZER_H
#define PINGTI_TEXT_TOKENIZER_H
#include "base/buf.h"
#include "base/err.h"
#include "text/span.h"
#include <stdint.h>

typedef struct tokenizer tokenizer;

/* GGUF token types, also used for vocabularies of other origin. */
typedef enum token_type { TOKEN_NORMAL = 1, TOKEN_UNKNOWN, TOKEN_CONTROL, TOKEN_USER, TOKEN_UNUSED, TOKEN_BYTE } token_type;

/* A vocabulary field by field, as GGUF metadata holds it. Everything is borrowed for the duration of the call.
 * Ids are -1 when absent; every id is checked against n_tokens, merges and scores against their counts. */
typedef struct vocab_text {
    const char *data; /* not NUL-terminated, may hold any byte */
    size_t len;
} vocab_text;

typedef struct vocab_source {
    const char *model;        /* "gpt2" (byte-level BPE), "llama" (SentencePiece BPE), "bert" (WordPiece), "t5" (Unigram) */
    const char *pre;          /* pre-tokenizer name of the GGUF file: "qwen2", "llama-bpe", ...; NULL when absent */
    const vocab_text *tokens; /* [n_tokens] */
    const float *scores;      /* [n_tokens] or NULL */
    const int32_t *types;     /* [n_tokens] token_type, or NULL */
    size_t n_tokens;
    const vocab_text *merges; /* [n_merges] "left right" */
    size_t n_merges;
    const void *charsmap;     /* tokenizer.ggml.precompiled_charsmap */
    size_t charsmap_len;
    int64_t bos, eos, eot, eom, unk, sep, pad, cls, mask;
    int add_bos, add_eos, add_space_prefix, remove_extra_whitespaces; /* 0, 1, or -1: the model's default */
} vocab_source;

tokenizer *tokenizer_from_vocab(const vocab_source *v, err *e);
/* A Hugging Face directory: tokenizer.json, else vocab.json + merges.txt, else tokenizer.model (SentencePiece protobuf),
 * else vocab.txt (WordPiece); with tokenizer_config.json, special_tokens_map.json, added_tokens.json where present. */
tokenizer *tokenizer_from_dir(const char *dir, err *e);
/* A single file by its content: tokenizer.json or a SentencePiece tokenizer.model. */
tokenizer *tokenizer_from_file(const char *path, err *e);
tokenizer *tokenizer_from_bytes(const char *data, size_t n, const char *name, err *e); /* the same from memory */
void tokenizer_free(tokenizer *t);

/* Growing list of ids; zero-initialise, free with token_list_free. */
typedef struct token_list {
    int32_t *ids;
    size_t n, cap;
} token_list;
void token_list_put(token_list *l, int32_t id);
void token_list_free(token_list *l);

enum {
    TOKENIZE_ADD_SPECIAL = 1,   /* put BOS/EOS (CLS/SEP) where this model's post-processor puts them */
    TOKENIZE_PARSE_SPECIAL = 2, /* text that spells a control token becomes it; without the flag it is plain text */
};

/* Appends the ids of text[0..n) to out. Invalid UTF-8 is taken as the reference takes it (byte fallback or U+FFFD). */
bool tokenizer_encode(const tokenizer *t, const char *text, size_t n, unsigned flags, token_list *out, err *e);
/* The same for a rendered prompt: inside `untrusted` ranges no control token is ever made, whatever the flags;
 * elsewhere the ids are those of tokenizer_encode with TOKENIZE_PARSE_SPECIAL as flagged. */
bool tokenizer_encode_marked(const tokenizer *t, const char *text, size_t n, unsigned flags, const text_span *untrusted,
                             size_t n_untrusted, token_list *out, err *e);

/* What the vocabulary is. Ids are -1 when the model has no such token. */
size_t tokenizer_n_tokens(const tokenizer *t);
const char *tokenizer_kind(const tokenizer *t);  /* "byte-level BPE", "SentencePiece BPE", "Unigram", "WordPiece" */
const char *tokenizer_pre_name(const tokenizer *t); /* GGUF pre name, or "" */
int32_t tokenizer_bos(const tokenizer *t);
int32_t tokenizer_eos(const tokenizer *t);
int32_t tokenizer_pad(const tokenizer *t);
int32_t tokenizer_unk(const tokenizer *t);
bool tokenizer_adds_bos(const tokenizer *t);
bool tokenizer_adds_eos(const tokenizer *t);
bool tokenizer_is_eog(const tokenizer *t, int32_t id);     /* ends a turn: eos, eot, eom, <|im_end|>, <|eot_id|>, ... */
bool tokenizer_is_control(const tokenizer *t, int32_t id);
int tokenizer_type_of(const tokenizer *t, int32_t id); /* token_type; 0: a hole in the ids, or out of range */
int32_t tokenizer_find(const tokenizer *t, const char *text, size_t len); /* id of the token with exactly this spelling, -1 */
/* The vocabulary's own spelling (Ġ, ▁ and <0xNN> included); borrowed. NULL when id is out of range. */
const char *tokenizer_spelling(const tokenizer *t, int32_t id, size_t *len);
float tokenizer_score_of(const tokenizer *t, int32_t id);  /* of scored vocabularies; otherwise 0 */
/* The GGUF pre name whose rules split text as this tokenizer does (byte-level BPE), or NULL. */
const char *tokenizer_guess_pre(const tokenizer *t);

/* The bytes of one token in running text. `first`: at the start of the text (SentencePiece drops one leading space).
 * Control tokens give nothing unless show_control. */
bool tokenizer_piece(const tokenizer *t, int32_t id, bool first, bool show_control, buf *out);
/* All ids, as the reference decodes them (skip_special_tokens = !show_control, no clean-up of spaces for BPE). */
bool tokenizer_decode(const tokenizer *t, const int32_t *ids, size_t n, bool show_control, buf *out);
#endif
