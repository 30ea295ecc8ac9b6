/* The cases of pingti bench --kernels: shapes of models that people run, from one row to a prompt's chunk. */
#include "cli/bench_kernels.h"
#include "tensor/quant.h"
#include <stdio.h>
#include <string.h>

enum { MOST_ROWS = 512, N_CHECKED = 7 };
static const uint32_t row_counts[] = { 1, 2, 4, 8, 16, 512 };
/* The reference computes these rows of a batch alone: it is slow, and a row does not depend on the others. */
static const uint32_t checked_rows[N_CHECKED] = { 0, 1, 3, 7, 15, 255, 511 };
static const precision precisions[] = { PRECISION_FAST, PRECISION_EXACT };
#define COUNT(a) (sizeof(a) / sizeof *(a))

static const char *precision_name(precision p) { return p == PRECISION_EXACT ? "exact" : "fast"; }

static tensor *first_rows(kernel_run *k, const tensor *x, uint64_t rows) {
    tensor *t = arena_must(kernel_memory(k), 1, sizeof *t);
    *t = *x;
    t->rows = rows;
    return t;
}

/* ---- linear ---- */

typedef struct linear_group {
    kernel_run *k;
    dtype type;
    uint64_t out, in;
    tensor *x, *y;              /* MOST_ROWS */
    tensor *want, *seen;        /* N_CHECKED rows: the reference's, and what the first batch that had the row gave */
    bool known[N_CHECKED];      /* of seen */
    weight *w;
    weight **copies;            /* [n_copies] as this precision reads them */
    size_t n_copies;
} linear_group;

static void linear_name(const linear_group *g, uint32_t rows, precision p, char name[96]) {
    snprintf(name, 96, "linear %s %llux%llu M=%u %s", dtype_name(g->type), (unsigned long long)g->out, (unsigned long long)g->in, rows, precision_name(p));
}

static bool linear_wanted(const linear_group *g, precision p) {
    char name[96];
    bool any = false;
    for (size_t i = 0; i < COUNT(row_counts); i++) {
        linear_name(g, row_counts[i], p, name);
        any |= kernel_wanted(g->k, name);
    }
    return any;
}

static void linear_reference(linear_group *g, precision p) {
    fwd f = kernel_fwd(g->k, true, p);
    tensor x = tensor_view_f32(arena_must(kernel_memory(g->k), N_CHECKED * g->in, sizeof(float)), N_CHECKED, g->in);
    for (int i = 0; i < N_CHECKED; i++) memcpy(tensor_f32(&x, (uint64_t)i), tensor_f32(g->x, checked_rows[i]), g->in * sizeof(float));
    kernel_call(&f, &(tape_record){ .op = OP_ID_linear, .u.linear = { .y = { g->want }, .x = &x, .w = { g->w }, .n = 1 } });
}

static void linear_compare(linear_group *g, uint32_t rows, kernel_cmp *c) {
    for (int i = 0; i < N_CHECKED; i++) {
        if (checked_rows[i] >= rows) continue;
        const float *got = tensor_f32(g->y, checked_rows[i]);
        float *seen = tensor_f32(g->seen, (uint64_t)i);
        kernel_compare(c, got, tensor_f32(g->want, (uint64_t)i), g->out);
        if (g->known[i]) c->unsteady |= memcmp(seen, got, g->out * sizeof *got) != 0;
        else memcpy(seen, got, g->out * sizeof *got);
        g->known[i] = true;
    }
}

static void linear_case(linear_group *g, uint32_t rows, precision p) {
    char name[96];
    linear_name(g, rows, p, name);
    if (!kernel_wanted(g->k, name)) return;
    kernel_case c = { .name = name, .calls = arena_must(kernel_memory(g->k), g->n_copies, sizeof *c.calls), .n_calls = g->n_copies, .precision = p, .same_bits = true };
    tensor *x = first_rows(g->k, g->x, rows), *y = first_rows(g->k, g->y, rows);
    for (size_t i = 0; i < g->n_copies; i++)
        c.calls[i] = (tape_record){ .op = OP_ID_linear, .u.linear = { .y = { y }, .x = x, .w = { g->copies[i] }, .n = 1 } };
    fwd f = kernel_fwd(g->k, false, p);
    kernel_call(&f, &c.calls[0]);
    linear_compare(g, rows, &c.cmp);
    kernel_finish(g->k, &c);
}

static void linear_precision(linear_group *g, precision p) {
    if (!linear_wanted(g, p)) return;
    bool fast = p == PRECISION_FAST;
    if (!g->w) {
        g->w = kernel_weight(g->k, g->type, 1, g->out, g->in, true);
        g->x = kernel_floats(g->k, MOST_ROWS, g->in);
        g->y = kernel_floats(g->k, MOST_ROWS, g->out);
        g->want = kernel_floats(g->k, N_CHECKED, g->out);
        g->seen = kernel_floats(g->k, N_CHECKED, g->out);
    }
    memset(g->known, 0, sizeof g->known);
    linear_reference(g, p);
    g->n_copies = kernel_cold_copies(g->out * g->w->w.stride);
    g->copies = arena_must(kernel_memory(g->k), g->n_copies, sizeof *g->copies);
    for (size_t i = 0; i < g->n_copies; i++) g->copies[i] = i ? kernel_weight_copy(g->k, g->w, fast) : g->w;
    for (size_t i = 0; i < COUNT(row_counts); i++) linear_case(g, row_counts[i], p);
}

void kernel_cases_linear(kernel_run *k) {
    static const uint64_t shapes[][2] = { { 896, 4864 }, { 4864, 896 }, { 1536, 8960 }, { 8960, 1536 } };
    for (int t = 0; t < DTYPE_COUNT; t++)
        for (size_t s = 0; s < COUNT(shapes); s++)
            for (size_t p = 0; p < COUNT(precisions); p++) {
                linear_group g = { .k = k, .type = (dtype)t, .out = shapes[s][0], .in = shapes[s][1] };
                arena_mark mark = arena_mark_now(kernel_memory(k));
                if (shapes[s][1] % dtype_block_elems(g.type) == 0) linear_precision(&g, precisions[p]);
                arena_release(kernel_memory(k), mark);
            }
}

/* ---- experts ---- */

enum { EXPERTS = 32, TOP_K = 8, EXPERT_OUT = 768, EXPERT_IN = 2048, ID_SETS = 8 };

static int32_t *random_experts(kernel_run *k, uint32_t rows) {
    int32_t *ids = arena_must(kernel_memory(k), rows * TOP_K, sizeof *ids);
    for (uint32_t r = 0; r < rows; r++) { /* distinct within a row: a random first, then steps of a number prime to EXPERTS */
        int32_t first = (int32_t)((kernel_random(k) + 1) * (EXPERTS / 2)) % EXPERTS;
        for (int j = 0; j < TOP_K; j++) ids[r * TOP_K + (uint32_t)j] = (first + 5 * j) % EXPERTS;
    }
    return ids;
}

static void experts_case(kernel_run *k, weight *w, uint32_t rows, precision p, const char *name) {
    kernel_case c = { .name = name, .calls = arena_must(kernel_memory(k), ID_SETS, sizeof *c.calls), .n_calls = ID_SETS, .precision = p, .same_bits = true };
    tensor *x = kernel_floats(k, rows, EXPERT_IN), *y = kernel_floats(k, rows * TOP_K, EXPERT_OUT), *want = kernel_floats(k, TOP_K, EXPERT_OUT);
    for (int i = 0; i < ID_SETS; i++)
        c.calls[i] = (tape_record){ .op = OP_ID_moe_linear, .u.moe_linear = { .y = { y }, .x = x, .w = { w }, .ids = random_experts(k, rows), .top_k = TOP_K, .n = 1 } };
    fwd f = kernel_fwd(k, false, p);
    kernel_call(&f, &c.calls[0]);
    tape_record last = c.calls[0]; /* the reference computes the last row alone */
    tensor one = *x;
    one.rows = 1;
    one.data = tensor_f32(x, rows - 1);
    last.u.moe_linear.y[0] = want;
    last.u.moe_linear.x = &one;
    last.u.moe_linear.ids += (rows - 1) * TOP_K;
    f = kernel_fwd(k, true, p);
    kernel_call(&f, &last);
    for (uint64_t j = 0; j < TOP_K; j++) kernel_compare(&c.cmp, tensor_f32(y, (uint64_t)(rows - 1) * TOP_K + j), tensor_f32(want, j), EXPERT_OUT);
    kernel_finish(k, &c);
}

void kernel_cases_experts(kernel_run *k) {
    static const dtype types[] = { DTYPE_Q4_0, DTYPE_Q8_0, DTYPE_Q4_K, DTYPE_BF16 };
    static const uint32_t rows[] = { 1, 8, 64 };
    char name[96];
    for (size_t t = 0; t < COUNT(types); t++) {
        arena_mark mark = arena_mark_now(kernel_memory(k));
        weight *w = NULL;
        for (size_t i = 0; i < COUNT(rows) * COUNT(precisions); i++) {
            precision p = precisions[i / COUNT(rows)];
            snprintf(name, sizeof name, "moe_linear %s %d/%dx%dx%d M=%u %s", dtype_name(types[t]), TOP_K, EXPERTS, EXPERT_OUT, EXPERT_IN, rows[i % COUNT(rows)], precision_name(p));
            if (!kernel_wanted(k, name)) continue;
            if (!w) w = kernel_weight(k, types[t], EXPERTS, EXPERT_OUT, EXPERT_IN, true);
            experts_case(k, w, rows[i % COUNT(rows)], p, name);
        }
        arena_release(kernel_memory(k), mark);
    }
}
