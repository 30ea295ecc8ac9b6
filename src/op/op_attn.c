#include "op/check.h"
#include <math.h>

static void check_cache(const attn_args *a) {
    const kv_view *kv = a->kv;
    assert(a->b->pages && a->layer < kv->n_layers && kv->n_heads == a->kv_heads && kv->shared_v == a->shared_v);
    assert(kv->k_head == a->k_head && kv->v_head == a->v_head && kv->page_tokens == ATTN_SPLIT);
    for (uint64_t t = 0; t < a->b->T; t++) assert(a->b->pos[t] >= 0);
}

void op_attn_check(const attn_args *a) {
    check_f32(a->q);
    assert(a->kv_heads >= 1 && a->heads % a->kv_heads == 0 && a->b && a->q->rows == a->b->T);
    check_rows(a->q, a->q->rows, (uint64_t)a->heads * a->k_head);
    check_rows(a->k, a->q->rows, (uint64_t)a->kv_heads * a->k_head);
    check_rows(a->y, a->q->rows, (uint64_t)a->heads * a->v_head);
    if (a->shared_v) assert(!a->v && a->v_head <= a->k_head);
    else check_rows(a->v, a->q->rows, (uint64_t)a->kv_heads * a->v_head);
    for (uint64_t t = 1; t < a->b->T; t++) assert(a->b->seq[t] != a->b->seq[t - 1] || a->b->pos[t] == a->b->pos[t - 1] + 1);
    if (a->kv) check_cache(a);
}

/* Rows of V: the batch's, or the front of K. */
static const float *v_row(const attn_args *a, uint64_t u, uint32_t kh) {
    return a->shared_v ? tensor_f32(a->k, u) + kh * a->k_head : tensor_f32(a->v, u) + kh * a->v_head;
}

static float *v_grad(const attn_args *a, uint64_t u, uint32_t kh) {
    float *g = tensor_grad(a->shared_v ? a->k : a->v, u);
    return g ? g + kh * (a->shared_v ? a->k_head : a->v_head) : NULL;
}

static void probabilities(const attn_args *a, uint64_t t, uint32_t h, uint64_t lo, float *p) {
    const float *q = tensor_f32(a->q, t) + h * a->k_head;
    uint32_t kh = h / (a->heads / a->kv_heads);
    float max = -INFINITY, sum = 0;
    for (uint64_t u = lo; u <= t; u++) {
        const float *k = tensor_f32(a->k, u) + kh * a->k_head;
        float s = 0;
        for (uint32_t i = 0; i < a->k_head; i++) s += q[i] * k[i];
        p[u - lo] = s * a->scale;
        max = fmaxf(max, p[u - lo]);
    }
    for (uint64_t u = lo; u <= t; u++) sum += p[u - lo] = expf(p[u - lo] - max);
    for (uint64_t u = lo; u <= t; u++) p[u - lo] /= sum;
}

/* dp_u = dy . v_u;  ds_u = p_u (dp_u - sum p dp) scale;  dq += ds k, dk += ds q, dv += p dy. */
static void head_grad(const attn_args *a, uint64_t t, uint32_t h, uint64_t lo, float *p, float *dp) {
    uint32_t kh = h / (a->heads / a->kv_heads);
    const float *dy = tensor_grad(a->y, t) + h * a->v_head, *q = tensor_f32(a->q, t) + h * a->k_head;
    float *dq = tensor_grad(a->q, t), sum = 0;
    probabilities(a, t, h, lo, p);
    for (uint64_t u = lo; u <= t; u++) {
        const float *v = v_row(a, u, kh);
        float *dv = v_grad(a, u, kh), s = 0;
        for (uint32_t i = 0; i < a->v_head; i++) s += dy[i] * v[i];
        for (uint32_t i = 0; dv && i < a->v_head; i++) dv[i] += p[u - lo] * dy[i];
        dp[u - lo] = s;
        sum += s * p[u - lo];
    }
    for (uint64_t u = lo; u <= t; u++) {
        float ds = p[u - lo] * (dp[u - lo] - sum) * a->scale, *dk = tensor_grad(a->k, u);
        const float *k = tensor_f32(a->k, u) + kh * a->k_head;
        for (uint32_t i = 0; dq && i < a->k_head; i++) dq[h * a->k_head + i] += ds * k[i];
        for (uint32_t i = 0; dk && i < a->k_head; i++) dk[kh * a->k_head + i] += ds * q[i];
    }
}

void op_attn_grad(const fwd *f, const attn_args *a) {
    assert(!a->kv && "training attends within the batch");
    assert(a->y->grad);
    arena_mark mark = arena_mark_now(f->mem);
    float *p = arena_must(f->mem, a->q->rows, sizeof *p), *dp = arena_must(f->mem, a->q->rows, sizeof *dp);
    for (uint64_t t = 0, first = 0; t < a->q->rows; t++) {
        if (t && a->b->seq[t] != a->b->seq[t - 1]) first = t;
        uint64_t lo = a->window && t - first + 1 > a->window ? t + 1 - a->window : first;
        for (uint32_t h = 0; h < a->heads; h++) head_grad(a, t, h, lo, p, dp);
    }
    arena_release(f->mem, mark);
}
