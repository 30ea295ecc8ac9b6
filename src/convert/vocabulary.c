#include "convert/vocabulary.h"
#include "base/file.h"
#include "base/mem.h"
#include "text/pretok.h"
#include <stdio.h>
#include <string.h>

enum { MAX_FILE = 128 << 20 };

static bool start(vocabulary *v, const model_source *s, size_t n, err *e) {
    *v = (vocabulary){ .s = s, .n = n, .mem = arena_new(0), .e = e };
    v->tokens = arena_try(v->mem, n, sizeof *v->tokens);
    v->scores = arena_try(v->mem, n, sizeof *v->scores);
    v->types = arena_try(v->mem, n, sizeof *v->types);
    if (!v->tokens || !v->scores || !v->types) return err_set(e, ERR_MEMORY, "out of memory for a vocabulary of %zu tokens", n);
    for (size_t i = 0; i < n; i++) {
        char pad[32];
        int len = snprintf(pad, sizeof pad, "[PAD%zu]", i);
        v->tokens[i] = (gguf_text){ arena_copy(v->mem, pad, (size_t)len), (size_t)len };
        v->scores[i] = -10000;
        v->types[i] = TOKEN_UNUSED;
        if (!v->tokens[i].data) return err_set(e, ERR_MEMORY, "out of memory for a vocabulary of %zu tokens", n);
    }
    return true;
}

bool vocabulary_set(vocabulary *v, int64_t id, const char *text, size_t len, float score, int type) {
    if (id < 0 || (size_t)id >= v->n)
        return err_set(v->e, ERR_FORMAT, "token '%.*s' has an id outside the vocabulary", (int)(len < 60 ? len : 60), text) || err_where(v->e, "%s", v->s->path) ||
               err_expected(v->e, "below %zu (vocab_size)", v->n) || err_got(v->e, "%lld", (long long)id);
    const char *copy = arena_copy(v->mem, text, len);
    if (!copy) return err_set(v->e, ERR_MEMORY, "out of memory for the vocabulary");
    v->tokens[id] = (gguf_text){ copy, len };
    v->scores[id] = score;
    v->types[id] = type;
    return true;
}

static char *path_in(const model_source *s, const char *name) {
    char *path = file_join(s->path, name);
    if (file_exists(path)) return path;
    free(path);
    return NULL;
}

static void put_tokens(const vocabulary *v, gguf_writer *w, const char *model, const char *pre, bool scores) {
    gguf_set_str(w, "tokenizer.ggml.model", model);
    gguf_set_str(w, "tokenizer.ggml.pre", pre);
    gguf_set_texts(w, "tokenizer.ggml.tokens", v->tokens, v->n);
    if (scores) gguf_set_array(w, "tokenizer.ggml.scores", GGUF_F32, v->scores, v->n);
    gguf_set_array(w, "tokenizer.ggml.token_type", GGUF_I32, v->types, v->n);
    if (v->n_merges) gguf_set_texts(w, "tokenizer.ggml.merges", v->merges, v->n_merges);
}

/* A file with any other name would be refused by llama.cpp and by this program. */
static bool pre_known(const char *given, err *e) {
    buf names = { 0 };
    char name[64];
    if (pretok_gguf_name_known(given)) return true;
    for (size_t i = 0; i < 12 && pretok_gguf_name_at(i, name); i++) buf_printf(&names, "%s%s", i ? ", " : "", name);
    err_set(e, ERR_USAGE, "--pre: there are no splitting rules of the name '%.60s'", given);
    err_expected(e, "%s and others", buf_str(&names));
    err_hint(e, "leave it out: the name is found by comparing what the rules do");
    buf_free(&names);
    return false;
}

/* Only byte-level vocabularies are preceded by rules that have a name. */
static bool pre_counts(const vocabulary *v, const char *given, bool any, bool bytes) {
    if (any && bytes) return true;
    return err_set(v->e, ERR_USAGE, any ? "--pre does nothing here: a SentencePiece vocabulary has no splitting rules" : "--pre does nothing here: the directory has no tokenizer") ||
           err_where(v->e, "%s", v->s->path) || err_got(v->e, "'%.60s'", given) || err_hint(v->e, "leave it out");
}

/* The name of the splitting rules: what was given, or what cuts text alike. */
static const char *pre_name(const vocabulary *v, const char *given, char out[64]) {
    tokenizer *t = given ? NULL : tokenizer_from_dir(v->s->path, v->e);
    const char *found = t ? tokenizer_guess_pre(t) : NULL;
    if (given) snprintf(out, 64, "%s", given);
    else if (found) snprintf(out, 64, "%.*s", (int)strcspn(found, " "), found);
    if (t && !found) {
        err_set(v->e, ERR_UNSUPPORTED, "the tokenizer splits text by rules that have no name in GGUF");
        err_where(v->e, "%s", v->s->path);
        err_hint(v->e, "--pre NAME takes the responsibility for a name");
    }
    if (t) tokenizer_free(t);
    return given || found ? out : NULL;
}

static bool is_byte_level(const json_t *fast) {
    const json_t *model = json_object_get(fast, "model"), *fallback = json_object_get(model, "byte_fallback");
    return !json_is_true(fallback);
}

static bool add_prefix_key(const model_source *s, gguf_writer *w, err *e) {
    bool v = false;
    if (!s->hf.tokenizer || !js_get(s->hf.tokenizer, "add_prefix_space")) return true;
    if (!js_bool(s->hf.tokenizer, "add_prefix_space", &v, e)) return false;
    gguf_set_bool(w, "tokenizer.ggml.add_space_prefix", v);
    return true;
}

/* Phi-4 keeps a tokenizer.model beside its real, byte-level one. */
static bool wants_spm(const model_source *s) {
    const char *class_name = "";
    if (s->hf.tokenizer) js_str(s->hf.tokenizer, "tokenizer_class", &class_name, NULL);
    return strncmp(class_name, "GPT2Tokenizer", 13) != 0;
}

static bool fill(vocabulary *v, gguf_writer *w, const char *pre, const char *arch_name) {
    char *spm = wants_spm(v->s) ? path_in(v->s, "tokenizer.model") : NULL, *fast = path_in(v->s, "tokenizer.json");
    char *vocab = path_in(v->s, "vocab.json"), *merges = path_in(v->s, "merges.txt"), name[64];
    bool ok = !fast || (v->fast = js_read(fast, MAX_FILE, v->e)), bytes = !spm && (!v->fast || is_byte_level(v->fast));
    if (ok && strcmp(arch_name, "llama") == 0) ok = add_prefix_key(v->s, w, v->e);
    if (ok && spm) ok = vocabulary_from_spm(v, spm);
    else if (ok && v->fast) ok = vocabulary_from_json(v, bytes);
    else if (ok && vocab && merges) ok = vocabulary_from_merges(v, vocab, merges);
    else if (ok) gguf_set_str(w, "tokenizer.ggml.model", "none"); /* weights alone */
    bool any = spm || v->fast || (vocab && merges);
    ok = ok && (!pre || pre_counts(v, pre, any, bytes));
    const char *rules = ok && any ? (bytes ? pre_name(v, pre, name) : "default") : NULL;
    ok = ok && (!any || rules);
    if (ok && any) {
        put_tokens(v, w, bytes ? "gpt2" : "llama", rules, !bytes);
        vocabulary_special_keys(v, w);
    }
    free(spm), free(fast), free(vocab), free(merges);
    return ok;
}

static bool put(gguf_writer *w, const model_source *s, const model_spec *spec, const char *pre, err *e) {
    vocabulary v;
    bool ok = start(&v, s, spec->vocab, e) && (!pre || pre_known(pre, e)) && fill(&v, w, pre, hf_gguf_arch(s->arch));
    json_decref(v.fast);
    arena_free(v.mem);
    return ok;
}

bool hf_plan_vocabulary(plan *p, const model_source *s, const model_spec *spec, const char *pre, err *e) { return put(p->keys, s, spec, pre, e); }

bool hf_override_pre(plan *p, const model_source *s, const model_spec *spec, const char *pre, err *e) {
    gguf_writer *aside = gguf_writer_new();
    bool ok = put(aside, s, spec, pre, e);
    gguf_writer_free(aside);
    if (ok) gguf_set_str(p->keys, "tokenizer.ggml.pre", pre);
    return ok;
}
