/* The record of a forward pass: the arguments of every op in order. Backward walks it in reverse; gradients add up in
 * tensor.grad (f32, same stride in elements as data). One owner thread. */
#ifndef PINGTI_OP_TAPE_H
#define PINGTI_OP_TAPE_H
#include "op/ops.h"

typedef struct tape_record {
    op_id op;
    union {
#define OP(NAME) NAME##_args NAME;
#include "op/ops.def"
#undef OP
    } u;
} tape_record;

struct tape {
    tape_record *records;
    size_t n, cap;
};

tape_record *tape_push(tape *t, op_id op);
void tape_backward(const fwd *f, tape *t); /* empties the tape */
void tape_free(tape *t);

/* Row r of x's gradient, or NULL when none is wanted. */
static inline float *tensor_grad(const tensor *x, uint64_t row) {
    return x && x->grad ? x->grad + row * (x->stride / sizeof(float)) : NULL;
}
#endif
