/* A tokenizer as Hugging Face keeps it, from the keys of a GGUF file: tokenizer.json for byte-level BPE, SentencePiece's tokenizer.model
 * for scored vocabularies; tokenizer_config.json for both. */
#include "base/file.h"
#include "base/mem.h"
#include "base/outfile.h"
#include "convert/to_hf.h"
#include "text/pretok.h"
#include "text/tokenizer.h"
#include <stdio.h>
#include <string.h>

typedef struct words {
    const gguf *g;
    const char *dir;
    gguf_text *tokens, *merges;
    float *scores;
    int32_t *types;
    size_t n, n_merges, n_scores, n_types;
    char model[16], pre[64];
    err *e;
} words;

static void name_key(const gguf *g, const char *key, char *out, size_t cap) {
    gguf_text t = { "", 0 };
    if (!gguf_str(g, key, &t, NULL)) t.len = 0;
    snprintf(out, cap, "%.*s", (int)(t.len < cap ? t.len : cap - 1), t.data);
}

static bool read_words(words *w) {
    name_key(w->g, "tokenizer.ggml.model", w->model, sizeof w->model);
    name_key(w->g, "tokenizer.ggml.pre", w->pre, sizeof w->pre);
    if (!gguf_strings(w->g, "tokenizer.ggml.tokens", &w->tokens, &w->n, w->e) || !gguf_strings(w->g, "tokenizer.ggml.merges", &w->merges, &w->n_merges, w->e) ||
        !gguf_f32s(w->g, "tokenizer.ggml.scores", &w->scores, &w->n_scores, w->e) || !gguf_i32s(w->g, "tokenizer.ggml.token_type", &w->types, &w->n_types, w->e))
        return false;
    bool fits = (!w->n_scores || w->n_scores == w->n) && (!w->n_types || w->n_types == w->n);
    return fits || err_set(w->e, ERR_FORMAT, "the vocabulary's arrays have different lengths");
}

static void drop_words(words *w) { free(w->tokens), free(w->merges), free(w->scores), free(w->types); }
static int type_of(const words *w, size_t i) { return w->n_types ? w->types[i] : TOKEN_NORMAL; }
static json_t *text_json(gguf_text t) { return json_stringn_nocheck(t.data, t.len); }

static int64_t id_of(const words *w, const char *name) {
    char key[64];
    int64_t id = -1;
    snprintf(key, sizeof key, "tokenizer.ggml.%s_token_id", name);
    return gguf_int(w->g, key, 0, INT32_MAX, &id, NULL) && id >= 0 && (size_t)id < w->n ? id : -1;
}

static bool flag_of(const words *w, const char *name, bool otherwise) {
    char key[64];
    snprintf(key, sizeof key, "tokenizer.ggml.%s", name);
    gguf_bool(w->g, key, &otherwise, NULL);
    return otherwise;
}

static bool put_json(const words *w, const char *name, json_t *j) {
    char *text = json_dumps(j, JSON_INDENT(1)), *path = file_join(w->dir, name);
    bool ok = (text || err_set(w->e, ERR_FORMAT, "the vocabulary holds text that JSON cannot")) && outfile_put(path, text, strlen(text), w->e);
    free(text);
    free(path);
    json_decref(j);
    return ok;
}

static json_t *added_entry(const words *w, size_t i) {
    bool special = type_of(w, i) == TOKEN_CONTROL || type_of(w, i) == TOKEN_UNKNOWN;
    return json_pack("{s:o, s:b, s:b, s:b, s:b, s:b}", "content", text_json(w->tokens[i]), "lstrip", 0, "normalized", 0, "rstrip", 0, "single_word", 0, "special", (int)special);
}

static bool is_added(const words *w, size_t i) { return type_of(w, i) == TOKEN_CONTROL || type_of(w, i) == TOKEN_USER || type_of(w, i) == TOKEN_UNKNOWN; }

/* tokenizer_config.json: class, special tokens, what is added, chat template. */
static bool write_config(const words *w, const char *class_name, bool decoder) {
    static const struct { const char *gguf, *hf; } names[] = { { "bos", "bos_token" }, { "eos", "eos_token" }, { "unknown", "unk_token" }, { "padding", "pad_token" } };
    json_t *j = json_object(), *list = json_object();
    gguf_text chat = { "", 0 };
    json_object_set_new(j, "tokenizer_class", json_string(class_name));
    json_object_set_new(j, "add_bos_token", json_boolean(flag_of(w, "add_bos_token", strcmp(w->model, "llama") == 0)));
    json_object_set_new(j, "add_eos_token", json_boolean(flag_of(w, "add_eos_token", false)));
    json_object_set_new(j, "clean_up_tokenization_spaces", json_false());
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        int64_t id = id_of(w, names[i].gguf);
        if (id >= 0) json_object_set_new(j, names[i].hf, text_json(w->tokens[id]));
    }
    for (size_t i = 0; decoder && i < w->n; i++) {
        char id[24];
        snprintf(id, sizeof id, "%zu", i);
        if (is_added(w, i)) json_object_set_new(list, id, added_entry(w, i));
    }
    if (decoder) json_object_set_new(j, "legacy", json_false());
    if (json_object_size(list)) json_object_set_new(j, "added_tokens_decoder", list);
    else json_decref(list);
    if (gguf_str(w->g, "tokenizer.chat_template", &chat, NULL) && chat.len) json_object_set_new(j, "chat_template", text_json(chat));
    return put_json(w, "tokenizer_config.json", j);
}

static json_t *split_step(const char *regex) {
    return json_pack("{s:s, s:{s:s}, s:s, s:b}", "type", "Split", "pattern", "Regex", regex, "behavior", "Isolated", "invert", 0);
}

static bool pre_json(const words *w, json_t **out, unsigned *flags) {
    json_t *steps = json_array();
    const char *regex;
    for (size_t k = 0; (regex = pretok_gguf_regex(*w->pre ? w->pre : "gpt-2", k, flags)); k++) json_array_append_new(steps, split_step(regex));
    if (!json_array_size(steps)) {
        json_decref(steps);
        return err_set(w->e, ERR_UNSUPPORTED, "the pre-tokenizer '%s' has no form in tokenizer.json", w->pre);
    }
    json_array_append_new(steps, json_pack("{s:s, s:b, s:b, s:b}", "type", "ByteLevel", "add_prefix_space", 0, "trim_offsets", 0, "use_regex", 0));
    *out = json_pack("{s:s, s:o}", "type", "Sequence", "pretokenizers", steps);
    return true;
}

static json_t *post_json(const words *w, unsigned flags) {
    int64_t bos = id_of(w, "bos"), eos = id_of(w, "eos");
    bool first = bos >= 0 && flag_of(w, "add_bos_token", flags & PRE_BOS), last = eos >= 0 && flag_of(w, "add_eos_token", false);
    json_t *single = json_array(), *pair = json_array(), *tokens = json_object();
    for (int half = 0; half < 3; half++) {
        json_t *to = half ? pair : single;
        for (int end = 0; end < 3; end++) {
            int64_t id = end == 0 && first ? bos : end == 2 && last ? eos : -1;
            const char *sequence = half == 2 ? "B" : "A";
            if (end == 1) json_array_append_new(to, json_pack("{s:{s:s, s:i}}", "Sequence", "id", sequence, "type_id", half == 2));
            else if (id >= 0) json_array_append_new(to, json_pack("{s:{s:o, s:i}}", "SpecialToken", "id", text_json(w->tokens[id]), "type_id", half == 2));
            if (id >= 0) {
                char *key = mem_must_copy(w->tokens[id].data, w->tokens[id].len);
                json_object_set_new(tokens, key, json_pack("{s:s, s:[I], s:[s]}", "id", key, "ids", (json_int_t)id, "tokens", key));
                free(key);
            }
        }
    }
    if (!first && !last) {
        json_decref(single), json_decref(pair), json_decref(tokens);
        return json_pack("{s:s, s:b, s:b, s:b}", "type", "ByteLevel", "add_prefix_space", 0, "trim_offsets", 0, "use_regex", 0);
    }
    return json_pack("{s:s, s:o, s:o, s:o}", "type", "TemplateProcessing", "single", single, "pair", pair, "special_tokens", tokens);
}

static json_t *bpe_json(const words *w, unsigned flags) {
    json_t *vocab = json_object(), *merges = json_array();
    for (size_t i = 0; i < w->n; i++) {
        char *key = mem_must_copy(w->tokens[i].data, w->tokens[i].len);
        if (type_of(w, i) == TOKEN_NORMAL) json_object_set_new_nocheck(vocab, key, json_integer((json_int_t)i));
        free(key);
    }
    for (size_t i = 0; i < w->n_merges; i++) json_array_append_new(merges, text_json(w->merges[i]));
    return json_pack("{s:s, s:n, s:n, s:n, s:n, s:b, s:b, s:b, s:o, s:o}", "type", "BPE", "dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix", "fuse_unk", 0,
                     "byte_fallback", 0, "ignore_merges", (int)((flags & PRE_WHOLE_WORDS) != 0), "vocab", vocab, "merges", merges);
}

static bool write_fast(const words *w) {
    json_t *pre = NULL, *added = json_array();
    unsigned flags = 0;
    if (!pre_json(w, &pre, &flags)) return json_decref(added), false;
    for (size_t i = 0; i < w->n; i++) {
        if (!is_added(w, i)) continue;
        json_t *entry = added_entry(w, i);
        json_object_set_new(entry, "id", json_integer((json_int_t)i));
        json_array_append_new(added, entry);
    }
    json_t *normalizer = flags & PRE_NFC ? json_pack("{s:s}", "type", "NFC") : json_null();
    json_t *decoder = json_pack("{s:s, s:b, s:b, s:b}", "type", "ByteLevel", "add_prefix_space", 0, "trim_offsets", 0, "use_regex", 0);
    json_t *j = json_pack("{s:s, s:n, s:n, s:o, s:o, s:o, s:o, s:o, s:o}", "version", "1.0", "truncation", "padding", "added_tokens", added, "normalizer", normalizer, "pre_tokenizer", pre,
                          "post_processor", post_json(w, flags), "decoder", decoder, "model", bpe_json(w, flags));
    return put_json(w, "tokenizer.json", j) && write_config(w, "PreTrainedTokenizerFast", false);
}

/* Protobuf, as much of it as sentencepiece_model.proto needs. */
static void varint(buf *b, uint64_t v) {
    for (; v >= 128; v >>= 7) buf_putc(b, (char)(v | 128));
    buf_putc(b, (char)v);
}
static void field_int(buf *b, uint32_t number, int64_t v) { varint(b, (uint64_t)number << 3), varint(b, (uint64_t)v); }
static void field_bytes(buf *b, uint32_t number, const char *data, size_t n) { varint(b, (uint64_t)number << 3 | 2), varint(b, n), buf_put(b, data, n); }

static void put_piece(buf *out, gguf_text text, float score, int type) {
    buf piece = { 0 };
    field_bytes(&piece, 1, text.data, text.len);
    varint(&piece, 2 << 3 | 5);
    buf_put(&piece, &score, sizeof score);
    if (type != TOKEN_NORMAL) field_int(&piece, 3, type);
    field_bytes(out, 1, piece.data, piece.len);
    buf_free(&piece);
}

static bool write_spm(const words *w) {
    buf out = { 0 }, trainer = { 0 }, normalizer = { 0 };
    int64_t unk = id_of(w, "unknown");
    char *path = file_join(w->dir, "tokenizer.model");
    for (size_t i = 0; i < w->n; i++) {
        int type = type_of(w, i);
        if (unk < 0 && type == TOKEN_UNKNOWN) unk = (int64_t)i;
        put_piece(&out, w->tokens[i], w->n_scores ? w->scores[i] : 0, unk == (int64_t)i ? TOKEN_UNKNOWN : type);
    }
    field_int(&trainer, 3, 2); /* BPE */
    field_int(&trainer, 4, (int64_t)w->n);
    field_int(&trainer, 35, 1);
    field_int(&trainer, 40, unk >= 0 ? unk : 0);
    field_int(&trainer, 41, id_of(w, "bos"));
    field_int(&trainer, 42, id_of(w, "eos"));
    field_int(&trainer, 43, id_of(w, "padding"));
    field_bytes(&out, 2, trainer.data, trainer.len);
    field_bytes(&normalizer, 1, "identity", 8);
    field_int(&normalizer, 3, flag_of(w, "add_space_prefix", true));
    field_int(&normalizer, 4, flag_of(w, "remove_extra_whitespaces", false));
    field_int(&normalizer, 5, 1);
    field_bytes(&out, 3, normalizer.data, normalizer.len);
    bool ok = outfile_put(path, out.data, out.len, w->e) && write_config(w, "LlamaTokenizer", true);
    buf_free(&out), buf_free(&trainer), buf_free(&normalizer);
    free(path);
    return ok;
}

bool to_hf_tokenizer(const gguf *g, const char *dir, err *e) {
    words w = { .g = g, .dir = dir, .e = e };
    bool ok = read_words(&w);
    if (ok && !w.n) ok = true; /* weights alone */
    else if (ok && strcmp(w.model, "gpt2") == 0) ok = write_fast(&w);
    else if (ok && strcmp(w.model, "llama") == 0) ok = write_spm(&w);
    else if (ok) ok = err_set(e, ERR_UNSUPPORTED, "a vocabulary of kind '%s' has no form in the directory", w.model) || err_expected(e, "gpt2 or llama");
    drop_words(&w);
    return ok;
}
