/* Activation rows as weights want them: f32, int8 blocks, or bfloat16 pairs. */
#include "backend/cpu/panel.h"
#include "backend/cpu/product.h"

enum { ELEMENTS = 1 << 13 }; /* that a thread takes at once: fewer are not worth sharing */

typedef struct conversion {
    const activations *a;
    const void **out;
    void (*convert)(const float *x, size_t n, void *out);
    const grouped *turned; /* whose order the columns take, or NULL */
    float *spare;          /* [n][cols] then */
} conversion;

static void to_q8(const float *x, size_t n, void *out) {
    act_q8 row = act_q8_at(out, n);
    cpu_active()->act_q8(x, n, &row);
}

enum { WIDE_BLOCKS = 8 }; /* converted at once */

static void wide_block(const act_block *from, act_wide *to) {
    for (int j = 0; j < ACT_BLOCK / 4; j++)
        for (int k = 0; k < 4; k++) to->q[j][k % 2][k / 2] = from->q[4 * j + k];
    to->scale = from->scale;
    to->scaled_sum = from->scaled_sum;
    to->minus_sum = from->minus_sum;
    to->minus_sum_low = from->minus_sum_low;
}

static void to_wide(const float *x, size_t n, void *out) {
    act_wide *to = out;
    for (size_t i = 0, here; i < n; i += here) {
        _Alignas(64) act_block made[WIDE_BLOCKS];
        here = n - i < WIDE_BLOCKS * ACT_BLOCK ? n - i : WIDE_BLOCKS * ACT_BLOCK;
        act_q8 part = act_q8_at(made, here);
        cpu_active()->act_q8(x + i, here, &part);
        for (size_t b = 0; b < part.n / ACT_BLOCK; b++) wide_block(&part.block[b], to++);
    }
}

static size_t wide_bytes(size_t n) { return (act_q8_bytes(n) / sizeof(act_block) * sizeof(act_wide) + 63) & ~(size_t)63; }

static bool takes_wide(const tensor *w) { return panel_acts_wide((int)w->type, panel_kernels_for(cpu_chosen_isa())->wide); }

static void convert_rows(void *ctx, uint64_t from, uint64_t to) {
    const conversion *c = ctx;
    for (uint64_t i = from; i < to; i++) {
        const float *x = c->a->f32[i];
        if (c->turned) {
            grouped_reorder(c->turned, x, c->spare + i * c->a->cols);
            x = c->spare + i * c->a->cols;
        }
        c->convert(x, c->a->cols, (void *)(uintptr_t)c->out[i]);
    }
}

static const void **converted(const fwd *f, const activations *a, size_t bytes, void (*convert)(const float *, size_t, void *), const grouped *turned) {
    char *memory = arena_must_raw(f->mem, a->n, bytes);
    conversion c = { a, arena_must_raw(f->mem, a->n, sizeof *c.out), convert, turned, NULL };
    if (turned) c.spare = arena_must_raw(f->mem, a->n * a->cols, sizeof(float));
    for (uint64_t i = 0; i < a->n; i++) c.out[i] = memory + i * bytes;
    cpu_over_rows(f, a->n, a->cols < ELEMENTS ? ELEMENTS / (a->cols ? a->cols : 1) : 1, convert_rows, &c);
    return c.out;
}

activations activations_of(const fwd *f, const tensor *x) {
    activations a = { x->rows, x->cols, arena_must_raw(f->mem, x->rows, sizeof *a.f32), { NULL, NULL }, NULL, NULL, { NULL, NULL } };
    for (uint64_t i = 0; i < a.n; i++) a.f32[i] = tensor_f32(x, i);
    return a;
}

uint64_t activations_scratch(const tensor *w, uint64_t n, bool fast) {
    const quant_traits *q = quant_of(w->type);
    uint64_t lists = n * sizeof(void *), turned = tensor_order(w, 0) ? w->cols * sizeof(float) : 0;
    if (fast && q->dot) return lists + n * ((takes_wide(w) ? wide_bytes(w->cols) : act_q8_bytes(w->cols)) + turned);
    return fast && panel_acts_of(w->type) == ACTS_BF16 ? lists + n * (w->cols * 2 + 64) : 0;
}

static const void **blocks(const fwd *f, const activations *a, bool wide, const grouped *turned) {
    return wide ? converted(f, a, wide_bytes(a->cols), to_wide, turned) : converted(f, a, act_q8_bytes(a->cols), to_q8, turned);
}

/* The last order that was asked for is kept: matrices that share an input mostly share it too. */
static const void **in_order(const fwd *f, activations *a, const grouped *g, bool wide) {
    if (a->order != g->order) {
        a->order = g->order;
        a->ordered_q8[0] = a->ordered_q8[1] = NULL;
    }
    if (!a->ordered_q8[wide]) a->ordered_q8[wide] = blocks(f, a, wide, g);
    return a->ordered_q8[wide];
}

const void **activations_for(const fwd *f, activations *a, const tensor *w, uint64_t matrix) {
    const quant_traits *q = quant_of(w->type);
    if (f->precision == PRECISION_FAST && q->dot) {
        bool wide = w->packed && takes_wide(w);
        if (tensor_order(w, matrix)) return in_order(f, a, &w->grouped[matrix], wide);
        if (!a->q8[wide]) a->q8[wide] = blocks(f, a, wide, NULL);
        return a->q8[wide];
    }
    if (f->precision == PRECISION_FAST && w->packed && panel_acts_of(w->type) == ACTS_BF16) {
        if (!a->bf16) a->bf16 = converted(f, a, (a->cols * 2 + 63) & ~(size_t)63, cpu_active()->act_bf16, NULL);
        return a->bf16;
    }
    return (const void **)a->f32;
}
