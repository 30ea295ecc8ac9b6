/* general.*: what the model is called, by whom, from what, and how to sample it; from the model card, config.json and the directory's name. */
#include "convert/hf.h"
#include "base/mem.h"
#include "convert/model_card.h"
#include "convert/model_name.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct general {
    gguf_writer *w;
    const model_source *s;
    model_card card;
    uint64_t parameters;
} general;

static void put(general *g, const char *key, const char *value) {
    if (value && *value && !gguf_is_set(g->w, key)) gguf_set_str(g->w, key, value);
}

static void put_sampling(general *g) {
    static const struct { const char *hf, *gguf; bool whole; } keys[] = {
        { "top_k", "general.sampling.top_k", true },      { "top_p", "general.sampling.top_p", false },
        { "min_p", "general.sampling.min_p", false },     { "temperature", "general.sampling.temp", false },
        { "penalty_last_n", "general.sampling.penalty_last_n", true },
        { "penalty_repeat", "general.sampling.penalty_repeat", false }, { "repetition_penalty", "general.sampling.penalty_repeat", false },
    };
    for (size_t i = 0; g->s->hf.generation && i < sizeof keys / sizeof *keys; i++) {
        int64_t whole = 0;
        double real = 0;
        if (!js_get(g->s->hf.generation, keys[i].hf) || gguf_is_set(g->w, keys[i].gguf)) continue;
        if (keys[i].whole && js_int(g->s->hf.generation, keys[i].hf, INT32_MIN, INT32_MAX, &whole, NULL)) gguf_set_i32(g->w, keys[i].gguf, (int32_t)whole);
        else if (!keys[i].whole && js_real(g->s->hf.generation, keys[i].hf, &real, NULL)) gguf_set_f32(g->w, keys[i].gguf, (float)real);
    }
}

/* The name's parts, for what the card does not say. */
static void put_name(general *g, const char *id) {
    model_name n;
    char title[256];
    model_name_split(id, g->parameters, &n);
    model_name_title(n.full, title, sizeof title);
    put(g, "general.name", title);
    model_name_title(n.organization, title, sizeof title);
    put(g, "general.organization", title);
    put(g, "general.basename", n.base);
    put(g, "general.finetune", n.tune);
    put(g, "general.version", n.version);
    put(g, "general.size_label", n.size);
}

static void put_card(general *g) {
    static const struct { const char *card, *gguf; } keys[] = {
        { "name", "general.name" },               { "author", "general.author" },           { "version", "general.version" },
        { "organization", "general.organization" }, { "description", "general.description" }, { "finetune", "general.finetune" },
        { "basename", "general.basename" },       { "size_label", "general.size_label" },   { "url", "general.source.url" },
        { "doi", "general.source.doi" },          { "uuid", "general.source.uuid" },        { "repo_url", "general.source.repo_url" },
        { "model_name", "general.name" },         { "model_author", "general.author" },     { "model_version", "general.version" },
        { "model_organization", "general.organization" }, { "model_description", "general.description" },
        { "model_creator", "general.author" },    { "model_type", "general.basename" },     { "license", "general.license" },
        { "license_name", "general.license.name" }, { "license_link", "general.license.link" },
    };
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) put(g, keys[i].gguf, model_card_text(&g->card, keys[i].card));
}

static void put_list(general *g, const char *key, const char *first, const char *second) {
    const card_entry *a = model_card_find(&g->card, first), *b = model_card_find(&g->card, second);
    size_t n = 0, most = (a ? a->n : 0) + (b ? b->n : 0);
    gguf_text *texts = mem_must(most ? most : 1, sizeof *texts);
    for (size_t i = 0; a && i < a->n; i++) texts[n++] = (gguf_text){ a->items[i], strlen(a->items[i]) };
    for (size_t i = 0; b && i < b->n; i++) texts[n++] = (gguf_text){ b->items[i], strlen(b->items[i]) };
    if (n) gguf_set_texts(g->w, key, texts, n);
    free(texts);
}

/* general.base_model.N.*, general.dataset.N.*: ids of the hub, or addresses. */
static void put_origin(general *g, const char *kind, const char *id, size_t i) {
    char key[64], title[256];
    model_name n;
    bool address = strstr(id, "://") != NULL;
    model_name_split(address ? "" : id, g->parameters, &n);
    snprintf(key, sizeof key, "general.%s.%zu.name", kind, i);
    model_name_title(n.full, title, sizeof title);
    put(g, key, title);
    snprintf(key, sizeof key, "general.%s.%zu.version", kind, i);
    put(g, key, n.version);
    snprintf(key, sizeof key, "general.%s.%zu.organization", kind, i);
    model_name_title(n.organization, title, sizeof title);
    put(g, key, title);
    snprintf(key, sizeof key, "general.%s.%zu.repo_url", kind, i);
    if (address) snprintf(title, sizeof title, "%s", id);
    else snprintf(title, sizeof title, "https://huggingface.co/%.220s", id);
    if (address || n.organization[0]) put(g, key, title);
}

static void put_origins(general *g, const char *kind, const char *const names[3]) {
    const card_entry *e = NULL;
    char key[64];
    for (int i = 0; i < 3 && !e; i++) e = model_card_find(&g->card, names[i]);
    if (!e || !e->n) return;
    snprintf(key, sizeof key, "general.%s.count", kind);
    gguf_set_u32(g->w, key, (uint32_t)e->n);
    for (size_t i = 0; i < e->n; i++) put_origin(g, kind, e->items[i], i);
}

void hf_plan_general(plan *p, const model_source *s, const char *name, uint64_t shared, uint64_t expert, uint32_t experts) {
    general g = { .w = p->keys, .s = s, .parameters = shared + expert * experts };
    char label[80], *real = realpath(s->path, NULL);
    const char *id = "", *folder = real ? strrchr(real, '/') : NULL;
    model_card_read(&g.card, s->path);
    gguf_set_str(p->keys, "general.type", "model");
    put_sampling(&g);
    put(&g, "general.name", name);
    put_card(&g);
    js_str(s->hf.config, "_name_or_path", &id, NULL);
    const char *slash = strchr(id, '/');
    if (*id && !(slash && strchr(slash + 1, '/'))) put_name(&g, id); /* a name of the hub, no path */
    if (folder && folder[1]) put_name(&g, folder + 1);
    put(&g, "general.name", "model");
    model_size_label(shared, expert, experts, label, sizeof label);
    put(&g, "general.size_label", label);
    put_origins(&g, "base_model", (const char *const[]){ "base_model", "base_models", "base_model_sources" });
    put_origins(&g, "dataset", (const char *const[]){ "datasets", "dataset", "dataset_sources" });
    put_list(&g, "general.tags", "tags", "pipeline_tag");
    put_list(&g, "general.languages", "languages", "language");
    model_card_free(&g.card);
    free(real);
}
