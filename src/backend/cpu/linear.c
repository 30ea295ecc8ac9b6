/* Linear layers: activation rows are prepared once for all matrices that share them, then every matrix is a product. */
#include "backend/cpu/cpu.h"
#include "backend/cpu/product.h"

static float **output_rows(const fwd *f, const tensor *y) {
    float **rows = arena_must_raw(f->mem, y->rows, sizeof *rows);
    for (uint64_t i = 0; i < y->rows; i++) rows[i] = tensor_f32(y, i);
    return rows;
}

void cpu_linear(const fwd *f, const linear_args *a) {
    arena_mark mark = arena_mark_now(f->mem);
    activations x = activations_of(f, a->x);
    product p[LINEAR_MAX];
    for (uint32_t i = 0; i < a->n; i++)
        p[i] = (product){ .w = &a->w[i]->w, .bias = a->w[i]->bias, .n = x.n, .x = activations_for(f, &x, &a->w[i]->w, 0), .y = output_rows(f, a->y[i]) };
    product_run(f, p, a->n);
    arena_release(f->mem, mark);
}

/* Experts: rows are gathered by expert, so that each active expert's weights are read once for the whole batch. */
typedef struct expert_rows {
    uint64_t expert, first, n; /* rows [first, first+n) of the order below */
} expert_rows;

/* Output rows sorted by expert (stable counting sort). Returns the number of active experts. */
static uint64_t group_rows(const fwd *f, const moe_linear_args *a, uint64_t *order, expert_rows *groups) {
    uint64_t experts = a->w[0]->w.n, rows = a->y[0]->rows, active = 0, at = 0;
    uint64_t *count = arena_must(f->mem, experts, sizeof *count), *next = arena_must(f->mem, experts, sizeof *next);
    for (uint64_t r = 0; r < rows; r++) count[a->ids[r]]++;
    for (uint64_t e = 0; e < experts; e++) {
        if (count[e]) groups[active++] = (expert_rows){ e, at, count[e] };
        next[e] = at;
        at += count[e];
    }
    for (uint64_t r = 0; r < rows; r++) order[next[a->ids[r]]++] = r;
    return active;
}

/* Rows of one expert whose columns it takes in an order of its own: no other expert's rows are turned. */
static const void **turned_rows(const fwd *f, const moe_linear_args *a, uint32_t i, const activations *x, const uint64_t *order, expert_rows g, uint64_t share) {
    activations own = { .n = g.n, .cols = x->cols, .f32 = arena_must_raw(f->mem, g.n, sizeof *own.f32) };
    for (uint64_t k = 0; k < g.n; k++) own.f32[k] = x->f32[order[g.first + k] / share];
    return activations_for(f, &own, &a->w[i]->w, g.expert);
}

static product expert_product(const fwd *f, const moe_linear_args *a, uint32_t i, activations *x, const uint64_t *order, expert_rows g) {
    uint64_t share = a->x->rows == a->y[i]->rows ? 1 : a->top_k;
    bool turned = f->precision == PRECISION_FAST && tensor_order(&a->w[i]->w, g.expert);
    const void **rows = turned ? turned_rows(f, a, i, x, order, g, share) : activations_for(f, x, &a->w[i]->w, g.expert);
    const weight *w = a->w[i];
    product p = { .w = &w->w, .matrix = g.expert, .bias = w->bias ? w->bias + g.expert * w->w.rows : NULL, .n = g.n };
    p.x = arena_must_raw(f->mem, g.n, sizeof *p.x);
    p.y = arena_must_raw(f->mem, g.n, sizeof *p.y);
    for (uint64_t k = 0; k < g.n; k++) {
        uint64_t r = order[g.first + k];
        p.x[k] = rows[turned ? k : r / share];
        p.y[k] = tensor_f32(a->y[i], r);
    }
    return p;
}

void cpu_moe_linear(const fwd *f, const moe_linear_args *a) {
    arena_mark mark = arena_mark_now(f->mem);
    activations x = activations_of(f, a->x);
    uint64_t *order = arena_must_raw(f->mem, a->y[0]->rows, sizeof *order);
    expert_rows *groups = arena_must_raw(f->mem, a->w[0]->w.n, sizeof *groups);
    uint64_t active = group_rows(f, a, order, groups);
    product *p = arena_must_raw(f->mem, active * a->n, sizeof *p);
    for (uint32_t i = 0; i < a->n; i++)
        for (uint64_t e = 0; e < active; e++)
            p[i * active + e] = expert_product(f, a, i, &x, order, groups[e]);
    product_run(f, p, active * a->n);
    arena_release(f->mem, mark);
}

/* Forms of activations that several weights share are counted once each: an upper bound. */
uint64_t cpu_product_scratch(op_id op, const weight *const *w, uint32_t n, scratch_case c) {
    if (op == OP_ID_linear_heads) return cpu_heads_scratch(&w[0]->w, c.threads);
    enum { ROUND = 64, PIECES = 8 };
    bool experts = op == OP_ID_moe_linear;
    uint64_t outputs = c.rows * c.outputs, task = 0, bytes = c.rows * sizeof(float *) + outputs * (sizeof(uint64_t) + 2 * n * sizeof(void *)) + PIECES * ROUND;
    if (experts) bytes += w[0]->w.n * (sizeof(expert_rows) + 2 * sizeof(uint64_t) + n * (sizeof(product) + PIECES * ROUND));
    for (uint32_t i = 0; i < n; i++) {
        uint64_t one = product_thread_scratch(&w[i]->w, c.fast);
        if (one > task) task = one;
        bool turned = experts && tensor_order(&w[i]->w, 0); /* turned_rows: a list and forms of its own for each output */
        bytes += activations_scratch(&w[i]->w, turned ? outputs : c.rows, c.fast) + PIECES * ROUND + (turned ? outputs * sizeof(float *) : 0);
    }
    return bytes + c.threads * task + ROUND;
}
