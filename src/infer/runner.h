/* A model with the memory to run it: backend, threads, KV pages, scratch. Everything is planned, checked against the memory
 * there is, and allocated here; a step allocates nothing once it has seen its largest batch. One owner thread. */
#ifndef PINGTI_INFER_RUNNER_H
#define PINGTI_INFER_RUNNER_H
#include "infer/kv.h"
#include "infer/seq.h"
#include "model/place.h"

typedef struct runner_options {
    int threads;             /* 0: all processors of this process */
    uint32_t context;        /* tokens of one sequence; 0: the model's, lowered (and said so) to what memory allows */
    uint32_t cache_tokens;   /* tokens of all sequences together; 0: context */
    uint32_t batch_tokens;   /* rows of one pass; 0: 512 */
    dtype cache_type;        /* DTYPE_F16 by default (set it) */
    precision precision;
    const char *backend;     /* NULL: the default */
    prof *prof;              /* times every pass; borrowed, NULL: none */
    uint64_t memory_limit;   /* bytes for everything, the weights' pages included; 0: what the machine has available */
    pool *pool;              /* to compute with, instead of own threads; borrowed, NULL: own ones */
    place_options place;     /* where packed weights are kept (fast mode); small ones always in memory */
} runner_options;

/* What it takes, before anything is allocated. */
typedef struct memory_plan {
    uint64_t weights_mapped, weights_copied, kv_bytes, kv_bytes_per_token, scratch, total, available;
    uint64_t weights_packed;  /* for fast products, in place of the mapped ones: in a mapped file, or in memory (then part of total) */
    bool packed_in_file, packed_copied; /* copied: out of the file into large pages, and counted in total */
    uint64_t weights_in_files; /* pages of files that every pass reads: the packed ones where they are a file, and what is not packed */
    bool weights_reread;      /* they and `total` together are more than what is available: passes will read from disk; the caller says so */
    uint32_t context, cache_tokens, pages, batch_tokens;
    bool context_lowered; /* the model's own context did not fit; the caller says so */
} memory_plan;

typedef struct runner runner;

bool memory_plan_make(memory_plan *p, const model *m, const runner_options *o, err *e); /* refuses what does not fit, with both numbers */
/* The model must not be in use by another runner in fast mode: its weights are placed for this one. */
runner *runner_new(model *m, const runner_options *o, err *e);
void runner_free(runner *r);
const memory_plan *runner_plan(const runner *r);
const model *runner_model(const runner *r);
const placement *runner_placement(const runner *r); /* NULL in exact mode */
kv *runner_kv(runner *r);
const char *runner_backend_name(const runner *r);
int runner_threads(const runner *r);
pool *runner_pool(runner *r); /* between two steps it is idle */
precision runner_precision(const runner *r);
void runner_set_prof(runner *r, prof *p); /* what times the passes from now on, borrowed; NULL: nothing. Between steps */

/* Sees every op's arguments before it is computed, from now on; NULL: nothing does. Between steps. */
void runner_set_watch(runner *r, void (*watch)(void *ctx, op_id id, const void *args), void *ctx);

/* The name that all pages of a session start from. tenant: isolates what may be shared (NULL, 0: none). */
kv_name runner_root_name(const runner *r, uint8_t rope, const void *tenant, size_t n);
/* The rope table for a session that will have at most n_tokens tokens. */
uint8_t runner_rope_choice(const runner *r, size_t n_tokens);

/* Rows of one step: tokens [from, to) of a sequence whose pages are reserved; logits of its last row, or of every row. */
typedef enum row_logits { LOGITS_NONE, LOGITS_LAST, LOGITS_ALL } row_logits;
typedef struct run_slice {
    seq *s;
    size_t from, to;
    row_logits logits;
} run_slice;
/* One forward pass over slices of different sequences. Marks them cached (seq_advance). Returns f32 logits [rows wanted, vocab]
 * in order of the slices, valid until the next call; NULL when none are wanted. */
float *runner_step(runner *r, const run_slice *slices, size_t n, size_t *n_rows);
/* Asked before every layer of a step, on the thread that runs it; true gives the step up: nothing is marked cached, no logits. */
void runner_set_stop(runner *r, bool (*stop)(void *ctx), void *ctx);
bool runner_gave_up(const runner *r); /* the last step */
#endif
