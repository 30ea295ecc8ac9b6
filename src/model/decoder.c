/* The forward pass, written once for every family: pre-norm blocks h += attn(norm(h)); h += ffn(norm(h)). It serves
 * (tape NULL, kv set) and trains (tape set, kv NULL); only attention looks at kv. */
#include "model/decoder.h"

tensor *decoder_linear(const fwd *f, tensor *x, const weight *w) {
    tensor *y = fwd_tensor(f, x->rows, w->w.rows);
    op_linear(f, (linear_args){ .y = { y }, .x = x, .w = { w }, .n = 1 });
    return y;
}

tensor *decoder_norm(const fwd *f, tensor *x, const tensor *w, float eps) {
    tensor *y = fwd_tensor(f, x->rows, x->cols);
    op_rmsnorm(f, (rmsnorm_args){ y, x, w, eps });
    return y;
}

/* Where the result of an elementwise op goes: over an operand that nobody asks for again, whose lines are near; training keeps every
 * activation for the tape. */
static tensor *over(const fwd *f, tensor *spent) { return f->tape ? fwd_tensor(f, spent->rows, spent->cols) : spent; }

/* b is spent. */
static tensor *add(const fwd *f, tensor *a, tensor *b) {
    tensor *y = over(f, b);
    op_add(f, (add_args){ y, a, b });
    return y;
}

/* Grouped-query attention. x[T,d] -> [T,d] */
static tensor *attention(const fwd *f, const model *m, int il, const batch *b, tensor *x) {
    const model_spec *s = &m->spec;
    const layer *l = &m->layers[il];
    tensor *q = fwd_tensor(f, x->rows, l->q.w.rows), *k = fwd_tensor(f, x->rows, l->k.w.rows), *v = fwd_tensor(f, x->rows, l->v.w.rows);
    op_linear(f, (linear_args){ .y = { q, k, v }, .x = x, .w = { &l->q, &l->k, &l->v }, .n = 3 });
    if (l->q_norm.data) q = decoder_norm(f, q, &l->q_norm, s->eps);
    if (l->k_norm.data) k = decoder_norm(f, k, &l->k_norm, s->eps);
    op_rope(f, (rope_args){ q, b, m->rope.table, s->heads, s->head_dim, 0, m->rope.n });
    op_rope(f, (rope_args){ k, b, m->rope.table, s->kv_heads, s->head_dim, 0, m->rope.n });
    tensor *y = fwd_tensor(f, x->rows, (uint64_t)s->heads * s->head_dim);
    op_attn(f, (attn_args){ .y = y, .q = q, .k = k, .v = v, .b = b, .kv = f->kv, .layer = (uint32_t)il, .heads = s->heads,
                            .kv_heads = s->kv_heads, .k_head = s->head_dim, .v_head = s->head_dim,
                            .window = s->slides[il] ? s->window : 0, .scale = s->attn_scale });
    return decoder_linear(f, y, &l->o);
}

tensor *decoder_ffn(const fwd *f, tensor *x, const ffn_weights *w) {
    tensor *gate = fwd_tensor(f, x->rows, w->gate.w.rows), *up = fwd_tensor(f, x->rows, w->up.w.rows);
    op_linear(f, (linear_args){ .y = { gate, up }, .x = x, .w = { &w->gate, &w->up }, .n = 2 });
    tensor *h = over(f, gate);
    op_swiglu(f, (swiglu_args){ h, gate, up });
    return decoder_linear(f, h, &w->down);
}

/* Experts: each row goes to its top_k; the shared expert, where there is one, sees every row. */
static tensor *experts(const fwd *f, const model *m, const layer *l, tensor *x) {
    const router_spec *r = &m->spec.router;
    uint64_t rows = x->rows * r->top_k;
    tensor *logits = fwd_tensor(f, x->rows, r->experts), *weights = fwd_tensor(f, x->rows, r->top_k);
    fwd exact = *f; /* the choice of experts is discrete: it is always made in f32 */
    exact.precision = PRECISION_EXACT;
    op_linear(&exact, (linear_args){ .y = { logits }, .x = x, .w = { &l->router }, .n = 1 });
    int32_t *ids = arena_must(f->mem, rows, sizeof *ids);
    op_moe_route(f, (moe_route_args){ weights, ids, logits, l->router_bias, r });
    tensor *gate = fwd_tensor(f, rows, m->spec.expert_ff), *up = fwd_tensor(f, rows, m->spec.expert_ff);
    tensor *down = fwd_tensor(f, rows, m->spec.d), *y = fwd_tensor(f, x->rows, m->spec.d);
    op_moe_linear(f, (moe_linear_args){ .y = { gate, up }, .x = x, .w = { &l->experts.gate, &l->experts.up }, .ids = ids, .top_k = r->top_k, .n = 2 });
    tensor *h = over(f, gate);
    op_swiglu(f, (swiglu_args){ h, gate, up });
    op_moe_linear(f, (moe_linear_args){ .y = { down }, .x = h, .w = { &l->experts.down }, .ids = ids, .top_k = r->top_k, .n = 1 });
    op_moe_combine(f, (moe_combine_args){ y, down, weights });
    return l->shared.gate.w.data ? add(f, y, decoder_ffn(f, x, &l->shared)) : y;
}

/* out = x + attention + feed-forward. */
static void decoder_layer(const fwd *f, const model *m, int il, const batch *b, tensor *x, tensor *out) {
    const layer *l = &m->layers[il];
    tensor *h = decoder_norm(f, x, &l->attn_norm, m->spec.eps);
    tensor *mid = add(f, x, (spec_is_mla(&m->spec) ? mla_attention : attention)(f, m, il, b, h));
    fwd_observe(f, "attn", il, mid);
    h = decoder_norm(f, mid, &l->ffn_norm, m->spec.eps);
    op_add(f, (add_args){ out, mid, m->spec.sparse[il] ? experts(f, m, l, h) : decoder_ffn(f, h, &l->ffn) });
    fwd_observe(f, "layer", il, out);
}

/* NULL: the pass was given up. Serving, the layers use the same scratch memory one after another; training keeps every activation for the tape. */
static tensor *all_layers(const fwd *f, const model *m, const batch *b, tensor *x) {
    tensor *spare = f->tape ? NULL : fwd_tensor(f, b->T, m->spec.d);
    for (int il = 0; il < (int)m->spec.layers; il++) {
        tensor *out = f->tape ? fwd_tensor(f, b->T, m->spec.d) : spare;
        arena_mark mark = arena_mark_now(f->mem);
        if (f->stop && f->stop(f->stop_ctx)) return NULL;
        prof_layer(f->prof, il);
        decoder_layer(f, m, il, b, x, out);
        if (!f->tape) arena_release(f->mem, mark);
        spare = x;
        x = out;
    }
    prof_layer(f->prof, PROF_NO_LAYER);
    return x;
}

tensor *model_forward(const fwd *f, const model *m, const batch *b) {
    tensor *x = fwd_tensor(f, b->T, m->spec.d);
    op_embed(f, (embed_args){ x, &m->embed, b->id });
    x = all_layers(f, m, b, x);
    if (!x || !b->n_out) return NULL;
    tensor *last = fwd_tensor(f, b->n_out, m->spec.d);
    op_gather(f, (gather_args){ last, x, b->out });
    return decoder_linear(f, decoder_norm(f, last, &m->norm, m->spec.eps), &m->output);
}
