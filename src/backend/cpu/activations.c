/* Activation rows as weights want them: f32, int8 blocks, or bfloat16 pairs. */
#include "backend/cpu/panel.h"
#include "backend/cpu/product.h"

typedef struct conversion {
    const activations *a;
    const void **out;
    void (*convert)(const float *x, size_t n, void *out);
} conversion;

static void to_q8(const float *x, size_t n, void *out) {
    act_q8 row = act_q8_at(out, n);
    cpu_active()->act_q8(x, n, &row);
}

static void convert_rows(void *ctx, uint64_t from, uint64_t to) {
    const conversion *c = ctx;
    for (uint64_t i = from; i < to; i++) c->convert(c->a->f32[i], c->a->cols, (void *)(uintptr_t)c->out[i]);
}

static const void **converted(const fwd *f, const activations *a, size_t bytes, void (*convert)(const float *, size_t, void *)) {
    char *memory = arena_must_raw(f->mem, a->n, bytes);
    conversion c = { a, arena_must_raw(f->mem, a->n, sizeof *c.out), convert };
    for (uint64_t i = 0; i < a->n; i++) c.out[i] = memory + i * bytes;
    cpu_over_rows(f, a->n, 8, convert_rows, &c);
    return c.out;
}

activations activations_of(const fwd *f, const tensor *x) {
    activations a = { x->rows, x->cols, arena_must_raw(f->mem, x->rows, sizeof *a.f32), NULL, NULL };
    for (uint64_t i = 0; i < a.n; i++) a.f32[i] = tensor_f32(x, i);
    return a;
}

const void **activations_for(const fwd *f, activations *a, const tensor *w) {
    const quant_traits *q = quant_of(w->type);
    if (f->precision == PRECISION_FAST && q->dot) {
        if (!a->q8) a->q8 = converted(f, a, act_q8_bytes(a->cols), to_q8);
        return a->q8;
    }
    if (f->precision == PRECISION_FAST && w->packed && panel_acts_of(w->type) == ACTS_BF16) {
        if (!a->bf16) a->bf16 = converted(f, a, (a->cols * 2 + 63) & ~(size_t)63, cpu_active()->act_bf16);
        return a->bf16;
    }
    return (const void **)a->f32;
}
