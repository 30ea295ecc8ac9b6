/* Everything about a model file that needs no running: gathered once, shown by inspect as text or JSON. Owned by the caller;
 * what could not be learnt carries the reason. */
#ifndef PINGTI_CLI_INSPECT_FACTS_H
#define PINGTI_CLI_INSPECT_FACTS_H
#include "cli/common_options.h"

typedef struct format_use {
    char name[24];
    size_t count;
    uint64_t bytes;
    bool known; /* this build computes with it */
} format_use;

typedef struct plan_line {
    uint32_t context;
    memory_plan plan;
    err error; /* does not fit */
} plan_line;

enum { FACTS_MAX_FORMATS = 48, FACTS_MAX_PLANS = 8 };

typedef struct model_facts {
    model_source *source;
    char name[256];
    model_spec spec;
    bool has_spec;
    err spec_error;
    uint64_t parameters, tensor_bytes;
    format_use formats[FACTS_MAX_FORMATS]; /* most bytes first */
    size_t n_formats;
    tokenizer *tokenizer;
    err tokenizer_error;
    char *chat_template;
    err chat_error;
    sample_params sampling;
    bool has_sampling;
    plan_line plans[FACTS_MAX_PLANS];
    size_t n_plans;
    err plan_error;
} model_facts;

bool facts_open(model_facts *f, const char *path, const runner_options *o, err *e);
void facts_close(model_facts *f);
const char *facts_type_name(const model_source *s, size_t tensor);
json_t *facts_json(const model_facts *f, bool tensors, bool metadata);
#endif
