/* Ops whose rows are independent: a vector kernel along each row. Rows are shared among the threads where there is enough to do; a
 * step of a few rows stays in the calling thread, since waking another costs more. */
#include "backend/cpu/cpu.h"
#include "backend/cpu/ref/ref.h"
#include "backend/cpu/vector.h"
#include <math.h>
#include <string.h>

/* Elements that a thread takes at once. */
enum { CHEAP = 1 << 15, DEAR = 1 << 13 };

typedef struct job {
    const vector_kernels *k;
    const void *args;
} job;

static void over_rows(const fwd *f, uint64_t rows, uint64_t cols, uint64_t elements, rows_task task, const void *args) {
    cpu_over_rows(f, rows, cols < elements ? elements / (cols ? cols : 1) : 1, task, &(job){ vector_active(), args });
}

static void rmsnorm_rows(void *ctx, uint64_t from, uint64_t to) {
    const job *j = ctx;
    const rmsnorm_args *a = j->args;
    uint64_t n = a->w->cols;
    for (uint64_t t = from; t < to; t++)
        for (uint64_t g = 0; g < a->x->cols; g += n) {
            const float *x = tensor_f32(a->x, t) + g;
            float r = (float)(1.0 / sqrt(j->k->squares(x, n) / (double)n + (double)a->eps));
            j->k->norm(x, tensor_f32(a->w, 0), r, tensor_f32(a->y, t) + g, n);
        }
}

static void swiglu_rows(void *ctx, uint64_t from, uint64_t to) {
    const job *j = ctx;
    const swiglu_args *a = j->args;
    for (uint64_t t = from; t < to; t++) j->k->swiglu(tensor_f32(a->gate, t), tensor_f32(a->up, t), tensor_f32(a->y, t), a->y->cols);
}

static void add_rows(void *ctx, uint64_t from, uint64_t to) {
    const job *j = ctx;
    const add_args *a = j->args;
    for (uint64_t t = from; t < to; t++) j->k->add(tensor_f32(a->a, t), tensor_f32(a->b, t), tensor_f32(a->y, t), a->y->cols);
}

/* One row's angles serve all its heads; ROPE_PAIRS of them at a time. */
enum { ROPE_PAIRS = 256 };
static void rope_row(const vector_kernels *k, const rope_args *a, uint64_t t) {
    const rope_table *r = &a->tables[a->b->rope ? a->b->rope[t] : 0];
    float s[ROPE_PAIRS], c[ROPE_PAIRS];
    for (uint32_t i = 0; i < r->pairs; i += ROPE_PAIRS) {
        uint32_t n = r->pairs - i < ROPE_PAIRS ? r->pairs - i : ROPE_PAIRS;
        k->sincos(r->inv_freq + i, (float)a->b->pos[t], r->mscale, n, s, c);
        for (uint32_t h = 0; h < a->heads; h++) {
            float *x = tensor_f32(a->x, t) + h * a->step + a->off;
            if (r->interleaved) k->turn_pairs(x + 2 * i, s, c, n);
            else k->turn(x + i, x + r->pairs + i, s, c, n);
        }
    }
}

static void rope_rows(void *ctx, uint64_t from, uint64_t to) {
    const job *j = ctx;
    for (uint64_t t = from; t < to; t++) rope_row(j->k, j->args, t);
}

static void embed_rows(void *ctx, uint64_t from, uint64_t to) {
    const job *j = ctx;
    const embed_args *a = j->args;
    const tensor *w = &a->w->w;
    quant_to_f32_fn unpack = cpu_active()->to_f32[w->type];
    for (uint64_t t = from; t < to; t++) {
        if (!tensor_is_plain(w)) tensor_row_to_f32(w, 0, (uint64_t)a->id[t], tensor_f32(a->y, t));
        else unpack(tensor_row(w, 0, (uint64_t)a->id[t]), tensor_f32(a->y, t), w->cols);
    }
}

static void combine_rows(void *ctx, uint64_t from, uint64_t to) {
    const job *j = ctx;
    const moe_combine_args *a = j->args;
    uint64_t k = a->weight->cols;
    for (uint64_t t = from; t < to; t++) {
        float *y = tensor_f32(a->y, t);
        memset(y, 0, a->y->cols * sizeof *y);
        for (uint64_t i = 0; i < k; i++) j->k->axpy(tensor_f32(a->weight, t)[i], tensor_f32(a->x, t * k + i), y, a->y->cols);
    }
}

static void pack_rows(void *ctx, uint64_t from, uint64_t to) {
    const job *j = ctx;
    const pack_args *a = j->args;
    for (uint64_t t = from; t < to; t++)
        for (uint32_t h = 0; h < a->heads; h++)
            memcpy(tensor_f32(a->y, t) + h * a->y_step + a->y_off, tensor_f32(a->x, t) + h * a->x_step + a->x_off, a->width * sizeof(float));
}

/* The reference's own function on pieces of the rows. */
static tensor piece_of(const tensor *t, uint64_t from, uint64_t to) {
    tensor piece = *t;
    piece.rows = to - from;
    piece.data = (char *)t->data + from * t->stride;
    return piece;
}

static void xent_rows(void *ctx, uint64_t from, uint64_t to) {
    const job *j = ctx;
    xent_args a = *(const xent_args *)j->args;
    tensor loss = piece_of(a.loss, from, to), x = piece_of(a.x, from, to);
    a.loss = &loss;
    a.x = &x;
    a.target += from;
    ref_xent(NULL, &a);
}

void cpu_rmsnorm(const fwd *f, const rmsnorm_args *a) { over_rows(f, a->x->rows, a->x->cols, CHEAP, rmsnorm_rows, a); }
void cpu_swiglu(const fwd *f, const swiglu_args *a) { over_rows(f, a->y->rows, a->y->cols, DEAR, swiglu_rows, a); }
void cpu_add(const fwd *f, const add_args *a) { over_rows(f, a->y->rows, a->y->cols, CHEAP, add_rows, a); }
void cpu_rope(const fwd *f, const rope_args *a) { over_rows(f, a->x->rows, a->x->cols, CHEAP, rope_rows, a); }
void cpu_embed(const fwd *f, const embed_args *a) { over_rows(f, a->y->rows, a->y->cols, CHEAP, embed_rows, a); }
void cpu_moe_combine(const fwd *f, const moe_combine_args *a) { over_rows(f, a->y->rows, a->y->cols * a->weight->cols, CHEAP, combine_rows, a); }
void cpu_pack(const fwd *f, const pack_args *a) { over_rows(f, a->x->rows, (uint64_t)a->heads * a->width, CHEAP, pack_rows, a); }
void cpu_xent(const fwd *f, const xent_args *a) { over_rows(f, a->x->rows, a->x->cols, DEAR, xent_rows, a); }

/* Few rows: those whose logits are wanted. */
void cpu_gather(const fwd *f, const gather_args *a) { ref_gather(f, a); }
