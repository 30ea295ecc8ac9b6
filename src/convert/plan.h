/* What a file to be written holds, before any of it is computed: metadata, and for every tensor where its rows come from, in what order,
 * and how they are stored. A plan is made from a Hugging Face directory or a GGUF file (plan_hf.c, plan_gguf.c, to_hf.c); writing it
 * (write.c) is the same for all, and so is quantizing: another storage for the same rows.
 * A plan borrows the source's mapped bytes. Immutable once made: any thread may read rows. */
#ifndef PINGTI_CONVERT_PLAN_H
#define PINGTI_CONVERT_PLAN_H
#include "base/arena.h"
#include "format/gguf_write.h"
#include "model/source.h"

/* Row r of a planned tensor. ALONG: as they lie. PAIRED: heads whose rotated pairs lie side by side, as GGUF's llama wants them, from heads
 * whose pairs are half a head apart; HALVED: back. ACROSS: per part, column r of the matrix (transposed). ROWS: every part is one row,
 * or one column where it says so. */
typedef enum plan_order { PLAN_ALONG, PLAN_PAIRED, PLAN_HALVED, PLAN_ACROSS, PLAN_ROWS } plan_order;

typedef struct plan_part {
    const named_tensor *from;
    const named_tensor *scale; /* of FP8: f32 per 128x128 block; or NULL */
    const float *factor;       /* of each matrix of `from`, its values are multiplied with (tensor.factor); or NULL */
    uint64_t first;            /* its first row that is wanted (ACROSS, columns: the first row that becomes an element) */
    bool is_column;            /* ROWS */
    uint64_t column;
} plan_part;

typedef struct plan_tensor {
    const char *name;
    uint32_t n_dims;
    uint64_t dims[TENSOR_MAX_DIMS]; /* outermost first */
    uint64_t rows, cols;            /* of all matrices together; a vector with PAIRED or HALVED has one column */
    dtype from, to;
    plan_order order;
    uint64_t head;                  /* rows of a head: PAIRED, HALVED */
    const plan_part *parts;         /* each gives part_rows rows, one after another; NULL: values */
    size_t n_parts;
    uint64_t part_rows;
    bool factored;                  /* some part has a factor */
    const float *values;            /* computed ones, [rows * cols] */
} plan_tensor;

typedef struct plan {
    const model_source *source;
    gguf_writer *keys;              /* of a GGUF file to be written; its tensors are added by plan_write */
    plan_tensor *tensors;
    size_t n, cap;
    arena *mem;                     /* names, parts, values */
} plan;

void plan_init(plan *p, const model_source *s);
void plan_free(plan *p);

/* Adds tensor t, its name copied, rows and cols from dims; the rest is the caller's. One part holding everything when parts is NULL. */
plan_tensor *plan_add(plan *p, const char *name, const named_tensor *t);
plan_tensor *plan_add_parts(plan *p, const char *name, const plan_part *parts, size_t n_parts, uint64_t part_rows, uint64_t cols);
plan_tensor *plan_add_values(plan *p, const char *name, const float *values, uint64_t n);
const plan_tensor *plan_find(const plan *p, const char *name);

/* Whether the stored bytes of a row can be taken as they are for `to`. */
bool plan_copies(const plan_tensor *t);
const void *plan_row_bytes(const plan_tensor *t, uint64_t row);                  /* when it copies */
void plan_row_f32(const plan_tensor *t, uint64_t row, float *out, float *spare); /* out[cols]; spare: plan_spare(t) floats */
uint64_t plan_spare(const plan_tensor *t);

/* A plan of every tensor and key of a GGUF file as they are. */
bool plan_from_gguf(plan *p, const model_source *s, err *e);
#endif
