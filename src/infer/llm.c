#include "infer/llm.h"
#include "base/mem.h"
#include "infer/load.h"
#include <pthread.h>
#include <string.h>

static bool load_chat(llm *l, err *e) {
    l->template_source = load_template(l->source, false, e);
    if (!l->template_source && e->code) return false;
    l->tool_template_source = load_template(l->source, true, e);
    if (!l->tool_template_source && e->code) return false;
    if (l->template_source) l->chat = chat_template_parse(l->template_source, strlen(l->template_source), &l->chat_error);
    return true;
}

static bool load_text(llm *l, err *e) {
    token_list stop = { 0 };
    if (!(l->tokenizer = load_tokenizer(l->source, e)) || !load_chat(l, e) || !load_sampling(l->source, &l->defaults, e)) return false;
    load_stop_ids(l->source, l->tokenizer, &stop);
    l->stop_ids = stop.ids;
    l->n_stop_ids = stop.n;
    l->grammars = grammars_new(l->tokenizer, l->stop_ids, l->n_stop_ids);
    return true;
}

static bool vocabularies_agree(const llm *l, err *e) {
    size_t known = tokenizer_n_tokens(l->tokenizer);
    if (known <= l->model->spec.vocab) return true;
    return err_set(e, ERR_FORMAT, "the tokenizer has more tokens than the model") || err_where(e, "%s", l->source->path) ||
           err_expected(e, "at most %u", l->model->spec.vocab) || err_got(e, "%zu", known) ||
           err_hint(e, "tokenizer and weights are of different models");
}

/* The tokenizer is read beside the weights: it takes as long as they do, and needs nothing of them. */
typedef struct text_loading {
    llm *l;
    pthread_t thread;
    bool threaded, ok;
    err e;
} text_loading;

static void *load_text_main(void *arg) {
    text_loading *t = arg;
    t->ok = load_text(t->l, &t->e);
    return NULL;
}

static void begin_text(text_loading *t, llm *l) {
    *t = (text_loading){ .l = l };
    t->threaded = pthread_create(&t->thread, NULL, load_text_main, t) == 0;
}

static void end_text(text_loading *t) {
    if (t->threaded) pthread_join(t->thread, NULL);
    else load_text_main(t);
}

/* Of several reasons the first in the order of the file is told: weights, text, whether they fit together, memory. */
static runner *load_all(llm *l, const runner_options *o, err *e) {
    text_loading text;
    begin_text(&text, l);
    err memory = { 0 };
    l->model = model_open(l->source, e);
    runner *r = l->model ? runner_new(l->model, o, &memory) : NULL;
    end_text(&text);
    if (l->model && !text.ok) *e = text.e;
    bool ok = l->model && text.ok && vocabularies_agree(l, e);
    if (ok && !r) *e = memory;
    if (ok) return r;
    runner_free(r);
    return NULL;
}

/* Guesses are ids: they must mean the same to both. */
static bool same_vocabulary(const tokenizer *a, const tokenizer *b, err *e) {
    size_t n = tokenizer_n_tokens(a), m = tokenizer_n_tokens(b), la = 0, lb = 0;
    for (size_t i = 0; i < n && i < m; i++) {
        const char *x = tokenizer_spelling(a, (int32_t)i, &la), *y = tokenizer_spelling(b, (int32_t)i, &lb);
        if (la != lb || memcmp(x, y, la) != 0)
            return err_set(e, ERR_USAGE, "the draft model has another vocabulary") || err_expected(e, "token %zu to be '%.*s'", i, (int)(la < 64 ? la : 64), x) ||
                   err_got(e, "'%.*s'", (int)(lb < 64 ? lb : 64), y) || err_hint(e, "take a smaller model of the same family, or leave out --draft");
    }
    return n == m || err_set(e, ERR_USAGE, "the draft model has another vocabulary") || err_expected(e, "%zu tokens", n) || err_got(e, "%zu", m) ||
           err_hint(e, "take a smaller model of the same family, or leave out --draft");
}

runner_options llm_draft_options(const runner_options *o, const memory_plan *p, const model *draft) {
    runner_options ro = *o;
    ro.context = p->context < draft->spec.context ? p->context : draft->spec.context;
    ro.cache_tokens = p->cache_tokens + SPECULATE_MOST * KV_PAGE_TOKENS;
    ro.memory_limit = p->available > p->total ? p->available - p->total : 1;
    ro.prof = NULL;
    return ro;
}

static runner *draft_runner(llm *l, runner *main, const runner_options *o, err *e) {
    runner_options ro = llm_draft_options(o, runner_plan(main), l->draft);
    ro.pool = runner_pool(main);
    if (l->draft->spec.vocab >= tokenizer_n_tokens(l->tokenizer)) return runner_new(l->draft, &ro, e);
    err_set(e, ERR_FORMAT, "the tokenizer has more tokens than the draft model");
    return NULL;
}

static runner *open_draft(llm *l, const char *path, runner *main, const runner_options *o, err *e) {
    tokenizer *t = llm_open_tokenizer(path, e);
    bool same = t && same_vocabulary(l->tokenizer, t, e);
    tokenizer_free(t);
    if (!same || !(l->draft_source = model_source_open(path, e)) || !(l->draft = model_open(l->draft_source, e))) return NULL;
    return draft_runner(l, main, o, e);
}

llm *llm_open(const char *path, const llm_options *o, err *e) {
    engine_setup setup = { .no_guesses = o->no_guesses, .most_guesses = o->most_guesses };
    llm *l = mem_must(1, sizeof *l);
    l->source = model_source_open(path, e);
    runner *r = l->source ? load_all(l, &o->run, e) : NULL;
    bool drafts = r && o->draft && !o->no_guesses, ok = r && (!drafts || (setup.draft = open_draft(l, o->draft, r, &o->run, e)));
    setup.text = l->tokenizer;
    if (ok && (l->engine = engine_start_with(r, tokenizer_n_tokens(l->tokenizer), &setup, e))) return l;
    if (drafts && !ok) err_context(e, "the draft model (--draft)");
    if (!ok) runner_free(r);
    llm_close(l);
    return NULL;
}

void llm_close(llm *l) {
    if (!l) return;
    engine_stop(l->engine);
    chat_template_free(l->chat);
    free(l->template_source);
    free(l->tool_template_source);
    grammars_free(l->grammars);
    free(l->stop_ids);
    tokenizer_free(l->tokenizer);
    model_close(l->draft);
    model_source_close(l->draft_source);
    model_close(l->model);
    model_source_close(l->source);
    free(l);
}

static bool ends_with(const char *s, const char *end) { return strlen(s) >= strlen(end) && strcmp(s + strlen(s) - strlen(end), end) == 0; }

tokenizer *llm_open_tokenizer(const char *path, err *e) {
    err as_model, as_file;
    model_source *s = model_source_open_metadata(path, &as_model);
    if (!s) { /* a tokenizer.json or tokenizer.model by itself */
        tokenizer *alone = tokenizer_from_file(path, &as_file);
        bool named_so = ends_with(path, ".json") || ends_with(path, "tokenizer.model");
        if (!alone) *e = named_so ? as_file : as_model; /* the reason that fits what the file says it is */
        return alone;
    }
    tokenizer *t = load_tokenizer(s, e);
    model_source_close(s);
    return t;
}

char *llm_open_template(const char *path, bool tools, err *e) {
    model_source *s = model_source_open_metadata(path, e);
    if (!s) return NULL;
    char *text = load_template(s, tools, e);
    if (!text && tools && !e->code) text = load_template(s, false, e);
    if (!text && !e->code) {
        err_set(e, ERR_FORMAT, "the model has no chat template");
        err_where(e, "%s", path);
        err_hint(e, "give one with --template FILE");
    }
    model_source_close(s);
    return text;
}

static const char *spelling(const tokenizer *t, int32_t id, char out[256]) {
    size_t n = 0;
    const char *s = id >= 0 ? tokenizer_spelling(t, id, &n) : NULL;
    if (!s || n > 255) n = 0;
    memcpy(out, s ? s : "", n);
    out[n] = 0;
    return out;
}

bool llm_chat_tokens(const llm *l, const template_input *in, token_list *out, err *e) {
    char bos[256], eos[256];
    template_input filled = *in;
    template_output text = { 0 };
    if (!l->chat) {
        if (l->template_source) return *e = l->chat_error, false;
        return err_set(e, ERR_UNSUPPORTED, "the model has no chat template") || err_hint(e, "use plain completion (`pingti run`), or give a template");
    }
    filled.bos_token = spelling(l->tokenizer, tokenizer_bos(l->tokenizer), bos);
    filled.eos_token = spelling(l->tokenizer, tokenizer_eos(l->tokenizer), eos);
    size_t before = out->n;
    bool ok = chat_template_render(l->chat, &filled, &text, e);
    /* BOS by the tokenizer as well, unless the template wrote it */
    bool has_bos = bos[0] && text.text.len >= strlen(bos) && memcmp(buf_str(&text.text), bos, strlen(bos)) == 0;
    unsigned flags = TOKENIZE_PARSE_SPECIAL | (has_bos ? 0 : TOKENIZE_ADD_SPECIAL);
    ok = ok && tokenizer_encode_marked(l->tokenizer, buf_str(&text.text), text.text.len, flags, text.untrusted, text.n_untrusted, out, e);
    /* a post-processor may close the text with EOS: the answer has yet to come */
    if (ok && out->n > before && tokenizer_adds_eos(l->tokenizer) && out->ids[out->n - 1] == tokenizer_eos(l->tokenizer) && (flags & TOKENIZE_ADD_SPECIAL)) out->n--;
    template_output_free(&text);
    return ok;
}
