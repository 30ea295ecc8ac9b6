/* Which tokens are special, which are added around a text, and the chat templates. The rules are those of llama.cpp's converter: the
 * post-processor says what is added, tokenizer_config.json which token is which, config.json where that is silent. */
#include "convert/vocabulary.h"
#include <stdio.h>
#include <string.h>

typedef struct special {
    const vocabulary *v;
    gguf_writer *w;
    const char *bos, *cls, *eos, *sep; /* texts, or NULL */
    const char *eot, *eom;             /* the end of a turn, where the post-processor ends texts with another token */
    int add_bos, add_eos, add_sep;     /* 0, 1, or -1: not said */
} special;

static const char *content(const json_t *config, const char *key) {
    const json_t *x = config ? json_object_get(config, key) : NULL;
    if (json_is_object(x)) x = json_object_get(x, "content");
    return json_is_string(x) ? json_string_value(x) : NULL;
}

static bool same(const char *a, const char *b) { return a && b && strcmp(a, b) == 0; }

static const char *token_of(const json_t *piece) {
    const json_t *id = json_object_get(json_object_get(piece, "SpecialToken"), "id");
    return json_is_string(id) ? json_string_value(id) : NULL;
}

static void template_last(special *s, const char *last) {
    if (!same(last, s->eos)) {
        if (!s->eot) s->eot = s->eos;
        else s->eom = s->eos;
        s->eos = last;
    }
    s->add_eos = 1;
}

/* A pair as A, separator(s), B between the ends: whether a separator is one of this model's. */
static void template_pair(special *s, const json_t *pair, const char *first, const char *last) {
    size_t from = 0, to = json_array_size(pair);
    if (to && first && same(token_of(json_array_get(pair, 0)), first)) from++;
    if (to > from && last && same(token_of(json_array_get(pair, to - 1)), last)) to--;
    const json_t *a = json_object_get(json_array_get(pair, from), "Sequence"), *b = to ? json_object_get(json_array_get(pair, to - 1), "Sequence") : NULL;
    if (to < from + 3 || !same(content(a, "id"), "A") || !same(content(b, "id"), "B")) return;
    const char *one = token_of(json_array_get(pair, from + 1)), *two = to - from == 4 ? token_of(json_array_get(pair, from + 2)) : NULL;
    s->add_sep = (!last && one && (same(one, s->sep) || same(one, s->eos))) || (two && (same(two, s->sep) || same(two, s->eos)));
}

static void read_template(special *s, const json_t *p) {
    const json_t *single = json_object_get(p, "single");
    size_t n = json_array_size(single);
    const char *first = n > 1 ? token_of(json_array_get(single, 0)) : NULL, *last = n > 1 ? token_of(json_array_get(single, n - 1)) : NULL;
    if (first) {
        if (!same(first, s->bos) && !same(first, s->cls)) {
            if (!s->bos) s->bos = first;
            if (!s->cls) s->cls = first;
        }
        s->add_bos = same(first, s->bos) || same(first, s->cls);
    }
    if (last) template_last(s, last);
    template_pair(s, json_object_get(p, "pair"), first, last);
}

static void read_post(special *s, const json_t *p) {
    const char *type = json_string_value(json_object_get(p, "type"));
    const json_t *list = json_object_get(p, "processors");
    for (size_t i = 0; i < json_array_size(list); i++) read_post(s, json_array_get(list, i));
    if (!type) return;
    if (strcmp(type, "ByteLevel") == 0) {
        if (s->add_bos < 0) s->add_bos = 0;
        if (s->add_eos < 0) s->add_eos = 0;
    } else if (strcmp(type, "RobertaProcessing") == 0) s->add_bos = s->add_eos = s->add_sep = 1;
    else if (strcmp(type, "TemplateProcessing") == 0) read_template(s, p);
}

/* The id of an added token by its text; -1. */
static int64_t added_id(const special *s, const char *text) {
    const json_t *list = json_object_get(s->v->fast, "added_tokens");
    for (size_t i = 0; text && i < json_array_size(list); i++) {
        const json_t *a = json_array_get(list, i), *c = json_object_get(a, "content"), *id = json_object_get(a, "id");
        if (json_is_string(c) && json_is_integer(id) && strcmp(json_string_value(c), text) == 0) return json_integer_value(id);
    }
    return -1;
}

static int64_t vocabulary_id(const vocabulary *v, const char *text) {
    for (size_t i = 0; text && i < v->n; i++)
        if (v->types[i] != TOKEN_UNUSED && v->tokens[i].len == strlen(text) && memcmp(v->tokens[i].data, text, v->tokens[i].len) == 0) return (int64_t)i;
    return -1;
}

static void put_id(const special *s, const char *type, const char *gguf, const char *text) {
    char key[64];
    int64_t id = added_id(s, text);
    snprintf(key, sizeof key, "%s_token_id", type);
    const json_t *own = json_object_get(s->v->s->hf.config, key);
    if (id < 0 && json_is_integer(own)) id = json_integer_value(own);
    if (id < 0 && !s->v->fast) id = vocabulary_id(s->v, text);
    if (id < 0 || (size_t)id >= s->v->n) return;
    snprintf(key, sizeof key, "tokenizer.ggml.%s_token_id", gguf);
    gguf_set_u32(s->w, key, (uint32_t)id);
}

static void put_add(const special *s, const char *type, int value) {
    char key[64];
    bool own = false;
    const json_t *config = s->v->s->hf.tokenizer;
    snprintf(key, sizeof key, "add_%s_token", type);
    if (value < 0 && config && js_get(config, key) && js_bool(config, key, &own, NULL)) value = own;
    if (value < 0) return;
    snprintf(key, sizeof key, "tokenizer.ggml.add_%s_token", type);
    gguf_set_bool(s->w, key, value);
}

/* "tool_use" and others beside the default one. */
static void put_named_templates(const special *s) {
    const json_t *list = s->v->s->hf.tokenizer ? json_object_get(s->v->s->hf.tokenizer, "chat_template") : NULL;
    gguf_text names[16];
    size_t n = 0;
    char key[128];
    if (s->v->s->hf.tool_template) {
        gguf_set_str(s->w, "tokenizer.chat_template.tool_use", s->v->s->hf.tool_template);
        names[n++] = (gguf_text){ "tool_use", 8 };
    }
    for (size_t i = 0; json_is_array(list) && i < json_array_size(list) && n < 16; i++) {
        const char *name = content(json_array_get(list, i), "name"), *text = content(json_array_get(list, i), "template");
        if (!name || !text || strcmp(name, "default") == 0 || strcmp(name, "tool_use") == 0 || strlen(name) > 64) continue;
        snprintf(key, sizeof key, "tokenizer.chat_template.%s", name);
        gguf_set_str(s->w, key, text);
        names[n++] = (gguf_text){ name, strlen(name) };
    }
    if (n) gguf_set_texts(s->w, "tokenizer.chat_templates", names, n);
}

void vocabulary_special_keys(const vocabulary *v, gguf_writer *w) {
    const json_t *config = v->s->hf.tokenizer;
    special s = { .v = v, .w = w, .bos = content(config, "bos_token"), .cls = content(config, "cls_token"), .eos = content(config, "eos_token"),
                  .sep = content(config, "sep_token"), .eot = content(config, "eot_token"), .eom = content(config, "eom_token"), .add_bos = -1, .add_eos = -1, .add_sep = -1 };
    if (v->fast) {
        if (!s.bos) s.bos = s.cls;
        if (!s.eos) s.eos = s.sep;
        read_post(&s, json_object_get(v->fast, "post_processor"));
    }
    put_id(&s, "bos", "bos", s.bos);
    put_id(&s, "eos", "eos", s.eos);
    put_id(&s, "unk", "unknown", content(config, "unk_token"));
    put_id(&s, "sep", "seperator", s.sep);
    put_id(&s, "pad", "padding", content(config, "pad_token"));
    put_id(&s, "cls", "cls", s.cls);
    put_id(&s, "mask", "mask", content(config, "mask_token"));
    if (s.eot) put_id(&s, "eot", "eot", s.eot);
    if (s.eom) put_id(&s, "eom", "eom", s.eom);
    put_add(&s, "bos", s.add_bos);
    put_add(&s, "eos", s.add_eos);
    put_add(&s, "sep", s.add_sep);
    put_named_templates(&s);
    if (v->s->hf.chat_template) gguf_set_str(w, "tokenizer.chat_template", v->s->hf.chat_template);
}
