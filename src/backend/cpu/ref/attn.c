#include "backend/cpu/ref/ref.h"
#include <math.h>
#include <string.h>

/* Where the keys of a row are: in the cache, or among the earlier rows of the batch. */
typedef struct keys {
    const attn_args *a;
    const uint32_t *pages; /* NULL: rows of the batch, the first of the sequence being row0 */
    uint64_t row0;
    float *k, *v;          /* one head of one key, in f32 */
} keys;

static void store_head(const kv_view *kv, const float *x, uint32_t n, char *to, float *padded) {
    uint64_t block = dtype_block_elems(kv->type), whole = (n + block - 1) / block * block;
    memcpy(padded, x, n * sizeof *x);
    memset(padded + n, 0, (whole - n) * sizeof *x);
    quant_of(kv->type)->from_f32(padded, to, whole);
}

static void store_row(const attn_args *a, uint64_t t, float *padded) {
    const kv_view *kv = a->kv;
    uint32_t pos = (uint32_t)a->b->pos[t], page = a->b->pages[a->b->seq[t]][pos / kv->page_tokens], slot = pos % kv->page_tokens;
    for (uint32_t h = 0; h < a->kv_heads; h++) {
        store_head(kv, tensor_f32(a->k, t) + h * a->k_head, a->k_head, kv_k_head(kv, page, a->layer, slot, h), padded);
        if (!a->shared_v)
            store_head(kv, tensor_f32(a->v, t) + h * a->v_head, a->v_head, kv_v_head(kv, page, a->layer, slot, h), padded);
    }
}

static void load_head(const kv_view *kv, const char *from, uint32_t n, float *out) {
    uint64_t block = dtype_block_elems(kv->type);
    quant_of(kv->type)->to_f32(from, out, (n + block - 1) / block * block);
}

static void load_key(const keys *s, uint32_t h, uint32_t pos) {
    const attn_args *a = s->a;
    if (s->pages) {
        const kv_view *kv = a->kv;
        uint32_t page = s->pages[pos / kv->page_tokens], slot = pos % kv->page_tokens;
        load_head(kv, kv_k_head(kv, page, a->layer, slot, h), a->k_head, s->k);
        if (a->shared_v) memcpy(s->v, s->k, a->v_head * sizeof(float));
        else load_head(kv, kv_v_head(kv, page, a->layer, slot, h), a->v_head, s->v);
    } else {
        const float *k = tensor_f32(a->k, s->row0 + pos) + h * a->k_head;
        memcpy(s->k, k, a->k_head * sizeof(float));
        memcpy(s->v, a->shared_v ? k : tensor_f32(a->v, s->row0 + pos) + h * a->v_head, a->v_head * sizeof(float));
    }
}

static float dot(const float *x, const float *y, uint32_t n) {
    float lane[32] = { 0 }; /* the order of the exact linear product */
    for (uint32_t i = 0; i < n; i++) lane[i % 32] = fmaf(x[i], y[i], lane[i % 32]);
    for (int half = 16; half; half /= 2)
        for (int j = 0; j < half; j++) lane[j] += lane[j + half];
    return lane[0];
}

typedef struct running {
    float max, sum;
    float *y; /* [v_head] not yet divided by sum */
} running;

static void rescale(running *r, uint32_t n, float max) {
    float shrink = expf(r->max - max);
    r->sum *= shrink;
    for (uint32_t i = 0; i < n; i++) r->y[i] *= shrink;
    r->max = max;
}

/* Keys [from, to) of one step: their maximum first, then their weights. */
static void one_step(const keys *s, const float *q, uint32_t h, uint32_t from, uint32_t to, running *r) {
    const attn_args *a = s->a;
    float score[ATTN_SPLIT], max = r->max;
    for (uint32_t p = from; p < to; p++) {
        load_key(s, h, p);
        score[p - from] = dot(q, s->k, a->k_head) * a->scale;
        if (score[p - from] > max) max = score[p - from];
    }
    if (max > r->max) rescale(r, a->v_head, max);
    for (uint32_t p = from; p < to; p++) {
        float w = expf(score[p - from] - r->max);
        load_key(s, h, p);
        r->sum += w;
        for (uint32_t i = 0; i < a->v_head; i++) r->y[i] = fmaf(w, s->v[i], r->y[i]);
    }
}

static void one_head(const keys *s, uint64_t t, uint32_t head) {
    const attn_args *a = s->a;
    uint32_t pos = (uint32_t)a->b->pos[t], last = s->pages ? pos : (uint32_t)(t - s->row0);
    uint32_t first = a->window && last + 1 > a->window ? last + 1 - a->window : 0;
    running r = { -INFINITY, 0, tensor_f32(a->y, t) + head * a->v_head };
    memset(r.y, 0, a->v_head * sizeof(float));
    for (uint32_t from = first, to; from <= last; from = to) {
        to = (from / ATTN_SPLIT + 1) * ATTN_SPLIT;
        if (to > last + 1) to = last + 1;
        one_step(s, tensor_f32(a->q, t) + head * a->k_head, head / (a->heads / a->kv_heads), from, to, &r);
    }
    for (uint32_t i = 0; i < a->v_head; i++) r.y[i] /= r.sum;
}

void ref_attn(const fwd *f, const attn_args *a) {
    uint32_t widest = a->k_head > a->v_head ? a->k_head : a->v_head;
    keys s = { a, NULL, 0, arena_must(f->mem, widest + 256u, sizeof(float)), arena_must(f->mem, widest + 256u, sizeof(float)) };
    if (a->kv)
        for (uint64_t t = 0; t < a->q->rows; t++) store_row(a, t, s.k);
    for (uint64_t t = 0; t < a->q->rows; t++) {
        if (a->kv) s.pages = a->b->pages[a->b->seq[t]];
        if (t && a->b->seq[t] != a->b->seq[t - 1]) s.row0 = t;
        for (uint32_t h = 0; h < a->heads; h++) one_head(&s, t, h);
    }
}
