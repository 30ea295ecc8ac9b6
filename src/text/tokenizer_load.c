/* What every way of loading a tokenizer shares: tokens with checked ids, and the tables that derive from them. */
#include "base/mem.h"
#include "base/utf8.h"
#include "text/tokenizer_impl.h"
#include "text/unicode.h"
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

tokenizer *tokenizer_new(void) {
    tokenizer *t = mem_must(1, sizeof *t);
    t->mem = arena_new(0);
    t->unk = t->bos = t->eos = t->pad = -1;
    t->max_chars = 100;
    t->n_post = 1;
    t->post[0].id = -1;
    for (int i = 0; i < 256; i++) t->byte_ids[i] = -1;
    return t;
}

void tokenizer_free(tokenizer *t) {
    if (!t) return;
    normalizer_free(&t->norm);
    pretok_free(&t->pre);
    bpe_free(t);
    trie_free(t->trie);
    trie_free(t->user);
    vocab_free(&t->vocab);
    map_free(t->whole);
    free(t->tokens);
    free(t->scores);
    free(t->raw.items);
    free(t->normalized.items);
    free(t->eog);
    arena_free(t->mem);
    free(t);
}

bool tokenizer_reserve(tokenizer *t, size_t n, err *e) {
    if (n <= t->n) return true;
    if (n > MAX_VOCAB) return err_set(e, ERR_LIMIT, "the vocabulary is too large") || err_expected(e, "at most %d tokens", MAX_VOCAB) || err_got(e, "%zu", n);
    if (n > t->cap) { /* files that list ids one by one must not copy the vocabulary for each */
        size_t cap = n > 2 * t->cap ? n : 2 * t->cap;
        t->tokens = mem_must_grow(t->tokens, cap, sizeof *t->tokens);
        t->scores = mem_must_grow(t->scores, cap, sizeof *t->scores);
        memset(t->tokens + t->cap, 0, (cap - t->cap) * sizeof *t->tokens);
        memset(t->scores + t->cap, 0, (cap - t->cap) * sizeof *t->scores);
        t->cap = cap;
    }
    t->n = n;
    return true;
}

enum { TEXT_BLOCK = 1 << 16 };

/* Spellings lie close together: most are a few bytes. NULL: no memory. */
static const char *keep_text(tokenizer *t, const char *text, size_t len) {
    if (len >= TEXT_BLOCK / 4) return arena_copy(t->mem, text, len);
    if (len >= t->text_left) {
        if (!(t->text_at = arena_try_raw(t->mem, TEXT_BLOCK, 1))) return NULL;
        t->text_left = TEXT_BLOCK;
    }
    char *at = t->text_at;
    if (len) memcpy(at, text, len);
    at[len] = 0;
    t->text_at += len + 1;
    t->text_left -= len + 1;
    return at;
}

bool tokenizer_set_token(tokenizer *t, int64_t id, const char *text, size_t len, int type, err *e) {
    if (id < 0 || id >= MAX_VOCAB || len > MAX_TOKEN_BYTES)
        return err_set(e, ERR_FORMAT, "a token's id or length is out of range") || err_got(e, "id %lld, %zu bytes", (long long)id, len);
    if (type < TOKEN_NORMAL || type > TOKEN_BYTE) type = TOKEN_NORMAL;
    if (!tokenizer_reserve(t, (size_t)id + 1, e)) return false;
    token_entry *k = &t->tokens[id];
    bool same = k->text && k->len == len && memcmp(k->text, text, len) == 0;
    if (!same) vocab_replaced(t, (int32_t)id);
    if (!same && !(k->text = keep_text(t, text, len))) return err_set(e, ERR_MEMORY, "out of memory for the vocabulary");
    k->len = (uint32_t)len;
    k->type = (uint8_t)type;
    vocab_put(t, (int32_t)id); /* the first of equal spellings is found */
    return true;
}

bool tokenizer_add_special(tokenizer *t, const added_token *a, err *e) {
    buf text = { 0 };
    if (!a->len) return true;
    if (!utf8_valid(a->text, a->len)) /* text is cut at its ends, and what is left must be UTF-8 for the regexes */
        return err_set(e, ERR_FORMAT, "the added token %d is not UTF-8", a->id) || err_hint(e, "the file is damaged: fetch it again");
    bool ok = !a->normalized || normalize(&t->norm, a->text, a->len, &text, e);
    added_set *s = a->normalized ? &t->normalized : &t->raw;
    const char *spelling = a->normalized ? buf_str(&text) : a->text;
    size_t len = a->normalized ? text.len : a->len;
    if (ok && len) {
        s->items = mem_must_grow(s->items, s->n + 1, sizeof *s->items);
        s->items[s->n] = *a;
        s->items[s->n].text = arena_must_copy(t->mem, spelling, len);
        s->items[s->n++].len = (uint32_t)len;
    }
    buf_free(&text);
    return ok;
}

static void make_byte_ids(tokenizer *t) {
    for (int b = 0; b < 256; b++) {
        char name[8];
        size_t n = t->byte_level ? utf8_encode(unicode_byte_letter((unsigned char)b), name) : (size_t)snprintf(name, sizeof name, "<0x%02X>", b);
        int64_t id;
        t->byte_ids[b] = vocab_find(t, name, n, &id) ? (int32_t)id : -1;
    }
}

/* Spellings in the byte alphabet, as the bytes they stand for. */
static void make_whole(tokenizer *t) {
    t->whole = map_new(t->n);
    for (size_t id = 0; id < t->n; id++) {
        char bytes[MAX_TOKEN_BYTES / 64];
        size_t n = 0;
        uint32_t cp;
        const token_entry *e = &t->tokens[id];
        bool ok = e->text && e->len < sizeof bytes && e->type == TOKEN_NORMAL;
        for (size_t i = 0, len; ok && i < e->len; i += len) {
            len = utf8_decode(e->text + i, e->len - i, &cp);
            int byte = len ? unicode_letter_byte(cp) : -1;
            ok = byte >= 0;
            if (ok) bytes[n++] = (char)byte;
        }
        if (ok && n) map_put(t->whole, bytes, n, (int64_t)id);
    }
}

static void make_unigram(tokenizer *t) {
    t->trie = trie_new();
    t->min_score = INFINITY;
    t->unigram_max = FLT_MIN; /* so SentencePiece begins: with scores below zero it stays the largest */
    for (size_t id = 0; id < t->n; id++) {
        const token_entry *e = &t->tokens[id];
        bool all = !t->float_sums; /* Hugging Face's trie holds every piece, SentencePiece's those that text may become */
        if (!all && e->type != TOKEN_NORMAL && e->type != TOKEN_USER && e->type != TOKEN_UNUSED) continue;
        if (all || e->type == TOKEN_NORMAL) t->min_score = fmin(t->min_score, t->scores[id]), t->unigram_max = fmax(t->unigram_max, t->scores[id]);
        if (e->text && (all || e->type != TOKEN_UNUSED)) trie_put(t->trie, e->text, e->len, (int32_t)id);
    }
    if (!isfinite(t->min_score)) t->min_score = 0;
}

static void make_user_trie(tokenizer *t) {
    for (size_t id = 0; id < t->n; id++)
        if (t->tokens[id].type == TOKEN_USER && t->tokens[id].len) {
            if (!t->user) t->user = trie_new();
            trie_put(t->user, t->tokens[id].text, t->tokens[id].len, (int32_t)id);
        }
}

static bool affix_ok(const char *name, const char *s, err *e) {
    return !s || strlen(s) <= MAX_AFFIX ||
           err_set(e, ERR_LIMIT, "the tokenizer's word %s is too long", name) || err_expected(e, "at most %d bytes", MAX_AFFIX) || err_got(e, "%zu", strlen(s));
}

bool tokenizer_finish(tokenizer *t, err *e) {
    static const char *const names[] = { "BPE", "SentencePiece BPE", "Unigram", "WordPiece", "WordLevel" };
    if (!t->n) return err_set(e, ERR_FORMAT, "the vocabulary is empty");
    if (!affix_ok("prefix", t->prefix, e) || !affix_ok("suffix", t->suffix, e)) return false;
    snprintf(t->kind_name, sizeof t->kind_name, "%s", t->byte_level ? "byte-level BPE" : names[t->model]);
    if (t->byte_level || t->byte_fallback) make_byte_ids(t);
    if (t->byte_level && t->ignore_merges) make_whole(t);
    bpe_finish(t);
    if (t->model == MODEL_UNIGRAM) make_unigram(t);
    if (t->model == MODEL_SCORED_BPE) make_user_trie(t);
    int32_t *ids[] = { &t->bos, &t->eos, &t->pad, &t->unk };
    for (size_t i = 0; i < 4; i++)
        if (*ids[i] >= 0 && (size_t)*ids[i] >= t->n)
            return err_set(e, ERR_FORMAT, "a special token is not in the vocabulary") || err_expected(e, "an id below %zu", t->n) || err_got(e, "%d", *ids[i]);
    added_sort(&t->raw);
    added_sort(&t->normalized);
    tokenizer_find_eog(t);
    return true;
}

/* Tokens that end a turn: the file's own, and control tokens of the well-known spellings. */
void tokenizer_find_eog(tokenizer *t) {
    static const char *const spellings[] = { "<|im_end|>", "<|eot_id|>", "<|eom_id|>", "<|end|>", "<end_of_turn>", "<|endoftext|>", "<|end_of_text|>", "<|eot|>",
                                             "<\uff5cend\u2581of\u2581sentence\uff5c>", "<|end_of_turn|>", "<|return|>", "<|call|>", "<EOT>", "_<EOT>" };
    if (!t->eog) t->eog = mem_must(t->n, sizeof *t->eog);
    if (t->eos >= 0) t->eog[t->eos] = true;
    for (size_t i = 0; i < sizeof spellings / sizeof *spellings; i++) {
        int64_t id;
        if (vocab_find(t, spellings[i], strlen(spellings[i]), &id) && tokenizer_is_control(t, (int32_t)id)) t->eog[id] = true;
    }
}
