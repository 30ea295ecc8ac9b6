/* From a Hugging Face directory: which file holds the vocabulary, and what tokenizer_config.json adds. */
#include "base/file.h"
#include "base/mem.h"
#include "text/tokenizer_impl.h"
#include <string.h>

enum { MAX_FILE = 128 << 20 };

static bool has(const char *dir, const char *name, char **path) {
    *path = file_join(dir, name);
    if (file_exists(*path)) return true;
    free(*path);
    *path = NULL;
    return false;
}

static bool read_json_file(tokenizer *t, const char *path, err *e) {
    json_t *doc = js_read(path, MAX_FILE, e);
    bool ok = doc && tokenizer_read_json(t, doc, e);
    if (!ok && !e->where[0]) err_where(e, "%s", path);
    json_decref(doc);
    return ok;
}

static bool read_spm_file(tokenizer *t, const char *path, err *e) {
    size_t n;
    char *data = file_read(path, MAX_FILE, &n, e);
    bool ok = data && tokenizer_read_spm(t, data, n, e);
    if (!ok && !e->where[0]) err_where(e, "%s", path);
    free(data);
    return ok;
}

static bool read_merges(tokenizer *t, char *text, err *e) {
    size_t rank = 0;
    char *save = NULL;
    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        char *space = strchr(line, ' ');
        size_t n = strlen(line);
        if (n && line[n - 1] == '\r') line[--n] = 0;
        if (!n || strncmp(line, "#version", 8) == 0) continue;
        if (!space) return err_set(e, ERR_FORMAT, "merges.txt has a line that is not two pieces") || err_got(e, "%.80s", line);
        if (!bpe_add_merge(t, rank++, line, (size_t)(space - line), space + 1, strlen(space + 1), e)) return false;
    }
    return true;
}

/* GPT-2's and Qwen2's slow form: the split is known from the class, not from the files. */
static bool read_vocab_and_merges(tokenizer *t, const char *vocab, const char *merges, const char *class_name, err *e) {
    size_t n;
    json_t *doc = js_read(vocab, MAX_FILE, e);
    char *text = doc ? file_read(merges, MAX_FILE, &n, e) : NULL;
    const char *key;
    json_t *id;
    bool qwen = strstr(class_name, "Qwen") != NULL, ok = text != NULL;
    t->model = MODEL_BPE;
    t->byte_level = true;
    if (ok) json_object_foreach(doc, key, id) {
        ok = ok && json_is_integer(id) && tokenizer_set_token(t, json_integer_value(id), key, strlen(key), TOKEN_NORMAL, e);
    }
    unsigned flags = 0;
    ok = ok && read_merges(t, text, e) && pretok_from_gguf_name(&t->pre, qwen ? "qwen2" : "gpt-2", &flags, e);
    if (flags & PRE_NFC) t->norm.steps[t->norm.n++] = (norm_step){ .kind = NORM_NFC };
    json_decref(doc);
    free(text);
    return ok;
}

static bool read_vocab_txt(tokenizer *t, const char *path, err *e) {
    size_t n;
    char *text = file_read(path, MAX_FILE, &n, e), *save = NULL;
    int64_t id = 0;
    bool ok = text != NULL;
    for (char *line = ok ? strtok_r(text, "\n", &save) : NULL; line && ok; line = strtok_r(NULL, "\n", &save)) {
        size_t len = strlen(line);
        if (len && line[len - 1] == '\r') len--;
        ok = tokenizer_set_token(t, id++, line, len, TOKEN_NORMAL, e);
    }
    free(text);
    t->model = MODEL_WORDPIECE;
    t->prefix = "##";
    t->norm.steps[t->norm.n++] = (norm_step){ .kind = NORM_BERT, .clean = true, .chinese = true, .strip_accents = -1, .lower = true };
    t->pre.steps[t->pre.n++] = (pretok_step){ .kind = PRETOK_BERT };
    t->decode[t->n_decode++] = (decode_step){ .kind = DECODE_WORDPIECE, .pattern = "##", .cleanup = true };
    t->unk = tokenizer_find(t, "[UNK]", 5);
    t->bos = tokenizer_find(t, "[CLS]", 5);
    t->eos = tokenizer_find(t, "[SEP]", 5);
    if (t->bos >= 0 && t->eos >= 0) {
        t->post[0].id = t->bos;
        t->post[1].id = -1;
        t->post[2].id = t->eos;
        t->n_post = 3;
    }
    return ok;
}

/* A special token is a string or an object with its content. */
static int32_t named_token(const tokenizer *t, const json_t *config, const char *key, int32_t otherwise) {
    const json_t *v = json_object_get(config, key);
    if (json_is_object(v)) v = json_object_get(v, "content");
    int32_t id = json_is_string(v) ? tokenizer_find(t, json_string_value(v), json_string_length(v)) : -1;
    return id >= 0 ? id : otherwise;
}

static bool is_true(const json_t *v, bool otherwise) { return json_is_boolean(v) ? json_is_true(v) : otherwise; }

static bool read_decoder_tokens(tokenizer *t, const json_t *config, err *e) {
    const char *key;
    json_t *v, *list = json_object_get(config, "added_tokens_decoder");
    json_object_foreach(list, key, v) {
        const json_t *text = json_object_get(v, "content");
        int64_t id = strtoll(key, NULL, 10);
        if (!json_is_string(text)) return err_set(e, ERR_FORMAT, "an added token of tokenizer_config.json has no content");
        bool special = is_true(json_object_get(v, "special"), false);
        added_token a = { json_string_value(text), (uint32_t)json_string_length(text), (int32_t)id, special, is_true(json_object_get(v, "normalized"), !special),
                          is_true(json_object_get(v, "lstrip"), false), is_true(json_object_get(v, "rstrip"), false), is_true(json_object_get(v, "single_word"), false) };
        bool known = id >= 0 && (size_t)id < t->n && t->tokens[id].type == TOKEN_CONTROL;
        if (known) continue; /* the vocabulary's own control tokens are added already */
        if (!tokenizer_set_token(t, id, a.text, a.len, special ? TOKEN_CONTROL : TOKEN_USER, e) || !tokenizer_add_special(t, &a, e)) return false;
    }
    return true;
}

/* Directories without tokenizer.json: BOS and EOS by the flags, and Llama's default when there are none. */
static void surround(tokenizer *t, const json_t *config, bool spm) {
    bool bos = is_true(json_object_get(config, "add_bos_token"), spm) && t->bos >= 0, eos = is_true(json_object_get(config, "add_eos_token"), false) && t->eos >= 0;
    t->n_post = 0;
    if (bos) t->post[t->n_post++].id = t->bos;
    t->post[t->n_post++].id = -1;
    if (eos) t->post[t->n_post++].id = t->eos;
}

static bool apply_config(tokenizer *t, const json_t *config, bool fast, bool spm, bool words, err *e) {
    if (config && !fast && !read_decoder_tokens(t, config, e)) return false;
    t->bos = named_token(t, config, "bos_token", t->bos);
    t->eos = named_token(t, config, "eos_token", t->eos);
    t->pad = named_token(t, config, "pad_token", t->pad);
    if (!fast && !words) surround(t, config, spm);
    t->adds_bos = t->n_post > 1 && t->post[0].id >= 0;
    t->adds_eos = t->n_post > 1 && t->post[t->n_post - 1].id >= 0;
    return true;
}

static json_t *read_config(const char *dir, err *e, bool *ok) {
    char *path;
    *ok = true;
    if (!has(dir, "tokenizer_config.json", &path)) return NULL;
    json_t *config = js_read(path, MAX_FILE, e);
    free(path);
    *ok = config != NULL;
    return config;
}

tokenizer *tokenizer_from_dir(const char *dir, err *e) {
    tokenizer *t = tokenizer_new();
    char *path = NULL, *merges = NULL;
    bool ok, fast = false, spm = false, words = false;
    json_t *config = read_config(dir, e, &ok);
    const char *class_name = json_string_value(json_object_get(config, "tokenizer_class"));
    if (ok && has(dir, "tokenizer.json", &path)) ok = read_json_file(t, path, e), fast = true;
    else if (ok && has(dir, "tokenizer.model", &path)) ok = read_spm_file(t, path, e), spm = true;
    else if (ok && has(dir, "vocab.json", &path) && has(dir, "merges.txt", &merges)) ok = read_vocab_and_merges(t, path, merges, class_name ? class_name : "", e);
    else if (ok && has(dir, "vocab.txt", &path)) ok = read_vocab_txt(t, path, e), words = true;
    else if (ok) ok = err_set(e, ERR_IO, "the directory has no tokenizer") || err_where(e, "%s", dir) || err_expected(e, "tokenizer.json, tokenizer.model, vocab.json with merges.txt, or vocab.txt");
    ok = ok && apply_config(t, config, fast, spm, words, e) && tokenizer_finish(t, e);
    json_decref(config);
    free(path);
    free(merges);
    if (ok) return t;
    tokenizer_free(t);
    return NULL;
}

tokenizer *tokenizer_from_bytes(const char *data, size_t n, const char *name, err *e) {
    tokenizer *t = tokenizer_new();
    size_t i = 0;
    while (i < n && (data[i] == ' ' || data[i] == '\n' || data[i] == '\r' || data[i] == '\t')) i++;
    bool fast = i < n && data[i] == '{', ok;
    json_t *doc = fast ? js_parse(data, n, name, e) : NULL;
    if (fast) ok = doc && tokenizer_read_json(t, doc, e);
    else ok = tokenizer_read_spm(t, data, n, e);
    json_decref(doc);
    if (ok && apply_config(t, NULL, fast, !fast, false, e) && tokenizer_finish(t, e)) return t;
    tokenizer_free(t);
    return NULL;
}

tokenizer *tokenizer_from_file(const char *path, err *e) {
    size_t n;
    char *data = file_read(path, MAX_FILE, &n, e);
    tokenizer *t = data ? tokenizer_from_bytes(data, n, path, e) : NULL;
    free(data);
    return t;
}
