/* Tokens, scores, types and merges from the files that hold them. Types as llama.cpp's converter gives them. */
#include "base/file.h"
#include "base/mem.h"
#include "convert/vocabulary.h"
#include <string.h>

enum { MAX_FILE = 128 << 20 };
#define SPACE_MARK "\xe2\x96\x81" /* U+2581 */

static bool surrounded(const char *s, size_t n, const char *from, const char *to) {
    size_t a = strlen(from), b = strlen(to);
    return n >= a + b && memcmp(s, from, a) == 0 && memcmp(s + n - b, to, b) == 0;
}

/* Added tokens that are meant as control tokens though they do not say so. */
static bool looks_special(const char *s, size_t n) {
    static const char *const names[] = { "<pad>", "<mask>", "<2mass>", "[@BOS@]" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (n == strlen(names[i]) && memcmp(s, names[i], n) == 0) return true;
    return surrounded(s, n, "<|", "|>") || surrounded(s, n, "<\xef\xbd\x9c", "\xef\xbd\x9c>") || surrounded(s, n, "<unused", ">");
}

/* An added token; in those of the user U+2581 is a space already. */
static bool set_added(vocabulary *v, int64_t id, const json_t *text, bool special, bool plain_spaces) {
    const char *s = json_string_value(text);
    size_t n = json_string_length(text);
    buf plain = { 0 };
    bool control = special || (plain_spaces && looks_special(s, n));
    for (size_t i = 0; i < n;) {
        bool mark = !control && plain_spaces && n - i >= 3 && memcmp(s + i, SPACE_MARK, 3) == 0;
        if (mark) buf_putc(&plain, ' ');
        else buf_putc(&plain, s[i]);
        i += mark ? 3 : 1;
    }
    bool ok = vocabulary_set(v, id, buf_str(&plain), plain.len, -1000, control ? TOKEN_CONTROL : TOKEN_USER);
    buf_free(&plain);
    return ok;
}

static bool read_added_json(vocabulary *v) {
    char *path = file_join(v->s->path, "added_tokens.json");
    json_t *doc = file_exists(path) ? js_read(path, MAX_FILE, v->e) : NULL, *id;
    const char *key;
    bool ok = doc || !file_exists(path);
    json_object_foreach(doc, key, id)
        if (ok && json_is_integer(id) && json_integer_value(id) < (json_int_t)v->n)
            ok = vocabulary_set(v, json_integer_value(id), key, strlen(key), -1000, TOKEN_USER);
    json_decref(doc);
    free(path);
    return ok;
}

static bool read_added_decoder(vocabulary *v) {
    const char *key;
    json_t *entry, *list = v->s->hf.tokenizer ? js_get(v->s->hf.tokenizer, "added_tokens_decoder") : NULL;
    json_object_foreach(list, key, entry) {
        int64_t id = strtoll(key, NULL, 10);
        const json_t *text = json_object_get(entry, "content");
        if (!json_is_string(text)) return err_set(v->e, ERR_FORMAT, "an added token of tokenizer_config.json has no content");
        if (id >= 0 && (size_t)id < v->n && !set_added(v, id, text, json_is_true(json_object_get(entry, "special")), true)) return false;
    }
    return true;
}

/* Phi-3: tokenizer.json's added tokens are the last word. */
static bool read_added_fast(vocabulary *v, bool plain_spaces) {
    const json_t *list = json_object_get(v->fast, "added_tokens");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *entry = json_array_get(list, i), *text = json_object_get(entry, "content"), *id = json_object_get(entry, "id");
        if (!json_is_string(text) || !json_is_integer(id)) return err_set(v->e, ERR_FORMAT, "added token %zu of tokenizer.json has no content or no id", i);
        if (!set_added(v, json_integer_value(id), text, json_is_true(json_object_get(entry, "special")), plain_spaces)) return false;
    }
    return true;
}

bool vocabulary_from_spm(vocabulary *v, const char *path) {
    tokenizer *t = tokenizer_from_file(path, v->e);
    if (!t) return false;
    bool ok = true;
    for (size_t i = 0; ok && i < tokenizer_n_tokens(t) && i < v->n; i++) {
        size_t n = 0;
        const char *s = tokenizer_spelling(t, (int32_t)i, &n);
        int type = tokenizer_type_of(t, (int32_t)i);
        if (type == TOKEN_USER) type = TOKEN_NORMAL; /* as llama.cpp's converter: user pieces are found by their scores */
        ok = vocabulary_set(v, (int64_t)i, s, n, tokenizer_score_of(t, (int32_t)i), type);
    }
    tokenizer_free(t);
    ok = ok && read_added_json(v) && read_added_decoder(v);
    return ok && (strcmp(v->s->arch, "phi3") != 0 || !v->fast || read_added_fast(v, false));
}

/* A merge as "left right"; a space inside a piece is spelled as byte-level vocabularies spell it. */
static bool put_merge(vocabulary *v, size_t i, const char *a, size_t n, const char *b, size_t m) {
    buf t = { 0 };
    for (size_t k = 0; k < n; k++) a[k] == ' ' ? buf_puts(&t, "\xc4\xa0") : buf_putc(&t, a[k]);
    buf_putc(&t, ' ');
    for (size_t k = 0; k < m; k++) b[k] == ' ' ? buf_puts(&t, "\xc4\xa0") : buf_putc(&t, b[k]);
    const char *copy = arena_copy(v->mem, buf_str(&t), t.len);
    v->merges[i] = (gguf_text){ copy, t.len };
    buf_free(&t);
    return copy || err_set(v->e, ERR_MEMORY, "out of memory for the merges");
}

static bool read_merges(vocabulary *v, const json_t *list) {
    v->n_merges = json_array_size(list);
    v->merges = arena_try(v->mem, v->n_merges ? v->n_merges : 1, sizeof *v->merges);
    if (!v->merges) return err_set(v->e, ERR_MEMORY, "out of memory for %zu merges", v->n_merges);
    for (size_t i = 0; i < v->n_merges; i++) {
        const json_t *m = json_array_get(list, i), *a = json_array_get(m, 0), *b = json_array_get(m, 1);
        const char *s = json_string_value(m), *space = s ? strchr(s, ' ') : NULL;
        bool ok = space ? put_merge(v, i, s, (size_t)(space - s), space + 1, strlen(space + 1))
                        : json_is_string(a) && json_is_string(b) && put_merge(v, i, json_string_value(a), json_string_length(a), json_string_value(b), json_string_length(b));
        if (!ok) return err_set(v->e, ERR_FORMAT, "merge %zu of tokenizer.json is not two pieces", i);
    }
    return true;
}

static bool is_byte_token(const char *s, size_t n) { return n == 6 && memcmp(s, "<0x", 3) == 0 && s[5] == '>' && strspn(s + 3, "0123456789abcdefABCDEF") == 2; }

/* SentencePiece merges by score: the earlier a piece is made, the higher. Llama.cpp's converter gives all of them -1000. */
static void score_by_merges(vocabulary *v, const json_t *ids) {
    for (size_t i = v->n_merges; i-- > 0;) {
        buf joined = { 0 };
        const char *space = memchr(v->merges[i].data, ' ', v->merges[i].len);
        buf_put(&joined, v->merges[i].data, (size_t)(space - v->merges[i].data));
        buf_put(&joined, space + 1, v->merges[i].len - (size_t)(space + 1 - v->merges[i].data));
        const json_t *id = json_object_get(ids, buf_str(&joined));
        if (json_is_integer(id) && json_integer_value(id) >= 0 && (size_t)json_integer_value(id) < v->n) v->scores[json_integer_value(id)] = -(float)(i + 1);
        buf_free(&joined);
    }
    v->n_merges = 0;
}

bool vocabulary_from_json(vocabulary *v, bool byte_level) {
    const json_t *model = json_object_get(v->fast, "model"), *unk = json_object_get(model, "unk_token");
    json_t *ids = json_object_get(model, "vocab"), *id;
    const char *key;
    if (!json_is_object(ids) || !json_is_array(json_object_get(model, "merges")))
        return err_set(v->e, ERR_UNSUPPORTED, "tokenizer.json holds no vocabulary that GGUF has a form for") || err_where(v->e, "%s", v->s->path) || err_expected(v->e, "BPE with vocab and merges");
    json_object_foreach(ids, key, id) {
        size_t n = strlen(key);
        int type = !byte_level && is_byte_token(key, n) ? TOKEN_BYTE : !byte_level && json_is_string(unk) && strcmp(json_string_value(unk), key) == 0 ? TOKEN_UNKNOWN : TOKEN_NORMAL;
        if (!json_is_integer(id)) return err_set(v->e, ERR_FORMAT, "the id of token '%.60s' is not an integer", key);
        if (!vocabulary_set(v, json_integer_value(id), key, n, byte_level ? 0 : -1e6f, type)) return false;
    }
    if (!read_merges(v, json_object_get(model, "merges"))) return false;
    if (!byte_level) score_by_merges(v, ids);
    return read_added_fast(v, true);
}

bool vocabulary_from_merges(vocabulary *v, const char *vocab, const char *merges) {
    size_t n, i = 0;
    json_t *ids = js_read(vocab, MAX_FILE, v->e), *id, *list = json_array();
    char *text = ids ? file_read(merges, MAX_FILE, &n, v->e) : NULL, *save = NULL;
    const char *key;
    bool ok = text != NULL;
    json_object_foreach(ids, key, id) ok = ok && json_is_integer(id) && vocabulary_set(v, json_integer_value(id), key, strlen(key), 0, TOKEN_NORMAL);
    for (char *line = ok ? strtok_r(text, "\r\n", &save) : NULL; line; line = strtok_r(NULL, "\r\n", &save), i++)
        if (!(i == 0 && line[0] == '#' && strncmp(line, "#version", 8) == 0)) json_array_append_new(list, json_string(line));
    ok = ok && read_merges(v, list) && read_added_json(v) && read_added_decoder(v);
    if (!ok && v->e && !v->e->code) err_set(v->e, ERR_FORMAT, "vocab.json is not a list of tokens with their ids");
    json_decref(ids);
    json_decref(list);
    free(text);
    return ok;
}
