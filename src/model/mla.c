/* Multi-head latent attention (DeepSeek-V2, arXiv 2405.04434, section 2.1), absorbed: the cache holds one row per token,
 * [norm(c) | rope(k)], kv_lora + rope_dim wide, shared by all heads. Instead of expanding c to keys and values,
 *     score = (q_nope W_k) . c + rope(q) . rope(k)        out = (sum_t p_t c_t) W_v^T
 * so prompt and decode have one form and a row's result never depends on which of the two it came from. */
#include "model/decoder.h"

static tensor *queries(const fwd *f, const model *m, const layer *l, tensor *x) {
    if (!m->spec.q_lora) return decoder_linear(f, x, &l->q);
    return decoder_linear(f, decoder_norm(f, decoder_linear(f, x, &l->q_a), &l->q_a_norm, m->spec.latent_eps), &l->q_b);
}

/* q[T, heads*(nope+rope)] -> [T, heads*(kv_lora+rope)] */
static tensor *absorbed_queries(const fwd *f, const model *m, const layer *l, const batch *b, tensor *q) {
    const model_spec *s = &m->spec;
    uint32_t in = s->nope + s->rope_dim, out = s->kv_lora + s->rope_dim;
    op_rope(f, (rope_args){ q, b, m->rope.table, s->heads, in, s->nope, m->rope.n });
    tensor *y = fwd_tensor(f, q->rows, (uint64_t)s->heads * out);
    op_linear_heads(f, (linear_heads_args){ .y = y, .x = q, .w = &l->k_b, .row0 = 0, .n_rows = l->k_b_by_rank ? s->kv_lora : s->nope,
                                            .y_step = out, .x_step = in, .transposed = !l->k_b_by_rank });
    op_pack(f, (pack_args){ y, q, s->heads, s->rope_dim, out, s->kv_lora, in, s->nope });
    return y;
}

/* x -> [T, kv_lora+rope]: what the cache holds of a token. */
static tensor *latents(const fwd *f, const model *m, const layer *l, const batch *b, tensor *x) {
    const model_spec *s = &m->spec;
    tensor *kv = decoder_linear(f, x, &l->kv_a), *y = fwd_tensor(f, x->rows, kv->cols);
    op_rope(f, (rope_args){ kv, b, m->rope.table, 1, 0, s->kv_lora, m->rope.n });
    op_rmsnorm(f, (rmsnorm_args){ fwd_columns(f, y, 0, s->kv_lora), fwd_columns(f, kv, 0, s->kv_lora), &l->kv_a_norm, s->latent_eps });
    op_pack(f, (pack_args){ y, kv, 1, s->rope_dim, 0, s->kv_lora, 0, s->kv_lora });
    return y;
}

tensor *mla_attention(const fwd *f, const model *m, int il, const batch *b, tensor *x) {
    const model_spec *s = &m->spec;
    const layer *l = &m->layers[il];
    tensor *q = absorbed_queries(f, m, l, b, queries(f, m, l, x)), *k = latents(f, m, l, b, x);
    tensor *c = fwd_tensor(f, x->rows, (uint64_t)s->heads * s->kv_lora), *y = fwd_tensor(f, x->rows, (uint64_t)s->heads * s->v_dim);
    op_attn(f, (attn_args){ .y = c, .q = q, .k = k, .b = b, .kv = f->kv, .layer = (uint32_t)il, .heads = s->heads, .kv_heads = 1,
                            .k_head = s->kv_lora + s->rope_dim, .v_head = s->kv_lora, .shared_v = true, .scale = s->attn_scale });
    op_linear_heads(f, (linear_heads_args){ .y = y, .x = c, .w = &l->v_b, .row0 = l->v_b_row0, .n_rows = s->v_dim, .y_step = s->v_dim,
                                            .x_step = s->kv_lora });
    return decoder_linear(f, y, &l->o);
}
