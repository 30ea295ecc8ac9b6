/* What running a model takes, before anything is allocated: what does not fit is refused with both numbers. */
#include "backend/backend.h"
#include "base/cpu.h"
#include "base/mem.h"
#include "infer/plan.h"

enum { DEFAULT_BATCH = 512, LEAST_CONTEXT = 512 };

kv_view plan_view(const model *m, dtype cache_type) {
    const model_spec *s = &m->spec;
    return (kv_view){ .type = cache_type, .page_tokens = KV_PAGE_TOKENS, .n_layers = s->layers, .n_heads = spec_kv_heads(s),
                      .k_head = spec_k_head(s), .v_head = spec_v_head(s), .shared_v = spec_is_mla(s) };
}

typedef struct product_plan {
    const backend *b;
    scratch_case c;
    uint32_t top_k;
    uint64_t most;
} product_plan;

static void plan_product(product_plan *p, op_id op, uint32_t n, const weight *const *w) {
    const weight *there[LINEAR_MAX];
    uint32_t count = 0;
    for (uint32_t i = 0; i < n; i++)
        if (w[i]->w.data) there[count++] = w[i];
    uint64_t bytes = count ? p->b->product_scratch(op, there, count, p->c) : 0;
    if (bytes > p->most) p->most = bytes;
}

#define PLAN_PRODUCT(p, op, ...) plan_product(p, op, sizeof (const weight *[]){ __VA_ARGS__ } / sizeof(const weight *), (const weight *const[]){ __VA_ARGS__ })

static void plan_ffn(product_plan *p, op_id op, const ffn_weights *w) {
    PLAN_PRODUCT(p, op, &w->gate, &w->up);
    PLAN_PRODUCT(p, op, &w->down);
}

/* The experts' first products have a row for each token, the second ones top_k. */
static void plan_experts(product_plan *p, const ffn_weights *w) {
    product_plan down = *p;
    p->c.outputs = p->top_k;
    PLAN_PRODUCT(p, OP_ID_moe_linear, &w->gate, &w->up);
    p->c.outputs = 1;
    down.c.rows *= p->top_k;
    PLAN_PRODUCT(&down, OP_ID_moe_linear, &w->down);
    if (down.most > p->most) p->most = down.most;
}

/* What the largest of a pass's products needs inside: forms of activations, unpacked weights of every thread. */
static uint64_t product_bytes(const model *m, const backend *b, scratch_case c) {
    product_plan p = { .b = b, .c = c, .top_k = m->spec.router.top_k };
    for (uint32_t il = 0; il < m->spec.layers; il++) {
        const layer *l = &m->layers[il];
        PLAN_PRODUCT(&p, OP_ID_linear, &l->q, &l->k, &l->v);
        PLAN_PRODUCT(&p, OP_ID_linear, &l->o);
        PLAN_PRODUCT(&p, OP_ID_linear, &l->q_a);
        PLAN_PRODUCT(&p, OP_ID_linear, &l->q_b);
        PLAN_PRODUCT(&p, OP_ID_linear, &l->kv_a);
        PLAN_PRODUCT(&p, OP_ID_linear_heads, &l->k_b);
        PLAN_PRODUCT(&p, OP_ID_linear_heads, &l->v_b);
        plan_ffn(&p, OP_ID_linear, &l->ffn);
        plan_ffn(&p, OP_ID_linear, &l->shared);
        plan_experts(&p, &l->experts);
    }
    product_plan exact = p;
    exact.c.fast = false;
    for (uint32_t il = 0; il < m->spec.layers; il++) PLAN_PRODUCT(&exact, OP_ID_linear, &m->layers[il].router);
    PLAN_PRODUCT(&p, OP_ID_linear, &m->output);
    return p.most > exact.most ? p.most : exact.most;
}

/* Activations of one pass, without what attention and products need inside: one layer at a time, the hidden rows on both sides of it, and the logits. */
static uint64_t scratch_bytes(const model_spec *s, uint64_t rows) {
    uint64_t q = (uint64_t)s->heads * (spec_is_mla(s) ? spec_k_head(s) + s->kv_lora + s->nope + s->rope_dim + s->v_dim : 3 * s->head_dim);
    uint64_t kv_cols = (uint64_t)spec_kv_heads(s) * (spec_k_head(s) + spec_v_head(s)) * 2;
    uint64_t ffn = 2ull * (s->ff > s->expert_ff * (uint64_t)s->router.top_k ? s->ff : s->expert_ff * (uint64_t)s->router.top_k);
    uint64_t per_row = 8ull * s->d + q + kv_cols + ffn + 2ull * s->shared_ff + (uint64_t)s->d * s->router.top_k + 2ull * s->router.experts;
    uint64_t logits_rows = rows < PLAN_LOGITS_ROWS ? rows : PLAN_LOGITS_ROWS;
    return (rows * per_row + logits_rows * s->vocab) * sizeof(float);
}

static uint64_t whole_of(const memory_plan *p) { return p->total + p->weights_in_files; }

/* limited: the weights' pages count too. */
static bool too_big(const memory_plan *p, bool limited, err *e) {
    return err_set(e, ERR_MEMORY, "the model with this context does not fit in memory") ||
           err_expected(e, "at most %.1f MiB available", (double)p->available / 1048576) ||
           err_got(e, "%.1f MiB needed (%.1f MiB cache for %u tokens, %.1f MiB scratch, %.1f MiB copies, %.1f MiB packed weights, %.1f MiB weights in files)",
                   (double)(limited ? whole_of(p) : p->total) / 1048576, (double)p->kv_bytes / 1048576, p->cache_tokens, (double)p->scratch / 1048576,
                   (double)p->weights_copied / 1048576, p->packed_in_file ? 0.0 : (double)p->weights_packed / 1048576, limited ? (double)p->weights_in_files / 1048576 : 0.0) ||
           err_hint(e, "use a shorter context (--ctx), a smaller cache format (--cache-type q8_0) or a smaller batch (--batch)");
}

static bool size_cache(memory_plan *p, const kv_view *view, uint32_t tokens, err *e) {
    p->pages = (uint32_t)(((uint64_t)tokens + KV_PAGE_TOKENS - 1) / KV_PAGE_TOKENS);
    p->cache_tokens = p->pages * KV_PAGE_TOKENS;
    if (!mem_mul(p->pages, view->page_bytes, &p->kv_bytes)) return err_set(e, ERR_LIMIT, "a cache of %u tokens is too large", tokens);
    p->total = p->kv_bytes + p->scratch + p->weights_copied + (p->packed_in_file ? 0 : p->weights_packed);
    return true;
}

/* A context that nobody asked for is lowered by halves until everything fits, weights included; where they alone are too much for this machine,
 * until what is allocated does. */
static bool lower_context(memory_plan *p, const kv_view *view, bool limited, err *e) {
    uint64_t least = whole_of(p) - p->kv_bytes + (uint64_t)LEAST_CONTEXT * p->kv_bytes_per_token;
    bool count_weights = limited || least <= p->available;
    while ((count_weights ? whole_of(p) : p->total) > p->available && p->context > LEAST_CONTEXT) {
        p->context /= 2;
        p->context_lowered = true;
        if (!size_cache(p, view, p->context, e)) return false;
    }
    return true;
}

bool memory_plan_make(memory_plan *p, const model *m, const runner_options *o, err *e) {
    kv_view view = plan_view(m, o->cache_type);
    if (!kv_view_layout(&view)) return err_set(e, ERR_LIMIT, "the model's cache rows are too large");
    *p = (memory_plan){ .weights_mapped = m->weight_bytes, .weights_copied = m->copied_bytes, .kv_bytes_per_token = view.page_bytes / KV_PAGE_TOKENS,
                        .batch_tokens = o->batch_tokens ? o->batch_tokens : DEFAULT_BATCH };
    uint32_t longest = rope_longest_context(&m->spec);
    if (o->context > longest)
        return err_set(e, ERR_LIMIT, "the model was not made for this context") || err_expected(e, "at most %u tokens", longest) ||
               err_got(e, "%u tokens", o->context);
    p->context = o->context ? o->context : m->spec.context;
    p->scratch = scratch_bytes(&m->spec, p->batch_tokens);
    const backend *b = o->backend ? backend_find(o->backend) : backend_at(0);
    if (b && b->attn_scratch) p->scratch += b->attn_scratch(&view, m->spec.heads, p->batch_tokens, (uint32_t)(o->threads ? o->threads : cpu_count()));
    if (b && b->product_scratch)
        p->scratch += product_bytes(m, b, (scratch_case){ p->batch_tokens, 1, (uint32_t)(o->threads ? o->threads : cpu_count()), o->precision == PRECISION_FAST });
    p->weights_packed = b && o->precision == PRECISION_FAST ? place_bytes(m, b) : 0;
    p->packed_in_file = place_wants_file(&o->place, p->weights_packed);
    p->available = o->memory_limit ? o->memory_limit : cpu_memory_available();
    p->weights_in_files = (p->weights_mapped > p->weights_packed ? p->weights_mapped - p->weights_packed : 0) + (p->packed_in_file ? p->weights_packed : 0);
    uint32_t tokens = o->cache_tokens ? o->cache_tokens : p->context;
    if (!size_cache(p, &view, tokens, e) || (!o->context && !o->cache_tokens && !lower_context(p, &view, o->memory_limit > 0, e))) return false;
    p->weights_reread = whole_of(p) > p->available;
    if ((o->memory_limit ? whole_of(p) : p->total) > p->available) return too_big(p, o->memory_limit > 0, e);
    p->packed_copied = p->packed_in_file && !p->weights_reread && place_copies(p->weights_packed, p->available - whole_of(p));
    if (p->packed_copied) {
        p->total += p->weights_packed;
        p->weights_in_files -= p->weights_packed;
    }
    return true;
}
