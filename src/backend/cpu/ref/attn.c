#include "backend/cpu/ref/ref.h"
#include "tensor/vmath.h"
#include <string.h>

/* Where the keys of a row are: in the cache, or among the earlier rows of the batch. */
typedef struct keys {
    const attn_args *a;
    const uint32_t *pages; /* NULL: rows of the batch, the first of the sequence being row0 */
    uint64_t row0;
    float *k, *v;          /* one head of one key, in f32 */
    bool fast;
} keys;

static void store_row(const attn_args *a, uint64_t t) {
    const kv_view *kv = a->kv;
    uint32_t pos = (uint32_t)a->b->pos[t], page = a->b->pages[a->b->seq[t]][pos / kv->page_tokens], slot = pos % kv->page_tokens;
    for (uint32_t h = 0; h < a->kv_heads; h++) {
        kv_put_k(kv, kv_k(kv, page, a->layer, h), slot, tensor_f32(a->k, t) + h * a->k_head);
        if (!a->shared_v) kv_put_v(kv, kv_v(kv, page, a->layer, h), slot, tensor_f32(a->v, t) + h * a->v_head);
    }
}

static void load_key(const keys *s, uint32_t h, uint32_t pos) {
    const attn_args *a = s->a;
    if (s->pages) {
        const kv_view *kv = a->kv;
        uint32_t page = s->pages[pos / kv->page_tokens], slot = pos % kv->page_tokens;
        kv_get_k(kv, kv_k(kv, page, a->layer, h), slot, s->k);
        if (a->shared_v) memcpy(s->v, s->k, a->v_head * sizeof(float));
        else kv_get_v(kv, kv_v(kv, page, a->layer, h), slot, s->v);
        for (uint32_t i = 0; s->fast && i < a->k_head; i++) s->k[i] = bf16_rounded(s->k[i]);
        for (uint32_t i = 0; s->fast && i < a->v_head; i++) s->v[i] = bf16_rounded(s->v[i]);
    } else {
        const float *k = tensor_f32(a->k, s->row0 + pos) + h * a->k_head;
        memcpy(s->k, k, a->k_head * sizeof(float));
        memcpy(s->v, a->shared_v ? k : tensor_f32(a->v, s->row0 + pos) + h * a->v_head, a->v_head * sizeof(float));
    }
}

/* What some of the keys of a row come to: sum and y are relative to max. */
typedef struct partial {
    float max, sum, lane[ATTN_LANES]; /* sum: of the lanes; key p adds to lane p mod ATTN_LANES */
    float *y;                         /* [v_head] */
} partial;

/* One fused multiply-add chain over the elements; the scale is already in q. */
static float dot(const float *q, const float *k, uint32_t n) {
    float s = 0;
    for (uint32_t i = 0; i < n; i++) s = fmaf(q[i], k[i], s);
    return s;
}

/* e^x; fast, where scores count powers of two, 2^x. */
static float power(const keys *s, float x) { return s->fast ? vmath_weight(x) : vmath_exp(x); }

static void rescale(const keys *s, partial *r, uint32_t n, float max) {
    float shrink = power(s, r->max - max);
    for (int j = 0; j < ATTN_LANES; j++) r->lane[j] *= shrink;
    for (uint32_t i = 0; i < n; i++) r->y[i] *= shrink;
    r->max = max;
}

/* Keys [from, to) of one step: their maximum first, then their weights. */
static void one_step(const keys *s, const float *q, uint32_t h, uint32_t from, uint32_t to, partial *r) {
    const attn_args *a = s->a;
    float score[ATTN_SPLIT], max = r->max;
    for (uint32_t p = from; p < to; p++) {
        load_key(s, h, p);
        score[p - from] = dot(q, s->k, a->k_head);
        if (score[p - from] > max) max = score[p - from];
    }
    if (max > r->max) rescale(s, r, a->v_head, max);
    for (uint32_t p = from; p < to; p++) {
        float w = power(s, score[p - from] - r->max);
        load_key(s, h, p);
        r->lane[p % ATTN_LANES] += w;
        if (s->fast) w = bf16_rounded(w);
        for (uint32_t i = 0; i < a->v_head; i++) r->y[i] = fmaf(w, s->v[i], r->y[i]);
    }
}

/* Keys [from, to) of one segment. */
static void one_segment(const keys *s, const float *q, uint32_t h, uint32_t from, uint32_t to, partial *r) {
    *r = (partial){ .max = -INFINITY, .y = r->y };
    memset(r->y, 0, s->a->v_head * sizeof(float));
    for (uint32_t next; from < to; from = next) {
        next = (from / ATTN_SPLIT + 1) * ATTN_SPLIT;
        if (next > to) next = to;
        one_step(s, q, h, from, next, r);
    }
    for (int half = ATTN_LANES / 2; half; half /= 2)
        for (int j = 0; j < half; j++) r->lane[j] += r->lane[j + half];
    r->sum = r->lane[0];
}

/* The segments of a row are added in order of position. */
static void merge(const keys *s, partial *all, const partial *r, uint32_t n) {
    float max = r->max > all->max ? r->max : all->max, a = power(s, all->max - max), b = power(s, r->max - max);
    all->sum = fmaf(r->sum, b, all->sum * a);
    for (uint32_t i = 0; i < n; i++) all->y[i] = fmaf(r->y[i], b, all->y[i] * a);
    all->max = max;
}

static void one_head(const fwd *f, const keys *s, uint64_t t, uint32_t head) {
    const attn_args *a = s->a;
    arena_mark mark = arena_mark_now(f->mem);
    uint32_t pos = (uint32_t)a->b->pos[t], last = s->pages ? pos : (uint32_t)(t - s->row0);
    uint32_t first = a->window && last + 1 > a->window ? last + 1 - a->window : 0;
    float *q = arena_must(f->mem, a->k_head, sizeof *q);
    partial all = { .max = -INFINITY, .y = tensor_f32(a->y, t) + head * a->v_head }, part = { .y = arena_must(f->mem, a->v_head, sizeof(float)) };
    memset(all.y, 0, a->v_head * sizeof(float));
    float scale = s->fast ? a->scale * VMATH_LOG2E : a->scale;
    for (uint32_t i = 0; i < a->k_head; i++) {
        q[i] = tensor_f32(a->q, t)[head * a->k_head + i] * scale;
        if (s->fast) q[i] = bf16_rounded(q[i]);
    }
    for (uint32_t from = first, to; from <= last; from = to) {
        to = (from / ATTN_SEGMENT + 1) * ATTN_SEGMENT;
        if (to > last + 1) to = last + 1;
        one_segment(s, q, head / (a->heads / a->kv_heads), from, to, &part);
        merge(s, &all, &part, a->v_head);
    }
    for (uint32_t i = 0; i < a->v_head; i++) all.y[i] /= all.sum;
    arena_release(f->mem, mark);
}

void ref_attn(const fwd *f, const attn_args *a) {
    arena_mark mark = arena_mark_now(f->mem);
    keys s = { a, NULL, 0, arena_must(f->mem, a->k_head, sizeof(float)), arena_must(f->mem, a->v_head, sizeof(float)), a->kv && f->precision == PRECISION_FAST };
    if (a->kv)
        for (uint64_t t = 0; t < a->q->rows; t++) store_row(a, t);
    for (uint64_t t = 0; t < a->q->rows; t++) {
        if (a->kv) s.pages = a->b->pages[a->b->seq[t]];
        if (t && a->b->seq[t] != a->b->seq[t - 1]) s.row0 = t;
        for (uint32_t h = 0; h < a->heads; h++) one_head(f, &s, t, h);
    }
    arena_release(f->mem, mark);
}
