/* One small matrix per head (latent attention): heads are shared among the threads, rows of a head's matrix are unpacked once
 * for all rows of the batch. */
#include "backend/cpu/cpu.h"
#include "tensor/quant.h"
#include <string.h>

typedef struct heads_job {
    const linear_heads_args *a;
    const cpu_kernels *k;
    float *rows; /* [threads][cols] */
} heads_job;

static void head_task(void *ctx, size_t h, int worker) {
    const heads_job *j = ctx;
    const linear_heads_args *a = j->a;
    uint64_t cols = a->w->w.cols;
    float *row = j->rows + (uint64_t)worker * cols;
    for (uint64_t t = 0; a->transposed && t < a->x->rows; t++) memset(tensor_f32(a->y, t) + h * a->y_step + a->y_off, 0, cols * sizeof(float));
    for (uint32_t r = 0; r < a->n_rows; r++) {
        tensor_row_to_f32(&a->w->w, h, a->row0 + r, row);
        for (uint64_t t = 0; t < a->x->rows; t++) {
            const float *x = tensor_f32(a->x, t) + h * a->x_step + a->x_off;
            float *y = tensor_f32(a->y, t) + h * a->y_step + a->y_off;
            if (a->transposed) j->k->axpy_f32(x[r], row, y, cols);
            else y[r] = j->k->dot_f32_1(row, x, cols);
        }
    }
}

void cpu_linear_heads(const fwd *f, const linear_heads_args *a) {
    arena_mark mark = arena_mark_now(f->mem);
    heads_job j = { a, cpu_active(), arena_must(f->mem, (size_t)pool_threads(f->pool) * a->w->w.cols, sizeof(float)) };
    pool_run(f->pool, a->w->w.n, head_task, &j);
    arena_release(f->mem, mark);
}
