/* A model to run step by step, without the engine: for measuring. Owned by the command. */
#ifndef PINGTI_CLI_LOADED_H
#define PINGTI_CLI_LOADED_H
#include "cli/common_options.h"

typedef struct loaded {
    model_source *source;
    model *model;
    runner *runner;
    runner *exact; /* a second one in exact mode, or NULL */
} loaded;

/* context: tokens that are needed; with_exact: a second runner for comparison. On failure everything is let go. */
bool loaded_open(loaded *l, const char *path, const engine_options *o, uint32_t context, bool with_exact, err *e);
void loaded_close(loaded *l);

/* Tokens [from, to) of s through the runner, `rows` at a time; wants: LOGITS_NONE, or LOGITS_ALL handed to `row` one by one
 * (position, its logits). False: the cache has no pages left. */
typedef void (*loaded_row)(void *ctx, size_t position, const float *logits);
bool loaded_run(runner *r, seq *s, size_t from, size_t to, size_t rows, loaded_row row, void *ctx, err *e);
#endif
