#include "op/ops.h"
#include "op/tape.h"
#include <assert.h>

static const char *const names[OP_COUNT] = {
#define OP(NAME) #NAME,
#include "op/ops.def"
#undef OP
};

const char *const *op_names(void) { return names; }
const char *op_name(op_id id) { return id < OP_COUNT ? names[id] : "unknown"; }

#define OP(NAME)                                                                                                       \
    __attribute__((noinline, cold)) static void profiled_##NAME(const fwd *f, const NAME##_args *a) {                  \
        prof_work w = op_##NAME##_work(f, a);                                                                          \
        double start = prof_now();                                                                                     \
        f->backend->NAME(f, a);                                                                                        \
        prof_add(f->prof, OP_ID_##NAME, start, &w);                                                                    \
    }                                                                                                                  \
    void op_##NAME(const fwd *f, NAME##_args a) {                                                                      \
        op_##NAME##_check(&a);                                                                                         \
        if (f->watch) f->watch(f->watch_ctx, OP_ID_##NAME, &a);                                                        \
        if (f->prof) profiled_##NAME(f, &a);                                                                           \
        else f->backend->NAME(f, &a);                                                                                  \
        if (f->tape) tape_push(f->tape, OP_ID_##NAME)->u.NAME = a;                                                     \
    }
#include "op/ops.def"
#undef OP

tensor *fwd_tensor(const fwd *f, uint64_t rows, uint64_t cols) {
    uint64_t count, bytes;
    bool fits = !__builtin_mul_overflow(rows, cols, &count) && !__builtin_mul_overflow(count, sizeof(float), &bytes);
    assert(fits);
    tensor *t = arena_must(f->mem, 1, sizeof *t);
    *t = tensor_view_f32(f->tape ? arena_must(f->mem, count, sizeof(float)) : arena_must_raw(f->mem, count, sizeof(float)), rows, cols);
    if (f->tape) t->grad = arena_must(f->mem, count, sizeof(float));
    return t;
}

tensor *fwd_columns(const fwd *f, const tensor *x, uint64_t col, uint64_t cols) {
    assert(x->type == DTYPE_F32 && col + cols <= x->cols);
    tensor *t = arena_must(f->mem, 1, sizeof *t);
    *t = *x;
    t->cols = cols;
    t->data = (float *)x->data + col;
    t->grad = x->grad ? x->grad + col : NULL;
    return t;
}

void fwd_observe(const fwd *f, const char *name, int layer, const tensor *x) {
    if (f->observer) f->observer(f->observer_ctx, name, layer, x);
}
