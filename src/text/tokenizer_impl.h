/* The inside of a tokenizer: the stages of one pipeline, whatever file it came from.
 *     added tokens (raw) -> normalizers -> added tokens (normalized) -> pre-tokenizers -> model -> post-processor
 * and back: decoders. Immutable once loaded. */
#ifndef PINGTI_TEXT_TOKENIZER_IMPL_H
#define PINGTI_TEXT_TOKENIZER_IMPL_H
#include "base/arena.h"
#include "base/json.h"
#include "base/map.h"
#include "text/normalize.h"
#include "text/pretok.h"
#include "text/tokenizer.h"

/* Bounds for what a file may claim. */
enum { MAX_VOCAB = 1 << 22, MAX_TOKEN_BYTES = 1 << 16, MAX_AFFIX = 100 };

typedef enum model_kind { MODEL_BPE, MODEL_SCORED_BPE, MODEL_UNIGRAM, MODEL_WORDPIECE, MODEL_WORDLEVEL } model_kind;

typedef struct token_entry {
    const char *text; /* as the vocabulary spells it, NUL-terminated beyond len */
    uint32_t len;
    uint8_t type;     /* token_type; 0: a hole in the ids */
} token_entry;

/* Spelling -> id: a table of hashes and ids; the spellings are those of the tokens themselves. */
typedef struct vocab_slot {
    uint32_t hash;
    uint32_t entry; /* 0: empty; id + 1; or, with the top bit, a former spelling */
} vocab_slot;

typedef struct vocab_former {
    const char *text;
    uint32_t len;
    int32_t id;
} vocab_former;

typedef struct vocab_index {
    vocab_slot *slots;
    size_t mask, count;
    vocab_former *former; /* spellings of ids that were given another one later: still found */
    size_t n_former;
    bool doubles;         /* some spelling belongs to two ids (the first is found) */
} vocab_index;

typedef struct added_token {
    const char *text; /* normalized already when normalized is set */
    uint32_t len;
    int32_t id;
    bool special, normalized, lstrip, rstrip, single_word;
} added_token;

typedef struct added_set {
    added_token *items;
    size_t n;
    uint32_t first[257]; /* items sorted by first byte, longest first: those of byte b are [first[b], first[b+1]) */
} added_set;

typedef enum decode_step_kind { DECODE_BYTE_LEVEL, DECODE_BYTE_FALLBACK, DECODE_FUSE, DECODE_STRIP, DECODE_REPLACE, DECODE_METASPACE, DECODE_WORDPIECE, DECODE_BPE } decode_step_kind;

typedef struct decode_step {
    decode_step_kind kind;
    const char *pattern, *content; /* replace; prefix or suffix */
    int start, stop;               /* strip */
    bool cleanup, prepend;
} decode_step;

typedef struct template_piece {
    int32_t id; /* -1: the sequence */
} template_piece;

enum { MAX_STEPS = 16, MAX_TEMPLATE = 16 };

struct tokenizer {
    arena *mem;
    token_entry *tokens;
    size_t n, cap;
    vocab_index vocab;
    char *text_at;            /* where the next spelling goes, in a block of mem */
    size_t text_left;
    map *whole;               /* byte-level with ignore_merges: bytes -> id */
    model_kind model;
    bool byte_level;          /* BPE works on bytes: vocabulary spelled with GPT-2's byte alphabet */
    bool byte_fallback, fuse_unk, ignore_merges;
    const char *prefix, *suffix; /* WordPiece / BPE continuing prefix, BPE end-of-word suffix; NULL: none */
    uint32_t max_chars;       /* WordPiece */
    bool word_start;          /* WordPiece as GGUF spells it: U+2581 begins a word, continuing pieces carry nothing */
    int32_t unk;
    int32_t byte_ids[256];    /* byte-level: id of each byte's letter; byte_fallback: id of <0xNN>; -1 */
    struct merge_list *merges; /* BPE, while it is being loaded */
    struct pair_table *pairs;  /* BPE: (left, right) -> (rank, merged) */
    double *scores;           /* scored BPE, Unigram */
    bool float_sums;          /* SentencePiece adds scores in f32, Hugging Face in f64 */
    double min_score, unigram_max; /* of the normal pieces */
    struct trie *trie;        /* Unigram */
    struct trie *user;        /* scored BPE: user-defined pieces are found before merging */
    normalizer norm;
    pretok pre;
    added_set raw, normalized;  /* found before and after normalization */
    template_piece post[MAX_TEMPLATE]; /* what surrounds a text */
    size_t n_post;
    decode_step decode[MAX_STEPS];
    size_t n_decode;
    bool drop_first_space;    /* SentencePiece: one leading space belongs to the dummy prefix */
    int32_t bos, eos, pad;
    bool adds_bos, adds_eos;
    bool *eog;                /* [n] */
    char kind_name[24], pre_name[64];
};

tokenizer *tokenizer_new(void);
/* Loading: tokens first, then the model, then finish. False on hostile input. */
bool tokenizer_reserve(tokenizer *t, size_t n, err *e);
bool tokenizer_set_token(tokenizer *t, int64_t id, const char *text, size_t len, int type, err *e);
bool tokenizer_add_special(tokenizer *t, const added_token *a, err *e);
bool tokenizer_finish(tokenizer *t, err *e); /* tables that derive from the vocabulary */
void tokenizer_find_eog(tokenizer *t);

/* The id of a spelling. Put: tokens[id], if the spelling is new; replaced: before tokens[id] is given another spelling. */
bool vocab_find(const tokenizer *t, const char *text, size_t n, int64_t *id);
bool vocab_find_hashed(const tokenizer *t, uint64_t hash, const char *text, size_t n, int64_t *id); /* hash: map_hash of the text */
/* Brings what a look-up will read near: its slot first; some time later, the token that the slot names. */
void vocab_touch_slot(const tokenizer *t, uint64_t hash);
void vocab_touch_token(const tokenizer *t, uint64_t hash);
void vocab_put(tokenizer *t, int32_t id);
void vocab_replaced(tokenizer *t, int32_t id);
void vocab_expect(tokenizer *t, size_t n); /* room for n spellings at once */
void vocab_free(vocab_index *v);

/* Models: append the ids of one pre-token. */
bool bpe_add_merge(tokenizer *t, size_t rank, const char *left, size_t n_left, const char *right, size_t n_right, err *e);
bool bpe_add_merges(tokenizer *t, const vocab_text *merges, size_t n, err *e); /* all at once, "left right" each */
void bpe_finish(tokenizer *t); /* the table of merges */
bool find_word(const tokenizer *t, const char *text, size_t n, int64_t *id); /* in the vocabulary, control tokens excepted */
bool bpe_encode(const tokenizer *t, const char *text, size_t n, token_list *out, err *e);
bool scored_bpe_encode(const tokenizer *t, const char *text, size_t n, token_list *out, err *e);
bool unigram_encode(const tokenizer *t, const char *text, size_t n, token_list *out, err *e);
bool wordpiece_encode(const tokenizer *t, const char *text, size_t n, token_list *out, err *e);
void put_unknown(const tokenizer *t, const char *text, size_t n, bool *fused, token_list *out); /* byte fallback, or unk */

void added_sort(added_set *s);
const added_token *added_find(const added_set *s, const char *text, size_t n, size_t at, bool with_special);
bool added_stands_alone(const added_token *a, const char *text, size_t n, size_t at); /* single_word: no word characters beside it */

bool decode_all(const tokenizer *t, const int32_t *ids, size_t n, bool show_control, buf *out);

bool tokenizer_read_json(tokenizer *t, const json_t *doc, err *e);
bool tokenizer_read_spm(tokenizer *t, const char *data, size_t n, err *e);

void bpe_free(tokenizer *t);

/* Prefix tree over bytes, for Unigram and user-defined pieces. */
typedef struct trie trie;
trie *trie_new(void);
void trie_free(trie *t);
void trie_put(trie *t, const char *key, size_t n, int32_t id);
/* Walks one byte from node (0: the root). 0: no such path. id: -1 unless a key ends there. */
uint32_t trie_step(const trie *t, uint32_t node, unsigned char byte, int32_t *id);
#endif
