/* Binding of the attention forms. */
#include "model/bind.h"

static bool bind_output(binder *b, int il, layer *l, uint64_t cols) {
    const model_spec *s = &b->m->spec;
    return bind_weight(b, NAME_O, il, s->d, cols, &l->o) && (!s->o_bias || bind_bias(b, NAME_O_BIAS, il, s->d, &l->o.bias));
}

bool bind_qkv(binder *b, int il, layer *l) {
    const model_spec *s = &b->m->spec;
    uint64_t q = (uint64_t)s->heads * s->head_dim, kv = (uint64_t)s->kv_heads * s->head_dim;
    if (!bind_weight(b, NAME_Q, il, q, s->d, &l->q) || !bind_weight(b, NAME_K, il, kv, s->d, &l->k) || !bind_weight(b, NAME_V, il, kv, s->d, &l->v))
        return false;
    if (s->qkv_bias && (!bind_bias(b, NAME_Q_BIAS, il, q, &l->q.bias) || !bind_bias(b, NAME_K_BIAS, il, kv, &l->k.bias) ||
                        !bind_bias(b, NAME_V_BIAS, il, kv, &l->v.bias)))
        return false;
    if (s->qk_norm && (!bind_norm(b, NAME_Q_NORM, il, s->head_dim, &l->q_norm) || !bind_norm(b, NAME_K_NORM, il, s->head_dim, &l->k_norm)))
        return false;
    return bind_output(b, il, l, q);
}

bool bind_fused_qkv(binder *b, int il, layer *l) {
    const model_spec *s = &b->m->spec;
    uint64_t q = (uint64_t)s->heads * s->head_dim, kv = (uint64_t)s->kv_heads * s->head_dim, all = q + 2 * kv;
    return bind_weight_rows(b, NAME_QKV, il, all, 0, q, s->d, &l->q) && bind_weight_rows(b, NAME_QKV, il, all, q, kv, s->d, &l->k) &&
           bind_weight_rows(b, NAME_QKV, il, all, q + kv, kv, s->d, &l->v) && bind_output(b, il, l, q);
}

/* w[heads * rows, cols] seen as one matrix per head. */
static bool split_heads(binder *b, weight *w, uint32_t heads) {
    weight whole = *w;
    w->w.n = heads;
    w->w.rows /= heads;
    for (uint32_t h = 0; whole.w.grouped && h < heads; h++)
        if (!bind_grouped_stack(b, w, &whole, heads, h, w->w.rows)) return false;
    return true;
}

/* GGUF files of 2025 on keep the two halves of kv_b apart, per head, the first one transposed. */
static bool bind_split_kv_b(binder *b, int il, layer *l) {
    const model_spec *s = &b->m->spec;
    const named_tensor *k = bind_find(b, NAME_K_B, il), *v = bind_find(b, NAME_V_B, il);
    if (k->n_dims != 3 || k->dims[0] != s->heads || k->dims[1] != s->kv_lora || k->dims[2] != s->nope || v->n_dims != 3 ||
        v->dims[0] != s->heads || v->dims[1] != s->v_dim || v->dims[2] != s->kv_lora) {
        char shape[96];
        return err_set(b->e, ERR_FORMAT, "the split kv_b tensors of layer %d have the wrong shape", il) ||
               err_expected(b->e, "k_b [%u, %u, %u], v_b [%u, %u, %u]", s->heads, s->kv_lora, s->nope, s->heads, s->v_dim, s->kv_lora) ||
               err_got(b->e, "k_b %s", named_tensor_shape(k, shape));
    }
    l->k_b_by_rank = true;
    l->v_b_row0 = 0;
    return bind_matrices(b, k, s->heads, s->kv_lora, s->nope, &l->k_b) && bind_matrices(b, v, s->heads, s->v_dim, s->kv_lora, &l->v_b);
}

static bool bind_whole_kv_b(binder *b, int il, layer *l) {
    const model_spec *s = &b->m->spec;
    uint64_t rows = (uint64_t)s->heads * (s->nope + s->v_dim);
    if (!bind_weight(b, NAME_KV_B, il, rows, s->kv_lora, &l->k_b)) return false;
    if (l->k_b.w.block_scale && (s->nope + s->v_dim) % 128)
        return err_set(b->e, ERR_UNSUPPORTED, "FP8 kv_b of layer %d does not split into heads at 128-row blocks", il);
    if (l->k_b.w.factor) return err_set(b->e, ERR_UNSUPPORTED, "a scale beside '%s', which is one matrix for each head", l->k_b.name);
    if (!split_heads(b, &l->k_b, s->heads)) return false;
    l->v_b = l->k_b;
    l->v_b_row0 = s->nope;
    return true;
}

static bool bind_mla_queries(binder *b, int il, layer *l) {
    const model_spec *s = &b->m->spec;
    uint64_t q = (uint64_t)s->heads * (s->nope + s->rope_dim);
    if (!s->q_lora) return bind_weight(b, NAME_Q, il, q, s->d, &l->q);
    return bind_weight(b, NAME_Q_A, il, s->q_lora, s->d, &l->q_a) && (!s->qkv_bias || bind_bias(b, NAME_Q_A_BIAS, il, s->q_lora, &l->q_a.bias)) &&
           bind_norm(b, NAME_Q_A_NORM, il, s->q_lora, &l->q_a_norm) && bind_weight(b, NAME_Q_B, il, q, s->q_lora, &l->q_b);
}

static bool bind_latents(binder *b, int il, layer *l) {
    const model_spec *s = &b->m->spec;
    uint64_t rows = s->kv_lora + s->rope_dim;
    return bind_weight(b, NAME_KV_A, il, rows, s->d, &l->kv_a) && (!s->qkv_bias || bind_bias(b, NAME_KV_A_BIAS, il, rows, &l->kv_a.bias)) &&
           bind_norm(b, NAME_KV_A_NORM, il, s->kv_lora, &l->kv_a_norm);
}

bool bind_mla(binder *b, int il, layer *l) {
    const model_spec *s = &b->m->spec;
    if (!bind_mla_queries(b, il, l) || !bind_latents(b, il, l)) return false;
    bool split = bind_find(b, NAME_K_B, il) && bind_find(b, NAME_V_B, il);
    if (!(split ? bind_split_kv_b : bind_whole_kv_b)(b, il, l)) return false;
    return bind_output(b, il, l, (uint64_t)s->heads * s->v_dim);
}
