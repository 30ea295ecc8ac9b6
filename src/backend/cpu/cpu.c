#include "backend/cpu/cpu.h"

static bool has(op_id op, dtype weights) { return (void)op, weights < DTYPE_COUNT; }

const backend backend_cpu = {
    .name = "cpu",
    .has = has,
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
