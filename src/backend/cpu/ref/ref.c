#include "backend/cpu/ref/ref.h"

static bool has(op_id op, dtype weights) { return (void)op, weights < DTYPE_COUNT; }

const backend backend_cpu_ref = {
    .name = "cpu_ref",
    .has = has,
#define OP(NAME) .NAME = ref_##NAME,
#include "op/ops.def"
#undef OP
};
