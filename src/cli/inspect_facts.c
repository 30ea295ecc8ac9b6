#include "cli/inspect_facts.h"
#include "cli/out.h"
#include "infer/load.h"
#include <stdio.h>
#include <string.h>

const char *facts_type_name(const model_source *s, size_t tensor) {
    dtype t = s->tensors->items[tensor].type;
    if (s->gguf) return gguf_tensor_type_name(s->gguf, tensor);
    return t < DTYPE_COUNT ? dtype_name(t) : "?";
}

static void count_format(model_facts *f, size_t tensor) {
    const named_tensor *t = &f->source->tensors->items[tensor];
    const char *name = facts_type_name(f->source, tensor);
    size_t i = 0;
    while (i < f->n_formats && strcmp(f->formats[i].name, name) != 0) i++;
    if (i == FACTS_MAX_FORMATS) return;
    if (i == f->n_formats) {
        snprintf(f->formats[f->n_formats++].name, sizeof f->formats[i].name, "%s", name);
        f->formats[i].known = t->type < DTYPE_COUNT;
    }
    f->formats[i].count++;
    f->formats[i].bytes += t->bytes;
}

static int by_bytes(const void *a, const void *b) {
    const format_use *x = a, *y = b;
    return x->bytes < y->bytes ? 1 : x->bytes > y->bytes ? -1 : strcmp(x->name, y->name);
}

static void count_tensors(model_facts *f) {
    const tensor_set *all = f->source->tensors;
    for (size_t i = 0; all && i < all->n; i++) {
        uint64_t elements = 1;
        for (uint32_t d = 0; d < all->items[i].n_dims; d++)
            if (!mem_mul(elements, all->items[i].dims[d], &elements)) elements = 0;
        f->parameters += elements;
        f->tensor_bytes += all->items[i].bytes;
        count_format(f, i);
    }
    qsort(f->formats, f->n_formats, sizeof *f->formats, by_bytes);
}

static void find_name(model_facts *f) {
    gguf_text name = { "", 0 };
    const char *hf = "";
    if (f->source->gguf) gguf_str(f->source->gguf, "general.name", &name, NULL);
    else if (f->source->hf.config) js_str(f->source->hf.config, "_name_or_path", &hf, NULL);
    if (name.len) snprintf(f->name, sizeof f->name, "%.*s", (int)(name.len < 255 ? name.len : 255), name.data);
    else if (*hf) snprintf(f->name, sizeof f->name, "%s", hf);
    else if (f->has_spec) snprintf(f->name, sizeof f->name, "%s", f->spec.name);
}

static void read_text_side(model_facts *f) {
    f->tokenizer = load_tokenizer(f->source, &f->tokenizer_error);
    f->chat_template = load_template(f->source, false, &f->chat_error);
    if (f->chat_template) chat_template_free(chat_template_parse(f->chat_template, strlen(f->chat_template), &f->chat_error));
    err ignored = { 0 };
    f->has_sampling = f->source->hf.generation && load_sampling(f->source, &f->sampling, &ignored);
}

static void plan_context(model_facts *f, const model *m, const runner_options *o, uint32_t context) {
    if (f->n_plans == FACTS_MAX_PLANS || (f->n_plans && f->plans[f->n_plans - 1].context >= context)) return;
    plan_line *p = &f->plans[f->n_plans++];
    runner_options ro = *o;
    ro.context = p->context = context;
    memory_plan_make(&p->plan, m, &ro, &p->error);
}

/* A few contexts up to the model's own, or the one that was asked for. */
static void make_plans(model_facts *f, const char *path, const runner_options *o) {
    static const uint32_t contexts[] = { 2048, 8192, 32768, 131072 };
    model_source *s = model_source_open(path, &f->plan_error);
    model *m = s ? model_open(s, &f->plan_error) : NULL;
    if (m && o->context) plan_context(f, m, o, o->context);
    for (size_t i = 0; m && !o->context && i < sizeof contexts / sizeof *contexts; i++)
        if (contexts[i] < m->spec.context) plan_context(f, m, o, contexts[i]);
    if (m && !o->context) plan_context(f, m, o, m->spec.context);
    if (m) f->parameters = m->parameters ? m->parameters : f->parameters;
    if (m) model_close(m);
    model_source_close(s);
}

/* A directory with nothing of a model in it, or nothing that can be read, is no model with parts missing: opening it says why. */
static bool has_nothing(const model_facts *f, const char *path, err *e) {
    const model_source *s = f->source;
    if (s->gguf || s->hf.config || s->weights || f->tokenizer) return false;
    model_source *whole = model_source_open(path, e);
    model_source_close(whole);
    return !whole;
}

bool facts_open(model_facts *f, const char *path, const runner_options *o, err *e) {
    const arch *a;
    *f = (model_facts){ 0 };
    f->source = model_source_open_metadata(path, e);
    if (!f->source) return false;
    f->has_spec = model_read_spec(f->source, &f->spec, &a, &f->spec_error);
    count_tensors(f);
    find_name(f);
    read_text_side(f);
    if (has_nothing(f, path, e)) return facts_close(f), false;
    make_plans(f, path, o);
    return true;
}

void facts_close(model_facts *f) {
    tokenizer_free(f->tokenizer);
    free(f->chat_template);
    model_source_close(f->source);
}

/* ---- JSON ---- */

static json_t *spec_json(const model_spec *s) {
    json_t *j = json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:f, s:b}", "family", s->family, "width", (json_int_t)s->d, "layers",
                          (json_int_t)s->layers, "heads", (json_int_t)s->heads, "kv_heads", (json_int_t)s->kv_heads, "head_dim",
                          (json_int_t)s->head_dim, "feed_forward", (json_int_t)s->ff, "vocabulary", (json_int_t)s->vocab, "context",
                          (json_int_t)s->context, "rope_theta", s->rope.theta, "tied", (int)s->tied);
    if (s->window) json_object_set_new(j, "window", json_integer(s->window));
    if (s->router.experts) {
        json_object_set_new(j, "experts", json_integer(s->router.experts));
        json_object_set_new(j, "experts_used", json_integer(s->router.top_k));
    }
    return j;
}

static json_t *tokenizer_json(const tokenizer *t) {
    return json_pack("{s:s, s:s, s:I, s:i, s:i, s:i, s:i, s:b, s:b}", "kind", tokenizer_kind(t), "pre", tokenizer_pre_name(t), "tokens",
                     (json_int_t)tokenizer_n_tokens(t), "bos", (int)tokenizer_bos(t), "eos", (int)tokenizer_eos(t), "pad", (int)tokenizer_pad(t),
                     "unk", (int)tokenizer_unk(t), "adds_bos", (int)tokenizer_adds_bos(t), "adds_eos", (int)tokenizer_adds_eos(t));
}

static json_t *formats_json(const model_facts *f) {
    json_t *all = json_array();
    for (size_t i = 0; i < f->n_formats; i++)
        json_array_append_new(all, json_pack("{s:s, s:I, s:I, s:b}", "format", f->formats[i].name, "count", (json_int_t)f->formats[i].count,
                                             "bytes", (json_int_t)f->formats[i].bytes, "supported", (int)f->formats[i].known));
    return all;
}

static json_t *plans_json(const model_facts *f) {
    json_t *all = json_array();
    for (size_t i = 0; i < f->n_plans; i++) {
        const plan_line *p = &f->plans[i];
        json_t *j = memory_plan_json(&p->plan);
        json_object_set_new(j, "context", json_integer(p->context));
        json_object_set_new(j, "fits", json_boolean(!p->error.code));
        json_array_append_new(all, j);
    }
    return all;
}

static json_t *tensors_json(const model_source *s) {
    json_t *all = json_array();
    for (size_t i = 0; s->tensors && i < s->tensors->n; i++) {
        const named_tensor *t = &s->tensors->items[i];
        json_t *dims = json_array();
        for (uint32_t d = 0; d < t->n_dims; d++) json_array_append_new(dims, json_integer((json_int_t)t->dims[d]));
        json_array_append_new(all, json_pack("{s:s, s:s, s:o, s:I}", "name", t->name, "format", facts_type_name(s, i), "shape", dims, "bytes", (json_int_t)t->bytes));
    }
    return all;
}

static json_t *metadata_json(const model_source *s) {
    json_t *all = json_object();
    char value[4096];
    if (!s->gguf) return s->hf.config ? json_object_update(all, s->hf.config), all : all;
    for (size_t i = 0; i < gguf_n_keys(s->gguf); i++) {
        gguf_text text = { NULL, 0 };
        if (gguf_key_type(s->gguf, i) == GGUF_STRING && gguf_str(s->gguf, gguf_key(s->gguf, i), &text, NULL) && text.data) {
            json_object_set_new(all, gguf_key(s->gguf, i), out_json_text(text.data, text.len));
            continue;
        }
        gguf_key_show(s->gguf, i, value, sizeof value);
        json_object_set_new(all, gguf_key(s->gguf, i), out_json_text(value, strlen(value)));
    }
    return all;
}

static json_t *reason(const err *e) { return json_string(e->what); }

json_t *facts_json(const model_facts *f, bool tensors, bool metadata) {
    const model_source *s = f->source;
    json_t *j = json_pack("{s:o, s:o, s:s, s:s, s:I, s:I, s:I, s:o, s:o, s:b}", "path", out_json_text(s->path, strlen(s->path)), "name",
                          out_json_text(f->name, strlen(f->name)), "architecture", s->arch, "file", s->gguf ? "gguf" : "huggingface",
                          "file_bytes", (json_int_t)s->file_bytes, "parameters", (json_int_t)f->parameters, "tensor_bytes",
                          (json_int_t)f->tensor_bytes, "formats", formats_json(f), "memory", plans_json(f), "chat_template", f->chat_template != NULL);
    json_object_set_new(j, f->has_spec ? "spec" : "spec_error", f->has_spec ? spec_json(&f->spec) : reason(&f->spec_error));
    json_object_set_new(j, f->tokenizer ? "tokenizer" : "tokenizer_error", f->tokenizer ? tokenizer_json(f->tokenizer) : reason(&f->tokenizer_error));
    if (f->chat_error.code) json_object_set_new(j, "chat_template_error", reason(&f->chat_error));
    if (!f->n_plans) json_object_set_new(j, "memory_error", reason(&f->plan_error));
    if (f->has_sampling)
        json_object_set_new(j, "generation", json_pack("{s:f, s:I, s:f}", "temperature", (double)f->sampling.temperature, "top_k", (json_int_t)f->sampling.top_k, "top_p", (double)f->sampling.top_p));
    if (tensors) json_object_set_new(j, "tensors", tensors_json(s));
    if (metadata) json_object_set_new(j, "metadata", metadata_json(s));
    return j;
}
