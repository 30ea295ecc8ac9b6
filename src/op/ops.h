/* The table of coarse ops. Model code calls op_linear(f, (linear_args){...}): shapes are checked, the backend computes,
 * and only when f->tape is set the same arguments are recorded; tape_backward walks them in reverse (op/tape.h).
 * A fwd belongs to one thread; it is passed, never global. */
#ifndef PINGTI_OP_OPS_H
#define PINGTI_OP_OPS_H
#include "base/arena.h"
#include "base/pool.h"
#include "base/prof.h"
#include "op/op_args.h"

typedef enum op_id {
#define OP(NAME) OP_ID_##NAME,
#include "op/ops.def"
#undef OP
    OP_COUNT
} op_id;

const char *op_name(op_id id);
const char *const *op_names(void); /* [OP_COUNT] */

typedef struct fwd fwd;
typedef struct tape tape;

/* What a product will be asked for: rows of input, and how many rows of output each gives (an expert's: top_k). */
typedef struct scratch_case {
    uint64_t rows, outputs;
    uint32_t threads;
    bool fast;
} scratch_case;

typedef enum precision { PRECISION_EXACT, PRECISION_FAST } precision;

/* One pointer per op. A backend owns how, never what: the scalar reference is the specification. */
typedef struct backend {
    const char *name;
    /* NULL: every storage format; otherwise what this backend computes. Asked at load, so that the hot path never is. */
    bool (*has)(op_id op, dtype weights);
    /* A layout of its own for the weights of fast linear products, made once (model/place.h): how many units of equal size a tensor takes,
     * all its matrices together (0: rows serve), and units [from, to) of it. NULL, all of them: this backend always reads rows. */
    const char *place_version;
    uint64_t (*place_units)(const tensor *w);
    uint64_t (*place_unit_bytes)(const tensor *w);
    void (*place)(const tensor *w, uint64_t from, uint64_t to, void *at);
    bool (*kv_pairs)(dtype cache, precision p); /* whether attention is to find a cache (not MLA's) in kv_view.pairs; NULL: never */
    /* What attention needs of the pass's arena beside its outputs, at most; NULL: next to nothing. */
    uint64_t (*attn_scratch)(const kv_view *kv, uint32_t heads, uint64_t rows, uint32_t threads);
    uint64_t (*product_scratch)(op_id op, const weight *const *w, uint32_t n, scratch_case c); /* the same of linear, moe_linear and linear_heads */
#define OP(NAME) void (*NAME)(const fwd *f, const NAME##_args *a);
#include "op/ops.def"
#undef OP
} backend;

struct fwd {
    const backend *backend;
    arena *mem;         /* activations of this pass */
    tape *tape;         /* NULL: nothing is recorded */
    const kv_view *kv;  /* NULL: attention within the batch (training) */
    pool *pool;         /* NULL: the calling thread alone */
    precision precision;
    bool (*stop)(void *ctx); /* or NULL; asked before every layer: true gives the pass up (model_forward says so) */
    void *stop_ctx;
    prof *prof;         /* NULL: nothing is timed; otherwise every op with what it reads and computes (op_work.c) */
    void (*watch)(void *ctx, op_id id, const void *args); /* or NULL; sees every op's arguments before it is computed */
    void *watch_ctx;
    void (*observer)(void *ctx, const char *name, int layer, const tensor *x); /* or NULL; sees activations by name */
    void *observer_ctx;
};

/* Which arithmetic the products of a weight take: prof_work.unit. */
typedef enum op_unit { OP_UNIT_F32, OP_UNIT_BF16, OP_UNIT_INT8 } op_unit;
op_unit op_unit_of(precision p, const tensor *w);
const char *op_unit_name(op_unit u);

/* f32 [rows, cols] from the pass's arena. Not set: every op writes every element of its outputs. When recording it is zeroed and
 * has a gradient, zeroed too. */
tensor *fwd_tensor(const fwd *f, uint64_t rows, uint64_t cols);
/* Columns [col, col+cols) of x, sharing its memory and gradient. */
tensor *fwd_columns(const fwd *f, const tensor *x, uint64_t col, uint64_t cols);
void fwd_observe(const fwd *f, const char *name, int layer, const tensor *x);

#define OP(NAME)                                                                                                       \
    void op_##NAME(const fwd *f, NAME##_args a);                                                                       \
    void op_##NAME##_check(const NAME##_args *a);                                                                      \
    void op_##NAME##_grad(const fwd *f, const NAME##_args *a);                                                         \
    prof_work op_##NAME##_work(const fwd *f, const NAME##_args *a);
#include "op/ops.def"
#undef OP
#endif
