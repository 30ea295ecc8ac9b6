/* From a model's file to its tokenizer, chat template and generation defaults. */
#include "infer/load.h"
#include "base/file.h"
#include "base/mem.h"
#include <stdio.h>
#include <string.h>

/* What a vocab_source borrows while it is being used. */
typedef struct vocab_arrays {
    gguf_text *tokens, *merges;
    float *scores;
    int32_t *types;
    char model[32], pre[64];
} vocab_arrays;

static bool id_of(const gguf *g, const char *name, int64_t *out, err *e) {
    char key[96];
    *out = -1;
    snprintf(key, sizeof key, "tokenizer.ggml.%s_token_id", name);
    return gguf_int(g, key, -1, INT32_MAX, out, e);
}

static bool flag_of(const gguf *g, const char *key, int *out, err *e) {
    bool v = false;
    *out = -1;
    if (!gguf_has(g, key)) return true;
    if (!gguf_bool(g, key, &v, e)) return false;
    *out = v;
    return true;
}

static bool read_ids(const gguf *g, vocab_source *v, err *e) {
    return id_of(g, "bos", &v->bos, e) && id_of(g, "eos", &v->eos, e) && id_of(g, "eot", &v->eot, e) && id_of(g, "eom", &v->eom, e) &&
           id_of(g, "unknown", &v->unk, e) && id_of(g, "seperator", &v->sep, e) && id_of(g, "padding", &v->pad, e) &&
           id_of(g, "cls", &v->cls, e) && id_of(g, "mask", &v->mask, e) && flag_of(g, "tokenizer.ggml.add_bos_token", &v->add_bos, e) &&
           flag_of(g, "tokenizer.ggml.add_eos_token", &v->add_eos, e) &&
           flag_of(g, "tokenizer.ggml.add_space_prefix", &v->add_space_prefix, e) &&
           flag_of(g, "tokenizer.ggml.remove_extra_whitespaces", &v->remove_extra_whitespaces, e);
}

static bool read_name(const gguf *g, const char *key, char *out, size_t cap, err *e) {
    gguf_text t = { "", 0 };
    if (!gguf_str(g, key, &t, e)) return false;
    snprintf(out, cap, "%.*s", (int)(t.len < cap ? t.len : cap - 1), t.data);
    return true;
}

static bool counts_agree(const vocab_source *v, size_t n_scores, size_t n_types, err *e) {
    if ((n_scores && n_scores != v->n_tokens) || (n_types && n_types != v->n_tokens))
        return err_set(e, ERR_FORMAT, "the vocabulary's arrays have different lengths") ||
               err_got(e, "%zu tokens, %zu scores, %zu types", v->n_tokens, n_scores, n_types);
    return true;
}

/* Both are a pointer and a length; the rooms of text and format do not know each other. */
static const vocab_text *as_vocab(const gguf_text *t) {
    _Static_assert(sizeof(vocab_text) == sizeof(gguf_text) && offsetof(vocab_text, len) == offsetof(gguf_text, len), "same layout");
    return (const void *)t;
}

static tokenizer *from_gguf(const gguf *g, err *e) {
    vocab_source v = { 0 };
    vocab_arrays a = { 0 };
    size_t n_scores = 0, n_types = 0;
    tokenizer *t = NULL;
    if (!read_name(g, "tokenizer.ggml.model", a.model, sizeof a.model, e) || !read_name(g, "tokenizer.ggml.pre", a.pre, sizeof a.pre, e) ||
        !gguf_strings(g, "tokenizer.ggml.tokens", &a.tokens, &v.n_tokens, e) || !gguf_strings(g, "tokenizer.ggml.merges", &a.merges, &v.n_merges, e) ||
        !gguf_f32s(g, "tokenizer.ggml.scores", &a.scores, &n_scores, e) || !gguf_i32s(g, "tokenizer.ggml.token_type", &a.types, &n_types, e) ||
        !counts_agree(&v, n_scores, n_types, e) || !read_ids(g, &v, e))
        goto done;
    if (!a.model[0] || !v.n_tokens) {
        err_set(e, ERR_FORMAT, "the file holds no vocabulary");
        err_expected(e, "tokenizer.ggml.model and tokenizer.ggml.tokens");
        goto done;
    }
    v.model = a.model;
    v.pre = a.pre[0] ? a.pre : NULL;
    v.tokens = as_vocab(a.tokens);
    v.merges = as_vocab(a.merges);
    v.scores = n_scores ? a.scores : NULL;
    v.types = n_types ? a.types : NULL;
    t = tokenizer_from_vocab(&v, e);
done:
    free(a.tokens);
    free(a.merges);
    free(a.scores);
    free(a.types);
    return t;
}

tokenizer *load_tokenizer(const model_source *s, err *e) {
    tokenizer *t = s->gguf ? from_gguf(s->gguf, e) : tokenizer_from_dir(s->path, e);
    if (!t && !e->where[0]) err_where(e, "%s", s->path);
    return t;
}

static char *gguf_text_copy(const gguf *g, const char *key, err *e) {
    gguf_text t = { NULL, 0 };
    if (!gguf_str(g, key, &t, e) || !t.data) return NULL;
    return mem_must_copy(t.data, t.len);
}

char *load_template(const model_source *s, bool tools, err *e) {
    err_clear(e);
    if (s->gguf) return gguf_text_copy(s->gguf, tools ? "tokenizer.chat_template.tool_use" : "tokenizer.chat_template", e);
    const char *text = tools ? s->hf.tool_template : s->hf.chat_template;
    return text ? mem_must_copy(text, strlen(text)) : NULL;
}

static bool hf_sampling(const json_t *g, sample_params *p, err *e) {
    double temperature = p->temperature, top_p = p->top_p, min_p = p->min_p, repeat = p->repeat_penalty;
    int64_t top_k = p->top_k;
    bool sample = true;
    if (!js_bool(g, "do_sample", &sample, e) || !js_real(g, "temperature", &temperature, e) || !js_real(g, "top_p", &top_p, e) ||
        !js_real(g, "min_p", &min_p, e) || !js_real(g, "repetition_penalty", &repeat, e) || !js_int(g, "top_k", 0, 1 << 24, &top_k, e))
        return false;
    p->temperature = (float)(sample ? temperature : 0);
    p->top_p = (float)top_p;
    p->min_p = (float)min_p;
    p->repeat_penalty = (float)repeat;
    p->top_k = (uint32_t)top_k;
    return true;
}

bool load_sampling(const model_source *s, sample_params *p, err *e) {
    *p = (sample_params){ .temperature = 0.8f, .top_p = 0.95f, .repeat_penalty = 1 };
    return !s->hf.generation || hf_sampling(s->hf.generation, p, e);
}

static void put_id(token_list *l, int64_t id) {
    for (size_t i = 0; i < l->n; i++)
        if (l->ids[i] == id) return;
    if (id >= 0 && id <= INT32_MAX) token_list_put(l, (int32_t)id);
}

static void put_json_ids(token_list *l, const json_t *v) {
    if (json_is_integer(v)) put_id(l, json_integer_value(v));
    for (size_t i = 0; i < json_array_size(v); i++)
        if (json_is_integer(json_array_get(v, i))) put_id(l, json_integer_value(json_array_get(v, i)));
}

void load_stop_ids(const model_source *s, const tokenizer *t, token_list *out) {
    if (s->hf.generation) put_json_ids(out, js_get(s->hf.generation, "eos_token_id"));
    if (s->hf.config) put_json_ids(out, js_get(s->hf.config, "eos_token_id"));
    for (size_t i = 0; i < tokenizer_n_tokens(t); i++)
        if (tokenizer_is_eog(t, (int32_t)i)) put_id(out, (int64_t)i);
}
