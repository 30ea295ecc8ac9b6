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
/* The two halves of routing one row. p[experts]: softmax or sigmoid of the logits, exp_of giving vmath_exp of each (x and y may be the
 * same); then the experts chosen, choice[experts + groups] being scratch. */
void ref_route_scores(const router_spec *s, const float *logits, float *p, void (*exp_of)(const float *x, float *y, size_t n));
void ref_route_choose(const router_spec *s, const float *bias, const float *p, float *choice, int32_t *ids, float *weight);
#endif
