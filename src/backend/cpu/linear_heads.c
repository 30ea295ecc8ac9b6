/* One small matrix per head (latent attention): heads are shared among the threads, a head's matrix is unpacked once for all rows of
 * the batch. Products of many rows run over strips (vector.h): the same chain of fused multiply-adds as row after row. */
#include "backend/cpu/cpu.h"
#include "backend/cpu/vector.h"
#include "tensor/quant.h"
#include <string.h>

enum { FEW = 4, GROUP = 32 }; /* rows of the batch: below FEW strips do not pay; GROUP are multiplied at once */

/* One thread's memory. */
typedef struct heads_scratch {
    float *row;    /* [cols] */
    float *strips; /* transposed: [cols / STRIP][n_rows][STRIP] */
    float *packed; /* [n_rows / STRIP_DEPTH][STRIP_ROWS][STRIP_DEPTH] */
    float *out;    /* [STRIP_ROWS][cols in whole strips] */
} heads_scratch;

typedef struct heads_job {
    const linear_heads_args *a;
    const cpu_kernels *k;
    const vector_kernels *v;
    uint64_t n_strips, n_chunks;
    heads_scratch *scratch; /* [threads] */
} heads_job;

static const float *input(const linear_heads_args *a, uint64_t t, size_t h) { return tensor_f32(a->x, t) + h * a->x_step + a->x_off; }
static float *output(const linear_heads_args *a, uint64_t t, size_t h) { return tensor_f32(a->y, t) + h * a->y_step + a->y_off; }

static void unpack_row(const heads_job *j, size_t h, uint32_t r, float *row) {
    const tensor *w = &j->a->w->w;
    if (!tensor_is_plain(w)) tensor_row_to_f32(w, h, j->a->row0 + r, row);
    else j->k->to_f32[w->type](tensor_row(w, h, j->a->row0 + r), row, w->cols);
}

static void plain_head(const heads_job *j, size_t h, const heads_scratch *s) {
    const linear_heads_args *a = j->a;
    for (uint32_t r = 0; r < a->n_rows; r++) {
        unpack_row(j, h, r, s->row);
        for (uint64_t t = 0; t < a->x->rows; t += GROUP) {
            const float *x[GROUP];
            float y[GROUP];
            uint64_t n = a->x->rows - t < GROUP ? a->x->rows - t : GROUP;
            for (uint64_t i = 0; i < n; i++) x[i] = input(a, t + i, h);
            j->k->dot_f32(s->row, x, n, a->w->w.cols, y);
            for (uint64_t i = 0; i < n; i++) output(a, t + i, h)[r] = y[i];
        }
    }
}

static void transposed_few(const heads_job *j, size_t h, const heads_scratch *s) {
    const linear_heads_args *a = j->a;
    uint64_t cols = a->w->w.cols;
    for (uint64_t t = 0; t < a->x->rows; t++) memset(output(a, t, h), 0, cols * sizeof(float));
    for (uint32_t r = 0; r < a->n_rows; r++) {
        unpack_row(j, h, r, s->row);
        for (uint64_t t = 0; t < a->x->rows; t++) j->v->axpy(input(a, t, h)[r], s->row, output(a, t, h), cols);
    }
}

static void unpack_strips(const heads_job *j, size_t h, const heads_scratch *s) {
    const linear_heads_args *a = j->a;
    for (uint32_t r = 0; r < a->n_rows; r++) {
        unpack_row(j, h, r, s->row);
        for (uint64_t i = 0; i < j->n_strips; i++) {
            uint64_t n = a->w->w.cols - i * STRIP < STRIP ? a->w->w.cols - i * STRIP : STRIP;
            memcpy(s->strips + (i * a->n_rows + r) * STRIP, s->row + i * STRIP, n * sizeof(float));
        }
    }
}

/* STRIP_ROWS rows of the batch at most. */
static void transposed_rows(const heads_job *j, size_t h, uint64_t t, uint64_t n, const heads_scratch *s) {
    const linear_heads_args *a = j->a;
    uint64_t pad = j->n_strips * STRIP;
    for (uint64_t i = 0; i < n; i++)
        for (uint64_t c = 0; c < j->n_chunks; c++) {
            uint64_t deep = a->n_rows - c * STRIP_DEPTH < STRIP_DEPTH ? a->n_rows - c * STRIP_DEPTH : STRIP_DEPTH;
            memcpy(s->packed + (c * STRIP_ROWS + i) * STRIP_DEPTH, input(a, t + i, h) + c * STRIP_DEPTH, deep * sizeof(float));
        }
    for (uint64_t i = 0; i < j->n_strips; i++)
        for (uint64_t c = 0; c < j->n_chunks; c++) {
            const char *b = (const char *)(s->strips + (i * a->n_rows + c * STRIP_DEPTH) * STRIP);
            uint64_t deep = a->n_rows - c * STRIP_DEPTH < STRIP_DEPTH ? a->n_rows - c * STRIP_DEPTH : STRIP_DEPTH;
            j->v->strip[STRIP_F32](&(strip_args){ .a = s->packed + c * STRIP_ROWS * STRIP_DEPTH, .b = b, .ahead = b, .c = s->out + i * STRIP, .rows = n,
                                                  .c_stride = pad, .from = 0, .to = deep, .fresh = c == 0 });
        }
    for (uint64_t i = 0; i < n; i++) memcpy(output(a, t + i, h), s->out + i * pad, a->w->w.cols * sizeof(float));
}

static void head_task(void *ctx, size_t h, int worker) {
    const heads_job *j = ctx;
    const heads_scratch *s = &j->scratch[worker];
    if (!j->a->transposed) {
        plain_head(j, h, s);
        return;
    }
    uint64_t T = j->a->x->rows;
    if (T < FEW || !j->a->n_rows) {
        transposed_few(j, h, s);
        return;
    }
    unpack_strips(j, h, s);
    for (uint64_t t = 0; t < T; t += STRIP_ROWS) transposed_rows(j, h, t, T - t < STRIP_ROWS ? T - t : STRIP_ROWS, s);
}

void cpu_linear_heads(const fwd *f, const linear_heads_args *a) {
    arena_mark mark = arena_mark_now(f->mem);
    size_t threads = (size_t)pool_threads(f->pool);
    uint64_t cols = a->w->w.cols;
    heads_job j = { a, cpu_active(), vector_active(), (cols + STRIP - 1) / STRIP, ((uint64_t)a->n_rows + STRIP_DEPTH - 1) / STRIP_DEPTH,
                    arena_must(f->mem, threads, sizeof(heads_scratch)) };
    bool strips = a->transposed && a->x->rows >= FEW;
    for (size_t i = 0; i < threads; i++) {
        heads_scratch *s = &j.scratch[i];
        s->row = arena_must_raw(f->mem, cols, sizeof(float));
        if (!strips) continue;
        s->strips = arena_must(f->mem, j.n_strips * a->n_rows * STRIP, sizeof(float)); /* zeroed: the last strip may be partly empty */
        s->packed = arena_must_raw(f->mem, j.n_chunks * STRIP_ROWS * STRIP_DEPTH, sizeof(float));
        s->out = arena_must_raw(f->mem, STRIP_ROWS * j.n_strips * STRIP, sizeof(float));
    }
    pool_run(f->pool, a->w->w.n, head_task, &j);
    arena_release(f->mem, mark);
}

/* With all of a matrix's rows, in strips. */
uint64_t cpu_heads_scratch(const tensor *w, uint32_t threads) {
    uint64_t strips = (w->cols + STRIP - 1) / STRIP, chunks = (w->rows + STRIP_DEPTH - 1) / STRIP_DEPTH;
    uint64_t floats = w->cols + strips * w->rows * STRIP + chunks * STRIP_ROWS * STRIP_DEPTH + STRIP_ROWS * strips * STRIP;
    return threads * (floats * sizeof(float) + sizeof(heads_scratch) + 4 * 64) + 64;
}
