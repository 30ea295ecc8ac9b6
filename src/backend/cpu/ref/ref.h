/* The scalar reference: one function per op, written to be read. It is the specification: every other backend is held
 * against it. One thread, no state. */
#ifndef PINGTI_BACKEND_CPU_REF_REF_H
#define PINGTI_BACKEND_CPU_REF_REF_H
#include "op/ops.h"
#include "tensor/quant.h"

extern const backend backend_cpu_ref;

#define OP(NAME) void ref_##NAME(const fwd *f, const NAME##_args *a);
#include "op/ops.def"
#undef OP

/* y = w_row . x: exact, or fast where the format has an int8 dot (see tensor/quant.h). `x8` is x as int8, NULL in exact mode. */
float ref_dot_row(const tensor *w, uint64_t i, uint64_t row, const float *x, const act_q8 *x8, float *scratch);
#endif
