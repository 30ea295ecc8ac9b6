/* The batch's K and V into the cache: the layout of op/kv_view.h, written a head of a page at a time so that threads meet in no line. */
#include "backend/cpu/attn.h"
#include "tensor/quant.h"
#include <string.h>

enum { SHARED_WORK = 1 << 15 }; /* elements below which the calling thread stores alone */

typedef struct store_job {
    const attn_args *a;
    const vector_kernels *k;
    const attn_fast *fast;
    uint32_t (*runs)[2]; /* rows [from, to) of one page */
    size_t n_runs;
} store_job;

/* n elements of one slot: element i at to + i * step, size bytes each. */
static void scatter(const char *from, char *to, uint32_t n, size_t step, size_t size) {
    if (size == 2)
        for (uint32_t i = 0; i < n; i++) memcpy(to + i * step, from + i * 2, 2);
    else
        for (uint32_t i = 0; i < n; i++) memcpy(to + i * step, from + i * 4, 4);
}

/* Rows in pairs: K's are elements, V's slots; the first one of a pair has the upper half of a dword. */
static void put_k_pairs(const store_job *j, char *to, const float *x, uint32_t n) {
    uint16_t h[STRIP_DEPTH];
    for (uint32_t i = 0; i < n; i += STRIP_DEPTH) {
        uint32_t part = n - i < STRIP_DEPTH ? n - i : STRIP_DEPTH;
        j->fast->halves(x + i, part, h);
        for (uint32_t e = 0; e < part; e++) memcpy(to + (i + e) / 2 * (STRIP * 4) + (e % 2 ? 0 : 2), &h[e], sizeof *h);
    }
}

static void put_v_pairs(const store_job *j, char *v, uint32_t slot, const float *x) {
    const kv_view *kv = j->a->kv;
    for (uint32_t i = 0; i < kv->v_strips; i++) {
        uint16_t h[STRIP] = { 0 };
        char *to = v + i * kv->v_strip_bytes + slot / 2 * (STRIP * 4) + (slot % 2 ? 0 : 2);
        j->fast->halves(x + i * STRIP, kv->v_head - i * STRIP < STRIP ? kv->v_head - i * STRIP : STRIP, h);
        for (uint32_t e = 0; e < STRIP; e++) memcpy(to + e * 4, &h[e], sizeof *h);
    }
}

static void put_k(const store_job *j, char *k, uint32_t slot, const float *x) {
    const kv_view *kv = j->a->kv;
    char *to = k + slot / STRIP * kv->k_strip_bytes, halves[512];
    if (kv->pairs) put_k_pairs(j, k + slot / STRIP * kv->k_strip_bytes + slot % STRIP * 4, x, kv->k_head);
    else if (kv->type == DTYPE_F32) scatter((const char *)x, to + slot % STRIP * 4, kv->k_head, STRIP * 4, 4);
    else if (kv->type == DTYPE_F16)
        for (uint32_t i = 0; i < kv->k_head; i += 256) {
            uint32_t n = kv->k_head - i < 256 ? kv->k_head - i : 256;
            j->k->to_f16(x + i, halves, n);
            scatter(halves, to + ((size_t)i * STRIP + slot % STRIP) * 2, n, STRIP * 2, 2);
        }
    else kv_put_k(kv, k, slot, x);
}

static void put_v(const store_job *j, char *v, uint32_t slot, const float *x) {
    const kv_view *kv = j->a->kv;
    if (kv->type == DTYPE_Q8_0) {
        kv_put_v(kv, v, slot, x);
        return;
    }
    if (kv->pairs) {
        put_v_pairs(j, v, slot, x);
        return;
    }
    size_t size = dtype_block_bytes(kv->type);
    for (uint32_t i = 0; i < kv->v_strips; i++) {
        float part[STRIP] = { 0 };
        char *to = v + i * kv->v_strip_bytes + slot * STRIP * size;
        bool whole = kv->v_head - i * STRIP >= STRIP;
        if (!whole) memcpy(part, x + i * STRIP, (kv->v_head - i * STRIP) * sizeof *x);
        const float *from = whole ? x + i * STRIP : part;
        if (size == 2) j->k->to_f16(from, to, STRIP);
        else memcpy(to, from, STRIP * sizeof *x);
    }
}

static void store_task(void *ctx, size_t task, int worker) {
    (void)worker;
    const store_job *j = ctx;
    const attn_args *a = j->a;
    const kv_view *kv = a->kv;
    uint32_t h = (uint32_t)(task % a->kv_heads), from = j->runs[task / a->kv_heads][0], to = j->runs[task / a->kv_heads][1];
    uint32_t page = a->b->pages[a->b->seq[from]][(uint32_t)a->b->pos[from] / kv->page_tokens];
    char *k = kv_k(kv, page, a->layer, h), *v = kv_v(kv, page, a->layer, h);
    for (uint32_t t = from; t < to; t++) {
        uint32_t slot = (uint32_t)a->b->pos[t] % kv->page_tokens;
        put_k(j, k, slot, tensor_f32(a->k, t) + h * a->k_head);
        if (!a->shared_v) put_v(j, v, slot, tensor_f32(a->v, t) + h * a->v_head);
    }
}

void attn_store(const fwd *f, const attn_args *a, const vector_kernels *k, const attn_fast *fast) {
    uint32_t T = (uint32_t)a->q->rows;
    store_job j = { a, k, fast, arena_must_raw(f->mem, T, sizeof *j.runs), 0 };
    for (uint32_t t = 0, end; t < T; t = end) {
        uint32_t page = (uint32_t)a->b->pos[t] / a->kv->page_tokens;
        for (end = t + 1; end < T && a->b->seq[end] == a->b->seq[t] && (uint32_t)a->b->pos[end] / a->kv->page_tokens == page;) end++;
        j.runs[j.n_runs][0] = t;
        j.runs[j.n_runs++][1] = end;
    }
    bool alone = (uint64_t)T * a->kv_heads * (a->k_head + a->v_head) < SHARED_WORK;
    pool_run(alone ? NULL : f->pool, j.n_runs * a->kv_heads, store_task, &j);
}
