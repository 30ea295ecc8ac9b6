/* The cpu backend: the reference's definitions, computed by the kernels of the instruction set at hand on all threads of the
 * pool. Tasks split outputs, never sums, so a result is the same for any number of threads and any batch. */
#ifndef PINGTI_BACKEND_CPU_CPU_H
#define PINGTI_BACKEND_CPU_CPU_H
#include "backend/cpu/kernels.h"
#include "base/cpu.h"
#include "op/ops.h"

extern const backend backend_cpu;

const cpu_kernels *cpu_active(void); /* kernels of cpu_chosen_isa() */

#define OP(NAME) void cpu_##NAME(const fwd *f, const NAME##_args *a);
#include "op/ops.def"
#undef OP

bool cpu_kv_pairs(dtype cache, precision p);                             /* backend.kv_pairs */
uint64_t cpu_attn_scratch(const kv_view *kv, uint32_t heads, uint64_t rows, uint32_t threads); /* backend.attn_scratch */

uint64_t cpu_product_scratch(op_id op, const weight *const *w, uint32_t n, scratch_case c);             /* backend.product_scratch */

uint64_t cpu_heads_scratch(const tensor *w, uint32_t threads);                                         /* its share of linear_heads */

/* Calls task(ctx, first row, end row) over n rows in pieces of `grain`. */
typedef void (*rows_task)(void *ctx, uint64_t from, uint64_t to);
void cpu_over_rows(const fwd *f, uint64_t n, uint64_t grain, rows_task task, void *ctx);
#endif
