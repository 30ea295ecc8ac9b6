/* The engine: one thread that runs a model for many requests at once (continuous batching). Decoding sequences go first, the
 * rest of each step's budget goes to prompt chunks; when pages run out the youngest sequence is preempted and recomputed
 * later. Which requests run together never changes what any of them says. Any thread may submit. */
#ifndef PINGTI_INFER_ENGINE_H
#define PINGTI_INFER_ENGINE_H
#include "infer/request.h"
#include "infer/runner.h"
#include "infer/speculate.h"

typedef struct engine engine;

/* n_known: token ids the tokenizer has; ids beyond are never sampled. Takes the runner over, also on failure. */
engine *engine_start(runner *r, size_t n_known, err *e);
/* What no result depends on; zero is the default. */
typedef struct engine_setup {
    double (*clock)(void); /* monotonic seconds, to decide by what a step may compute; NULL: the system's */
    const tokenizer *text; /* for guesses at what a grammar forces; borrowed, may be NULL */
    runner *draft;         /* of a smaller model with the same tokens, that guesses (draft.h); taken over, also on failure; or NULL */
    bool no_guesses;       /* one row a token (speculate.h) */
    size_t most_guesses;   /* of one sequence in one step; 0: SPECULATE_MOST, which is the most */
} engine_setup;
engine *engine_start_with(runner *r, size_t n_known, const engine_setup *o, err *e);
void engine_stop(engine *e); /* cancels what runs, joins the thread, frees the runner */

/* Refused at once, with both numbers, when prompt and answer cannot fit the context. The engine holds its own reference. */
bool engine_submit(engine *e, request *r, err *why);
void engine_cancel_all(engine *e); /* async-signal-safe */
const runner *engine_runner(const engine *e);

typedef struct engine_stats {
    uint64_t steps, prompt_tokens, generated_tokens, cached_tokens, preemptions;
    uint64_t guessed_tokens, accepted_tokens; /* rows of guesses; those that were right */
    uint64_t decode_steps, decode_rows; /* steps in which somebody decoded; sequences that did, added up over them */
    size_t longest_chunk_beside_decodes; /* rows of prompt, since it was forgotten last */
    uint32_t running, waiting;
} engine_stats;
engine_stats engine_stats_now(const engine *e);
void engine_forget_longest_chunk(engine *e);
#endif
