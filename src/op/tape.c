#include "op/tape.h"
#include "base/mem.h"

typedef void (*grad_fn)(const fwd *f, const tape_record *r);

#define OP(NAME)                                                                                                       \
    static void NAME##_backward(const fwd *f, const tape_record *r) { op_##NAME##_grad(f, &r->u.NAME); }
#include "op/ops.def"
#undef OP

static const grad_fn gradients[OP_COUNT] = {
#define OP(NAME) [OP_ID_##NAME] = NAME##_backward,
#include "op/ops.def"
#undef OP
};

tape_record *tape_push(tape *t, op_id op) {
    if (t->n == t->cap) {
        t->cap = t->cap ? 2 * t->cap : 256;
        t->records = mem_must_grow(t->records, t->cap, sizeof *t->records);
    }
    t->records[t->n] = (tape_record){ .op = op };
    return &t->records[t->n++];
}

void tape_backward(const fwd *f, tape *t) {
    while (t->n) {
        const tape_record *r = &t->records[--t->n];
        gradients[r->op](f, r);
    }
}

void tape_free(tape *t) {
    free(t->records);
    *t = (tape){ 0 };
}
