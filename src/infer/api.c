/* The public functions of include/pingti.h: thin, over infer/llm. */
#include "pingti.h"
#include "backend/backend.h"
#include "base/mem.h"
#include "infer/llm.h"
#include <stdio.h>
#include <string.h>

struct pt_engine {
    llm *l;
};

static pt_code code_of(err_code c) {
    static const pt_code codes[] = { [ERR_NONE] = PT_OK,     [ERR_IO] = PT_IO,         [ERR_FORMAT] = PT_FORMAT, [ERR_UNSUPPORTED] = PT_UNSUPPORTED,
                                     [ERR_LIMIT] = PT_LIMIT, [ERR_MEMORY] = PT_MEMORY, [ERR_USAGE] = PT_USAGE,   [ERR_CANCELLED] = PT_CANCELLED };
    return codes[c];
}

static pt_code give_error(const err *e, pt_error *out) {
    if (out) {
        out->code = code_of(e->code);
        err_format(e, out->text, sizeof out->text);
    }
    return code_of(e->code);
}

static bool cache_type_of(const char *name, dtype *t, err *e) {
    *t = DTYPE_F16;
    if (!name) return true;
    if (strcmp(name, "f16") == 0) return true;
    if (strcmp(name, "f32") == 0) return *t = DTYPE_F32, true;
    if (strcmp(name, "q8_0") == 0) return *t = DTYPE_Q8_0, true;
    return err_set(e, ERR_USAGE, "there is no cache type '%s'", name) || err_expected(e, "f16, q8_0 or f32");
}

pt_engine *pt_open(const char *path, const pt_options *options, pt_error *error) {
    static const pt_options defaults;
    const pt_options *o = options ? options : &defaults;
    llm_options lo = { .run = { .threads = o->threads, .context = o->context, .backend = o->backend, .precision = o->exact ? PRECISION_EXACT : PRECISION_FAST },
                       .draft = o->draft, .no_guesses = o->guesses < 0, .most_guesses = o->guesses > 0 ? (size_t)o->guesses : 0 };
    err e = { 0 };
    llm *l = path && cache_type_of(o->cache_type, &lo.run.cache_type, &e) ? llm_open(path, &lo, &e) : NULL;
    if (!path) err_set(&e, ERR_USAGE, "no path was given");
    if (!l) return give_error(&e, error), NULL;
    pt_engine *engine = mem_must(1, sizeof *engine);
    engine->l = l;
    return engine;
}

void pt_close(pt_engine *engine) {
    if (!engine) return;
    llm_close(engine->l);
    free(engine);
}

static pt_code give_tokens(bool ok, token_list *list, pt_tokens *out, const err *e, pt_error *error) {
    if (!ok) {
        token_list_free(list);
        return give_error(e, error);
    }
    *out = (pt_tokens){ list->ids, list->n };
    return PT_OK;
}

pt_code pt_tokenize(const pt_engine *engine, const char *text, size_t n, int add_special, pt_tokens *out, pt_error *error) {
    token_list list = { 0 };
    err e = { 0 };
    bool ok = tokenizer_encode(engine->l->tokenizer, text, n, add_special ? TOKENIZE_ADD_SPECIAL : 0, &list, &e);
    return give_tokens(ok, &list, out, &e, error);
}

void pt_tokens_free(pt_tokens *tokens) {
    if (!tokens) return;
    free(tokens->ids);
    *tokens = (pt_tokens){ 0 };
}

char *pt_detokenize(const pt_engine *engine, const int32_t *ids, size_t n, pt_error *error) {
    buf text = { 0 };
    err e = { 0 };
    if (tokenizer_decode(engine->l->tokenizer, ids, n, false, &text)) return buf_take(&text);
    buf_free(&text);
    err_set(&e, ERR_USAGE, "an id is not in the vocabulary");
    give_error(&e, error);
    return NULL;
}

void pt_text_free(char *text) { free(text); }

pt_code pt_chat_tokens(const pt_engine *engine, const char *messages_json, pt_tokens *out, pt_error *error) {
    token_list list = { 0 };
    err e = { 0 };
    json_t *messages = js_parse(messages_json, strlen(messages_json), "messages", &e);
    if (messages && !json_is_array(messages)) {
        err_set(&e, ERR_USAGE, "messages are not a JSON array");
        json_decref(messages);
        messages = NULL;
    }
    bool ok = false;
    if (messages) {
        template_input in = { .messages = messages, .add_generation_prompt = true };
        ok = llm_chat_tokens(engine->l, &in, &list, &e);
        json_decref(messages);
    }
    return give_tokens(ok, &list, out, &e, error);
}

typedef struct text_sink {
    pt_callback call;
    void *user;
} text_sink;

static bool pass_on(void *ctx, const char *text, size_t n) {
    const text_sink *s = ctx;
    return !s->call || s->call(s->user, text, n) == 0;
}

static sample_params params_of(const pt_params *p) {
    return (sample_params){ .temperature = p->temperature, .top_k = p->top_k, .top_p = p->top_p, .min_p = p->min_p, .repeat_penalty = p->repeat_penalty,
                            .presence_penalty = p->presence_penalty, .frequency_penalty = p->frequency_penalty, .seed = p->seed,
                            .typical_p = p->typical_p, .xtc_probability = p->xtc_probability, .xtc_threshold = p->xtc_threshold,
                            .dynamic_range = p->dynamic_range, .dynamic_exponent = p->dynamic_exponent, .temperature_last = p->temperature_last != 0,
                            .mirostat = p->mirostat, .mirostat_tau = p->mirostat_tau, .mirostat_eta = p->mirostat_eta,
                            .dry = { p->dry_multiplier, p->dry_base, p->dry_allowed_length, p->dry_last, NULL } };
}

/* NULL without an error: none is wanted. */
static grammar *grammar_of(const pt_engine *engine, const pt_params *p, err *e) {
    const char *text = p->grammar ? p->grammar : p->json_schema;
    grammar_source s = { .gbnf = p->grammar, .schema = p->json_schema, .n = text ? strlen(text) : 0 };
    return text ? grammars_get(engine->l->grammars, &s, e) : NULL;
}

pt_code pt_generate(pt_engine *engine, const pt_tokens *prompt, const pt_params *params, pt_callback on_text, void *user, pt_result *result,
                    pt_error *error) {
    static const pt_params defaults;
    const pt_params *p = params ? params : &defaults;
    text_sink sink = { on_text, user };
    generate_options o = { .prompt = prompt->ids, .n_prompt = prompt->n, .max_tokens = p->max_tokens, .sample = params_of(p), .stop = p->stop,
                           .n_stop = p->n_stop, .on_text = pass_on, .ctx = &sink, .dry_breakers = p->dry_breakers, .n_dry_breakers = p->n_dry_breakers,
                           .heal = p->heal != 0 };
    generate_result r;
    err e = { 0 };
    o.grammar = grammar_of(engine, p, &e);
    bool ok = !e.code && llm_generate(engine->l, &o, &r, &e);
    grammar_unref(o.grammar);
    if (!ok) return give_error(&e, error);
    pt_finish why = r.finish == FINISH_STOP ? PT_FINISH_STOP : r.finish == FINISH_LENGTH ? PT_FINISH_LENGTH : PT_FINISH_CANCELLED;
    if (result)
        *result = (pt_result){ why, r.usage.prompt_tokens, r.usage.cached_tokens, r.usage.generated_tokens, r.usage.prompt_seconds, r.usage.generate_seconds,
                               r.usage.guessed_tokens, r.usage.accepted_tokens, r.usage.forced_tokens };
    if (why != PT_FINISH_CANCELLED) return PT_OK;
    err_set(&e, ERR_CANCELLED, "the generation was cancelled");
    return give_error(&e, error);
}

void pt_cancel(pt_engine *engine) { engine_cancel_all(engine->l->engine); }
const char *pt_version(void) { return PINGTI_VERSION; }
const char *pt_kernels(void) { return backend_kernels_name(); }
