#include "backend/cpu/cpu.h"
#include "backend/cpu/panel.h"

static bool has(op_id op, dtype weights) { return (void)op, weights < DTYPE_COUNT; }

/* Panels of all matrices of a stack, one after another. */
static uint64_t place_units(const tensor *w) { return panel_shape_of(w->type).rows ? w->n * panel_count(w) : 0; }

static void place(const tensor *w, uint64_t from, uint64_t to, void *at) {
    uint64_t count = panel_count(w), bytes = panel_bytes(w);
    for (uint64_t end; from < to; from = end) {
        end = (from / count + 1) * count < to ? (from / count + 1) * count : to;
        panel_pack(w, from / count, from % count, from % count + (end - from), at);
        at = (char *)at + (end - from) * bytes;
    }
}

const backend backend_cpu = {
    .name = "cpu",
    .has = has,
    .place_version = "panels 4",
    .place_units = place_units,
    .place_unit_bytes = panel_bytes,
    .place = place,
    .kv_pairs = cpu_kv_pairs,
    .attn_scratch = cpu_attn_scratch,
    .product_scratch = cpu_product_scratch,
#define OP(NAME) .NAME = cpu_##NAME,
#include "op/ops.def"
#undef OP
};

const cpu_kernels *cpu_active(void) { return cpu_kernels_for(cpu_chosen_isa()); }

typedef struct rows_job {
    uint64_t n, grain;
    rows_task task;
    void *ctx;
} rows_job;

static void one_piece(void *ctx, size_t piece, int worker) {
    (void)worker;
    const rows_job *j = ctx;
    uint64_t from = piece * j->grain, to = from + j->grain < j->n ? from + j->grain : j->n;
    j->task(j->ctx, from, to);
}

void cpu_over_rows(const fwd *f, uint64_t n, uint64_t grain, rows_task task, void *ctx) {
    rows_job j = { n, grain, task, ctx };
    pool_run(f->pool, (n + grain - 1) / grain, one_piece, &j);
}
