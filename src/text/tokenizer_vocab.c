/* From GGUF's vocabulary fields. */
#include "text/tokenizer_impl.h"
#include <stdio.h>
#include <string.h>

static bool read_tokens(tokenizer *t, const vocab_source *v, err *e) {
    if (!v->n_tokens || v->n_tokens > MAX_VOCAB) return err_set(e, ERR_FORMAT, "the vocabulary has %zu tokens", v->n_tokens) || err_expected(e, "1 to %d", MAX_VOCAB);
    if (!tokenizer_reserve(t, v->n_tokens, e)) return false;
    vocab_expect(t, v->n_tokens);
    for (size_t i = 0; i < v->n_tokens; i++) {
        if (!tokenizer_set_token(t, (int64_t)i, v->tokens[i].data, v->tokens[i].len, v->types ? v->types[i] : TOKEN_NORMAL, e)) return false;
        if (v->scores && !(v->scores[i] == v->scores[i])) return err_set(e, ERR_FORMAT, "the score of token %zu is not a number", i);
        if (v->scores) t->scores[i] = v->scores[i];
    }
    return true;
}

static bool set_id(const tokenizer *t, const char *name, int64_t id, int32_t *out, err *e) {
    if (id < -1 || id >= (int64_t)t->n)
        return err_set(e, ERR_FORMAT, "the file's %s token is not in its vocabulary", name) || err_expected(e, "an id below %zu", t->n) || err_got(e, "%lld", (long long)id);
    *out = (int32_t)id;
    return true;
}

static bool read_ids(tokenizer *t, const vocab_source *v, int32_t more[5], err *e) {
    return set_id(t, "bos", v->bos, &t->bos, e) && set_id(t, "eos", v->eos, &t->eos, e) && set_id(t, "padding", v->pad, &t->pad, e) &&
           set_id(t, "unknown", v->unk, &t->unk, e) && set_id(t, "eot", v->eot, &more[0], e) && set_id(t, "eom", v->eom, &more[1], e) &&
           set_id(t, "separator", v->sep, &more[2], e) && set_id(t, "cls", v->cls, &more[3], e) && set_id(t, "mask", v->mask, &more[4], e);
}

/* Control tokens are only found where the caller allows it, user-defined ones always. GGUF knows no flags: no stripping. */
static bool read_added(tokenizer *t, err *e) {
    for (size_t i = 0; i < t->n; i++) {
        const token_entry *k = &t->tokens[i];
        bool control = k->type == TOKEN_CONTROL || k->type == TOKEN_UNKNOWN;
        if (!control && !(k->type == TOKEN_USER && t->model != MODEL_UNIGRAM)) continue;
        added_token a = { k->text, k->len, (int32_t)i, control, false, false, false, false };
        if (!tokenizer_add_special(t, &a, e)) return false;
    }
    return true;
}

static bool read_merges(tokenizer *t, const vocab_source *v, err *e) {
    if (!v->n_merges) return err_set(e, ERR_FORMAT, "the file has a BPE vocabulary but no merges") || err_expected(e, "tokenizer.ggml.merges");
    return bpe_add_merges(t, v->merges, v->n_merges, e);
}

/* As tokenizer.json has it for these: Replace(" ", U+2581), BPE with byte fallback, and both undone in decoding. */
static void spell_characters(tokenizer *t, bool spm_spaces) {
    t->byte_fallback = t->fuse_unk = true;
    if (!spm_spaces) return;
    t->norm.steps[t->norm.n++] = (norm_step){ .kind = NORM_REPLACE, .pattern = " ", .n_pattern = 1, .content = "\xe2\x96\x81", .n_content = 3 };
    t->decode[t->n_decode++] = (decode_step){ .kind = DECODE_REPLACE, .pattern = "\xe2\x96\x81", .content = " " };
}

static bool make_bpe(tokenizer *t, const vocab_source *v, unsigned *flags, err *e) {
    bool gemma = strcmp(v->model, "gemma4") == 0;
    t->model = MODEL_BPE;
    snprintf(t->pre_name, sizeof t->pre_name, "%s", gemma ? "gemma4" : v->pre ? v->pre : "default");
    if (!pretok_from_gguf_name(&t->pre, t->pre_name, flags, e)) return false;
    t->byte_level = !(*flags & PRE_CHARACTERS);
    t->ignore_merges = *flags & PRE_WHOLE_WORDS;
    if (*flags & PRE_NFC) t->norm.steps[t->norm.n++] = (norm_step){ .kind = NORM_NFC };
    if (*flags & PRE_CHARACTERS) spell_characters(t, *flags & PRE_SPM_SPACES);
    return read_merges(t, v, e);
}

static void spm_steps(tokenizer *t, bool prefix, bool remove_extra) {
    t->norm.steps[t->norm.n++] = (norm_step){ .kind = NORM_SPM_SPACES, .add_prefix = prefix, .remove_extra = remove_extra, .escape = true };
    t->decode[t->n_decode++] = (decode_step){ .kind = DECODE_REPLACE, .pattern = "\xe2\x96\x81", .content = " " };
    t->drop_first_space = prefix;
}

static bool make_spm(tokenizer *t, const vocab_source *v, err *e) {
    if (!v->scores) return err_set(e, ERR_FORMAT, "the file has a SentencePiece vocabulary but no scores");
    t->model = MODEL_SCORED_BPE;
    t->byte_fallback = true;
    spm_steps(t, v->add_space_prefix != 0, false);
    return true;
}

static bool make_unigram(tokenizer *t, const vocab_source *v, err *e) {
    if (!v->scores) return err_set(e, ERR_FORMAT, "the file has a Unigram vocabulary but no scores");
    t->model = MODEL_UNIGRAM;
    t->fuse_unk = true;
    t->float_sums = true;
    if (v->charsmap_len) {
        norm_step s = { .kind = NORM_PRECOMPILED };
        const char *copy = arena_copy(t->mem, v->charsmap, v->charsmap_len);
        if (!copy || !norm_set_charsmap(&s, copy, v->charsmap_len, e)) return false;
        t->norm.steps[t->norm.n++] = s;
    }
    spm_steps(t, v->add_space_prefix != 0, v->remove_extra_whitespaces == 1);
    return true;
}

/* GGUF's WordPiece vocabularies are turned round: pieces that begin a word carry U+2581, continuing ones nothing. */
static bool make_wordpiece(tokenizer *t, err *e) {
    (void)e;
    t->model = MODEL_WORDPIECE;
    t->norm.steps[t->norm.n++] = (norm_step){ .kind = NORM_BERT, .clean = true, .chinese = true, .strip_accents = -1, .lower = true };
    t->pre.steps[t->pre.n++] = (pretok_step){ .kind = PRETOK_BERT };
    t->word_start = true;
    t->decode[t->n_decode++] = (decode_step){ .kind = DECODE_REPLACE, .pattern = "\xe2\x96\x81", .content = " " };
    t->drop_first_space = true;
    return true;
}

static void surround(tokenizer *t, int32_t before, int32_t after) {
    t->n_post = 0;
    if (before >= 0) t->post[t->n_post++].id = before;
    t->post[t->n_post++].id = -1;
    if (after >= 0) t->post[t->n_post++].id = after;
    t->adds_bos = before >= 0;
    t->adds_eos = after >= 0;
}

tokenizer *tokenizer_from_vocab(const vocab_source *v, err *e) {
    tokenizer *t = tokenizer_new();
    int32_t more[5]; /* eot, eom, sep, cls, mask */
    unsigned flags = 0;
    const char *model = v->model ? v->model : "";
    bool spm = strcmp(model, "llama") == 0, bpe = strcmp(model, "gpt2") == 0 || strcmp(model, "gemma4") == 0, bert = strcmp(model, "bert") == 0, t5 = strcmp(model, "t5") == 0;
    bool ok = read_tokens(t, v, e) && read_ids(t, v, more, e);
    if (ok && bpe) ok = make_bpe(t, v, &flags, e);
    else if (ok && spm) ok = make_spm(t, v, e);
    else if (ok && t5) ok = make_unigram(t, v, e);
    else if (ok && bert) ok = make_wordpiece(t, e);
    else if (ok) ok = err_set(e, ERR_UNSUPPORTED, "tokenizer model '%s' is not known", model) || err_expected(e, "gpt2, gemma4, llama, bert or t5");
    if (ok && spm && t->unk < 0) t->unk = 0;
    bool bos = v->add_bos >= 0 ? v->add_bos : spm || bert || (flags & PRE_BOS), eos = v->add_eos >= 0 ? v->add_eos : bert || t5;
    if (ok) surround(t, bos ? (bert && more[3] >= 0 ? more[3] : t->bos) : -1, eos ? (bert && more[2] >= 0 ? more[2] : t->eos) : -1);
    if (ok && read_added(t, e) && tokenizer_finish(t, e)) {
        for (int i = 0; i < 2; i++)
            if (more[i] >= 0) t->eog[more[i]] = true;
        return t;
    }
    tokenizer_free(t);
    return NULL;
}
