/* The engine: one thread that runs a model for many requests at once (continuous batching). Decoding sequences go first, the
 * rest of each step's budget goes to prompt chunks; when pages run out the youngest sequence is preempted and recomputed
 * later. Which requests run together never changes what any of them says. Any thread may submit. */
#ifndef PINGTI_INFER_ENGINE_H
#define PINGTI_INFER_ENGINE_H
#include "infer/request.h"
#include "infer/runner.h"

typedef struct engine engine;

/* n_known: token ids the tokenizer has; ids beyond are never sampled. Takes the runner over, also on failure. */
engine *engine_start(runner *r, size_t n_known, err *e);
/* The same with another clock (monotonic seconds; NULL: the system's) to decide by how much a step may take. No result depends on it. */
engine *engine_start_with_clock(runner *r, size_t n_known, double (*clock)(void), err *e);
void engine_stop(engine *e); /* cancels what runs, joins the thread, frees the runner */

/* Refused at once, with both numbers, when prompt and answer cannot fit the context. The engine holds its own reference. */
bool engine_submit(engine *e, request *r, err *why);
void engine_cancel_all(engine *e); /* async-signal-safe */
const runner *engine_runner(const engine *e);

typedef struct engine_stats {
    uint64_t steps, prompt_tokens, generated_tokens, cached_tokens, preemptions;
    uint64_t decode_steps, decode_rows; /* steps in which somebody decoded; sequences that did, added up over them */
    size_t longest_chunk_beside_decodes; /* rows of prompt */
    uint32_t running, waiting;
} engine_stats;
engine_stats engine_stats_now(const engine *e);
#endif
