/* Options that several commands share, as tables and the structs they fill, and the turning of them into what the library
 * takes. Plain data; owned by the command's options. */
#ifndef PINGTI_CLI_COMMON_OPTIONS_H
#define PINGTI_CLI_COMMON_OPTIONS_H
#include "cli/cli.h"
#include "base/mem.h"
#include "infer/llm.h"

#define ROWS(a) a, sizeof a / sizeof *a
/* A table as a part of a command's options. */
#define PART(table, type, member) { &table, offsetof(type, member) }

/* Which model. */
typedef struct model_choice {
    const char *model, *models;
} model_choice;
extern const opt_table model_choice_table;

/* How it is run. */
typedef struct engine_options {
    int64_t threads, batch, speculate;
    uint64_t context, cache_tokens, memory_limit;
    int cache_type;
    bool exact, memory_plan;
    const char *draft, *backend, *packed_dir, *profile;
    uint64_t packed_limit;
} engine_options;
extern const opt_table engine_table;

/* How tokens are chosen. */
typedef struct sampling_options {
    int64_t max_tokens, top_k, repeat_last, seed, logprobs, mirostat, dry_allowed, dry_last;
    double temp, top_p, min_p, repeat_penalty, presence_penalty, frequency_penalty;
    double typical_p, xtc_probability, xtc_threshold, dynatemp_range, dynatemp_exp, mirostat_tau, mirostat_eta, dry_multiplier, dry_base;
    opt_list stop, logit_bias, dry_breakers;
    bool temp_last;
    const char *grammar, *json_schema;
    bool ignore_eos, no_cache, json_compact;
} sampling_options;
extern const opt_table sampling_table;

/* Options of these tables that were given and could do nothing. */
bool common_options_check(const opt_state *s, err *e);

/* The path of the model that -m names or, where the command allows it, the first argument; an error that says how to give one. */
const char *choice_path(opt_state *s, const model_choice *c, const char *argument, err *e);

bool engine_runner_options(const engine_options *o, runner_options *out, err *e);
/* The folder of packed weights, "" when there is none. */
bool engine_packed_dir(const engine_options *o, char *out, size_t cap, err *e);
/* Says on standard error what became of packed weights, where there is something to say. NULL: nothing. */
void say_placed(const placement *p);
/* The model's own defaults with what was given over them; the seed is drawn when none was given. bias: free() later. */
bool sampling_params(const sampling_options *o, const opt_state *s, const sample_params *defaults, sample_params *out, logit_bias **bias,
                     err *e);

/* What --grammar or --json-schema asks for, read and compiled; NULL without an error: neither was given. */
grammar *sampling_grammar(const sampling_options *o, const llm *l, err *e);
/* The same in two steps, for whoever keeps the text. memory: free() after the text's last use; nothing given: neither text is set. */
bool sampling_grammar_source(const sampling_options *o, grammar_source *s, char **memory, err *e);
bool sampling_grammar_compile(const sampling_options *o, const llm *l, const grammar_source *s, grammar **out, err *e);

/* Opens a model to talk to, says on standard error what had to be lowered, and puts it under Ctrl-C. prof: times it, or NULL. */
llm *open_llm(const char *path, const engine_options *o, bool quiet, prof *prof, err *e);
/* --memory-plan: prints what it would take, allocating nothing. */
int print_memory_plan(const char *path, const engine_options *o, bool json);
json_t *memory_plan_json(const memory_plan *p);
#endif
