/* Everything loaded to talk to a model: its file, weights, tokenizer, chat template, engine. Owned by whoever opened it;
 * immutable after opening except through the engine, so any thread may use it. */
#ifndef PINGTI_INFER_LLM_H
#define PINGTI_INFER_LLM_H
#include "infer/engine.h"
#include "infer/grammars.h"
#include "model/source.h"
#include "text/detok.h"
#include "text/template.h"
#include "text/tokenizer.h"

typedef struct llm {
    model_source *source;
    model *model;
    tokenizer *tokenizer;
    char *template_source;      /* the model's chat template as text, or NULL */
    char *tool_template_source; /* a separate template for tools, or NULL */
    chat_template *chat;        /* NULL: none, or see chat_error */
    err chat_error;             /* why there is a template_source but no chat */
    model_source *draft_source; /* NULL: none */
    model *draft;
    engine *engine;
    int32_t *stop_ids;          /* end-of-turn tokens: the tokenizer's and generation_config's */
    size_t n_stop_ids;
    grammars *grammars;
    sample_params defaults;     /* generation_config.json's, else temperature 0.8, top_p 0.95 */
} llm;

typedef struct llm_options {
    runner_options run;
    bool no_guesses;     /* see engine.h */
    size_t most_guesses;
    const char *draft;   /* a smaller model with the same vocabulary, that guesses; NULL: none */
} llm_options;

llm *llm_open(const char *path, const llm_options *o, err *e);
/* A draft computes with the model's threads, in the memory that the model leaves, as far as its own context reaches. */
runner_options llm_draft_options(const runner_options *o, const memory_plan *p, const model *draft);
void llm_close(llm *l);

/* Tokenizer of any file that has a vocabulary, whatever its architecture. */
tokenizer *llm_open_tokenizer(const char *path, err *e);
/* The chat template text of a file or directory (free()); NULL with an error when it has none. tools: prefer the tool template. */
char *llm_open_template(const char *path, bool tools, err *e);

/* Renders a conversation (template_input as in text/template.h; bos/eos are filled in here) and tokenizes it; text that came
 * from outside never becomes a control token. */
bool llm_chat_tokens(const llm *l, const template_input *in, token_list *out, err *e);

/* One answer as text. Whole code points of text arrive as they are decided; text that could still become a stop string is held
 * back. on_text returns false to stop. tokens (or NULL) sees every sampled token. */
typedef struct generate_options {
    const int32_t *prompt;
    size_t n_prompt, max_tokens;
    sample_params sample;
    grammar *grammar; /* what the answer must follow (grammars_get), or NULL */
    const char *const *stop;
    size_t n_stop;
    const char *const *dry_breakers; /* with sample.dry; none: dry_default_breakers */
    size_t n_dry_breakers;
    bool heal; /* heal.h; what the last token said already is not part of the text */
    bool ignore_stop, no_prefix_cache, show_control;
    bool (*on_text)(void *ctx, const char *text, size_t n);
    void (*on_token)(void *ctx, const sampled *t);
    void *ctx;
} generate_options;

typedef struct generate_result {
    finish_reason finish;
    const char *stop_string; /* the one that ended it, borrowed from the options, or NULL */
    size_t healed; /* bytes at the end of the prompt that the answer's first token covers */
    request_usage usage;
} generate_result;

bool llm_generate(llm *l, const generate_options *o, generate_result *result, err *e);
#endif
