/* Matrix products. A task is a block of output rows (weights); it walks tiles of activation rows, so that both stay in the
 * nearest cache. Every output is one kernel dot of one weight row and one activation row: the same bits for any tiling. */
#include "backend/cpu/cpu.h"
#include "tensor/quant.h"
#include <string.h>

enum { BLOCK = 16, TILE = 32 };

/* Activations as the weights want them: f32 rows, or int8 blocks made once for all outputs. */
typedef struct activations {
    uint64_t n, cols;
    const float **row;  /* [n] */
    act_q8 *q8;         /* [n], or NULL */
} activations;

typedef struct product {
    const cpu_kernels *k;
    const tensor *w;
    uint64_t matrix;           /* of a stack */
    const float *bias;         /* [w->rows] or NULL */
    const activations *x;
    float **y;                 /* [x->n] output rows */
    float *unpacked;           /* [threads][BLOCK][cols] f32 weights, exact mode */
} product;

static bool uses_q8(const fwd *f, const tensor *w) { return f->precision == PRECISION_FAST && quant_of(w->type)->dot && w->cols % ACT_BLOCK == 0; }

static void quantize_rows(void *ctx, uint64_t from, uint64_t to) {
    activations *x = ctx;
    const cpu_kernels *k = cpu_active();
    for (uint64_t i = from; i < to; i++) k->act_q8(x->row[i], x->cols, &x->q8[i]);
}

static activations prepare(const fwd *f, const tensor *x, bool q8) {
    activations a = { x->rows, x->cols, arena_must(f->mem, x->rows, sizeof *a.row), NULL };
    for (uint64_t i = 0; i < a.n; i++) a.row[i] = tensor_f32(x, i);
    if (!q8) return a;
    size_t bytes = act_q8_bytes(x->cols);
    char *memory = arena_must(f->mem, a.n, bytes);
    a.q8 = arena_must(f->mem, a.n, sizeof *a.q8);
    for (uint64_t i = 0; i < a.n; i++) a.q8[i] = act_q8_at(memory + i * bytes, x->cols);
    cpu_over_rows(f, a.n, 8, quantize_rows, &a);
    return a;
}

static void put(const product *p, uint64_t first, uint64_t n, uint64_t o, const float *values) {
    for (uint64_t i = 0; i < n; i++) p->y[first + i][o] = p->bias ? values[i] + p->bias[o] : values[i];
}

static void exact_block(const product *p, uint64_t from, uint64_t to, int worker) {
    uint64_t cols = p->w->cols;
    float *rows = p->unpacked + (uint64_t)worker * BLOCK * cols, values[TILE];
    for (uint64_t o = from; o < to; o++) {
        const quant_to_f32_fn fast = p->k->to_f32[p->w->type];
        if (p->w->block_scale || p->w->scale_parts) tensor_row_to_f32(p->w, p->matrix, o, rows + (o - from) * cols);
        else fast(tensor_row(p->w, p->matrix, o), rows + (o - from) * cols, cols);
    }
    for (uint64_t t = 0; t < p->x->n; t += TILE) {
        uint64_t n = p->x->n - t < TILE ? p->x->n - t : TILE;
        for (uint64_t o = from; o < to; o++) {
            p->k->dot_f32(rows + (o - from) * cols, p->x->row + t, n, cols, values);
            put(p, t, n, o, values);
        }
    }
}

static void fast_block(const product *p, uint64_t from, uint64_t to) {
    float values[TILE];
    for (uint64_t t = 0; t < p->x->n; t += TILE) {
        uint64_t n = p->x->n - t < TILE ? p->x->n - t : TILE;
        for (uint64_t o = from; o < to; o++) {
            p->k->dot_rows[p->w->type](tensor_row(p->w, p->matrix, o), p->x->q8 + t, n, p->w->cols, values);
            put(p, t, n, o, values);
        }
    }
}

static void block_task(void *ctx, size_t block, int worker) {
    const product *p = ctx;
    uint64_t from = block * BLOCK, to = from + BLOCK < p->w->rows ? from + BLOCK : p->w->rows;
    if (p->x->q8) fast_block(p, from, to);
    else exact_block(p, from, to, worker);
}

static float *unpack_memory(const fwd *f, const tensor *w) {
    return arena_must(f->mem, (size_t)pool_threads(f->pool) * BLOCK * w->cols, sizeof(float));
}

void cpu_linear(const fwd *f, const linear_args *a) {
    arena_mark mark = arena_mark_now(f->mem);
    activations x = prepare(f, a->x, uses_q8(f, &a->w->w));
    product p = { cpu_active(), &a->w->w, 0, a->w->bias, &x, arena_must(f->mem, x.n, sizeof *p.y), NULL };
    for (uint64_t i = 0; i < x.n; i++) p.y[i] = tensor_f32(a->y, i);
    if (!x.q8) p.unpacked = unpack_memory(f, p.w);
    pool_run(f->pool, (p.w->rows + BLOCK - 1) / BLOCK, block_task, &p);
    arena_release(f->mem, mark);
}

/* Experts: rows are gathered by expert, so that each active expert's weights are read once for the whole batch. */
typedef struct expert_rows {
    uint64_t expert, first, n; /* rows [first, first+n) of the order below */
} expert_rows;

typedef struct moe_job {
    product *products; /* one per active expert */
    uint64_t blocks;   /* of one expert */
} moe_job;

static void moe_task(void *ctx, size_t task, int worker) {
    const moe_job *j = ctx;
    block_task(&j->products[task / j->blocks], task % j->blocks, worker);
}

/* Output rows sorted by expert (stable counting sort). Returns the number of active experts. */
static uint64_t group_rows(const fwd *f, const moe_linear_args *a, uint64_t *order, expert_rows *groups) {
    uint64_t experts = a->w->w.n, active = 0, at = 0;
    uint64_t *count = arena_must(f->mem, experts, sizeof *count), *next = arena_must(f->mem, experts, sizeof *next);
    for (uint64_t r = 0; r < a->y->rows; r++) count[a->ids[r]]++;
    for (uint64_t e = 0; e < experts; e++) {
        if (count[e]) groups[active++] = (expert_rows){ e, at, count[e] };
        next[e] = at;
        at += count[e];
    }
    for (uint64_t r = 0; r < a->y->rows; r++) order[next[a->ids[r]]++] = r;
    return active;
}

static product expert_product(const fwd *f, const moe_linear_args *a, const activations *all, const uint64_t *order, expert_rows g, float *unpacked) {
    uint64_t share = a->x->rows == a->y->rows ? 1 : a->top_k;
    activations *x = arena_must(f->mem, 1, sizeof *x);
    *x = (activations){ g.n, all->cols, arena_must(f->mem, g.n, sizeof *x->row), all->q8 ? arena_must(f->mem, g.n, sizeof *x->q8) : NULL };
    product p = { cpu_active(), &a->w->w, g.expert, a->w->bias ? a->w->bias + g.expert * a->w->w.rows : NULL, x, NULL, unpacked };
    p.y = arena_must(f->mem, g.n, sizeof *p.y);
    for (uint64_t i = 0; i < g.n; i++) {
        uint64_t r = order[g.first + i];
        x->row[i] = all->row[r / share];
        if (x->q8) x->q8[i] = all->q8[r / share];
        p.y[i] = tensor_f32(a->y, r);
    }
    return p;
}

void cpu_moe_linear(const fwd *f, const moe_linear_args *a) {
    arena_mark mark = arena_mark_now(f->mem);
    activations all = prepare(f, a->x, uses_q8(f, &a->w->w));
    uint64_t *order = arena_must(f->mem, a->y->rows, sizeof *order);
    expert_rows *groups = arena_must(f->mem, a->w->w.n, sizeof *groups);
    uint64_t active = group_rows(f, a, order, groups);
    float *unpacked = all.q8 ? NULL : unpack_memory(f, &a->w->w);
    moe_job j = { arena_must(f->mem, active, sizeof *j.products), (a->w->w.rows + BLOCK - 1) / BLOCK };
    for (uint64_t i = 0; i < active; i++) j.products[i] = expert_product(f, a, &all, order, groups[i], unpacked);
    pool_run(f->pool, active * j.blocks, moe_task, &j);
    arena_release(f->mem, mark);
}
