/* What a reader notices, measured through the engine as a server would run it: the time to the first token, and the gaps between the
 * tokens of other answers while a long prompt is read. Random prompts, no guesses ahead (every step is one token for each reader). */
#ifndef PINGTI_CLI_BENCH_SERVE_H
#define PINGTI_CLI_BENCH_SERVE_H
#include "cli/bench.h"

typedef struct serve_plan {
    bool first_token;
    lengths prompts, streams; /* streams: how many other answers are read while the longest prompt is */
    int64_t repeats;
    bool quiet;
} serve_plan;

bool serve_wanted(const serve_plan *p);
bool serve_possible(const serve_plan *p, err *e); /* the prompt runs beside so many streams */
size_t serve_rows(const serve_plan *p);         /* of a step that has them all */
uint32_t serve_context(const serve_plan *p);    /* tokens of the longest sequence; 0: nothing is wanted */
size_t serve_cache_tokens(const serve_plan *p); /* of all sequences at once */
/* Takes the runner over. An array of results, one a row; NULL: why not. */
json_t *serve_measure(runner *r, const serve_plan *p, err *e);
void serve_print(const json_t *results);
#endif
