/* What each op reads and computes, for the profiler and the benchmarks: bytes of weights as the file stores them, each counted once for a call
 * (an expert that several rows chose too), bytes of the cache, bytes of activations, operations. Counts of the definition, not
 * of what a kernel happens to do. */
#include "op/check.h"
#include "tensor/quant.h"

op_unit op_unit_of(precision p, const tensor *w) {
    if (p == PRECISION_EXACT) return OP_UNIT_F32;
    if (w->type == DTYPE_BF16) return OP_UNIT_BF16;
    return quant_of(w->type)->dot && w->cols % ACT_BLOCK == 0 ? OP_UNIT_INT8 : OP_UNIT_F32; /* F16 too multiplies as f32 */
}

const char *op_unit_name(op_unit u) {
    static const char *const unit_names[] = { "f32", "bf16", "int8" };
    return unit_names[u];
}

static uint64_t row_bytes(const tensor *w) {
    uint64_t bytes = 0;
    if (w->grouped) return w->cols * w->grouped->bits / 8; /* scales and zero points are some percent more */
    dtype_row_bytes(w->type, w->cols, &bytes);
    return bytes;
}

static uint64_t f32_bytes(const tensor *t) { return t->rows * t->cols * sizeof(float); }

/* Rows times `matrices` of w, each read once. */
static void add_product(const fwd *f, const weight *w, uint64_t matrices, const tensor *y, prof_work *k) {
    uint64_t scales = (uint64_t)w->w.scale_rows * w->w.scale_cols * sizeof(float), bias = w->bias ? w->w.rows * sizeof(float) : 0;
    k->weight_bytes += matrices * (w->w.rows * row_bytes(&w->w) + scales + bias);
    k->row_bytes += f32_bytes(y);
    k->ops[op_unit_of(f->precision, &w->w)] += 2 * y->rows * w->w.rows * w->w.cols;
}

prof_work op_embed_work(const fwd *f, const embed_args *a) {
    (void)f;
    return (prof_work){ .weight_bytes = a->y->rows * row_bytes(&a->w->w), .row_bytes = f32_bytes(a->y) };
}

prof_work op_rmsnorm_work(const fwd *f, const rmsnorm_args *a) {
    (void)f;
    return (prof_work){ .weight_bytes = f32_bytes(a->w), .row_bytes = f32_bytes(a->x) + f32_bytes(a->y), .ops[OP_UNIT_F32] = 4 * a->x->rows * a->x->cols };
}

prof_work op_linear_work(const fwd *f, const linear_args *a) {
    prof_work k = { .row_bytes = f32_bytes(a->x) };
    for (uint32_t i = 0; i < a->n; i++) add_product(f, a->w[i], 1, a->y[i], &k);
    return k;
}

prof_work op_linear_heads_work(const fwd *f, const linear_heads_args *a) {
    (void)f;
    uint64_t heads = a->w->w.n;
    return (prof_work){ .weight_bytes = heads * a->n_rows * row_bytes(&a->w->w), .row_bytes = f32_bytes(a->x) + f32_bytes(a->y),
                        .ops[OP_UNIT_F32] = 2 * a->x->rows * heads * a->n_rows * a->w->w.cols };
}

prof_work op_rope_work(const fwd *f, const rope_args *a) {
    (void)f;
    uint64_t turned = a->x->rows * a->heads * 2 * a->tables[0].pairs;
    return (prof_work){ .row_bytes = 2 * turned * sizeof(float), .ops[OP_UNIT_F32] = 3 * turned };
}

prof_work op_pack_work(const fwd *f, const pack_args *a) {
    (void)f;
    return (prof_work){ .row_bytes = 2 * a->x->rows * a->heads * a->width * sizeof(float) };
}

/* The keys that rows [from, to) of one sequence see together, and how many keys all of them see. */
static uint64_t keys_seen(const attn_args *a, uint64_t from, uint64_t to, uint64_t *pairs) {
    uint64_t end = 0, first = UINT64_MAX;
    for (uint64_t t = from; t < to; t++) {
        uint64_t last = a->kv ? (uint64_t)a->b->pos[t] + 1 : t - from + 1, lo = a->window && last > a->window ? last - a->window : 0;
        *pairs += last - lo;
        if (last > end) end = last;
        if (lo < first) first = lo;
    }
    return end - first;
}

prof_work op_attn_work(const fwd *f, const attn_args *a) {
    op_unit unit = a->kv && f->precision == PRECISION_FAST ? OP_UNIT_BF16 : OP_UNIT_F32;
    uint64_t keys = 0, pairs = 0, key_bytes = (uint64_t)a->kv_heads * (a->k_head + (a->shared_v ? 0 : a->v_head)) * sizeof(float);
    if (a->kv) key_bytes = a->kv->layer_bytes / a->kv->page_tokens;
    for (uint64_t t = 0, end; t < a->q->rows; t = end) {
        for (end = t + 1; end < a->q->rows && a->b->seq[end] == a->b->seq[t];) end++;
        keys += keys_seen(a, t, end, &pairs);
    }
    prof_work k = { .cache_bytes = keys * key_bytes, .row_bytes = f32_bytes(a->q) + f32_bytes(a->k) + (a->v ? f32_bytes(a->v) : 0) + f32_bytes(a->y) };
    k.ops[unit] = 2 * pairs * a->heads * (a->k_head + a->v_head);
    return k;
}

prof_work op_swiglu_work(const fwd *f, const swiglu_args *a) {
    (void)f;
    return (prof_work){ .row_bytes = 3 * f32_bytes(a->y), .ops[OP_UNIT_F32] = 4 * a->y->rows * a->y->cols };
}

prof_work op_add_work(const fwd *f, const add_args *a) {
    (void)f;
    return (prof_work){ .row_bytes = 3 * f32_bytes(a->y), .ops[OP_UNIT_F32] = a->y->rows * a->y->cols };
}

prof_work op_gather_work(const fwd *f, const gather_args *a) {
    (void)f;
    return (prof_work){ .row_bytes = 2 * f32_bytes(a->y) };
}

prof_work op_moe_route_work(const fwd *f, const moe_route_args *a) {
    (void)f;
    return (prof_work){ .row_bytes = f32_bytes(a->logits), .ops[OP_UNIT_F32] = 3 * a->logits->rows * a->logits->cols };
}

/* How many experts any row chose; rows are few where it matters, and the count is taken only when timing. */
static uint64_t active_experts(const moe_linear_args *a) {
    uint64_t active = 0;
    for (uint64_t r = 0; r < a->y[0]->rows && active < a->w[0]->w.n; r++) {
        bool seen = false;
        for (uint64_t q = 0; q < r && !seen; q++) seen = a->ids[q] == a->ids[r];
        active += !seen;
    }
    return active;
}

prof_work op_moe_linear_work(const fwd *f, const moe_linear_args *a) {
    prof_work k = { .row_bytes = f32_bytes(a->x) };
    for (uint32_t i = 0; i < a->n; i++) add_product(f, a->w[i], active_experts(a), a->y[i], &k);
    return k;
}

prof_work op_moe_combine_work(const fwd *f, const moe_combine_args *a) {
    (void)f;
    return (prof_work){ .row_bytes = f32_bytes(a->x) + f32_bytes(a->y), .ops[OP_UNIT_F32] = 2 * a->x->rows * a->x->cols };
}

prof_work op_xent_work(const fwd *f, const xent_args *a) {
    (void)f;
    return (prof_work){ .row_bytes = f32_bytes(a->x), .ops[OP_UNIT_F32] = 3 * a->x->rows * a->x->cols };
}
