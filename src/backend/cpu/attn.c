/* Attention over pages. A task is a few rows of one sequence and one key-value head: each step of ATTN_SPLIT keys is unpacked
 * once and used by all rows of the task and all query heads that share it. The order of every sum is the reference's, so the
 * result has its bits. */
#include "backend/cpu/cpu.h"
#include "backend/cpu/ref/ref.h"
#include "tensor/quant.h"
#include <math.h>
#include <string.h>

enum { TASK_ROWS = 8 };

typedef struct running {
    float max, sum;
} running;

typedef struct attn_job {
    const attn_args *a;
    const cpu_kernels *k;
    uint64_t (*ranges)[2];    /* [n] rows [from, to) of one sequence */
    float *keys, *values;     /* [threads][ATTN_SPLIT][head] */
    running *state;           /* [threads][TASK_ROWS * group] */
    uint32_t k_pad, v_pad;
} attn_job;

static uint32_t padded(dtype type, uint32_t n) {
    uint32_t block = (uint32_t)dtype_block_elems(type);
    return (n + block - 1) / block * block;
}

static void store_head(const kv_view *kv, const float *x, uint32_t n, char *to) {
    if (kv->type == DTYPE_F32) {
        memcpy(to, x, n * sizeof *x);
        return;
    }
    float part[256];
    const quant_traits *q = quant_of(kv->type);
    for (uint32_t i = 0; i < n; i += 256) { /* 256 is a whole number of blocks of every cache format */
        uint32_t here = n - i < 256 ? n - i : 256, whole = padded(kv->type, here);
        memcpy(part, x + i, here * sizeof *x);
        memset(part + here, 0, (whole - here) * sizeof *x);
        q->from_f32(part, to + i / q->block_elems * q->block_bytes, whole);
    }
}

static void store_rows(void *ctx, uint64_t from, uint64_t to) {
    const attn_job *j = ctx;
    const attn_args *a = j->a;
    const kv_view *kv = a->kv;
    for (uint64_t t = from; t < to; t++) {
        uint32_t pos = (uint32_t)a->b->pos[t], page = a->b->pages[a->b->seq[t]][pos / kv->page_tokens], slot = pos % kv->page_tokens;
        for (uint32_t h = 0; h < a->kv_heads; h++) {
            store_head(kv, tensor_f32(a->k, t) + h * a->k_head, a->k_head, kv_k_head(kv, page, a->layer, slot, h));
            if (!a->shared_v) store_head(kv, tensor_f32(a->v, t) + h * a->v_head, a->v_head, kv_v_head(kv, page, a->layer, slot, h));
        }
    }
}

/* Keys [from, to) of one sequence as f32. */
static void load_step(const attn_job *j, const uint32_t *pages, uint32_t head, uint32_t from, uint32_t to, float *keys, float *values) {
    const attn_args *a = j->a;
    const kv_view *kv = a->kv;
    quant_to_f32_fn unpack = j->k->to_f32[kv->type];
    for (uint32_t p = from; p < to; p++) {
        uint32_t page = pages[p / kv->page_tokens], slot = p % kv->page_tokens;
        unpack(kv_k_head(kv, page, a->layer, slot, head), keys + (uint64_t)(p - from) * j->k_pad, padded(kv->type, a->k_head));
        if (!a->shared_v) unpack(kv_v_head(kv, page, a->layer, slot, head), values + (uint64_t)(p - from) * j->v_pad, padded(kv->type, a->v_head));
    }
}

static void rescale(running *r, float *y, uint32_t n, float max) {
    float shrink = expf(r->max - max);
    r->sum *= shrink;
    for (uint32_t i = 0; i < n; i++) y[i] *= shrink;
    r->max = max;
}

/* One query against the keys [lo, hi) of a step that begins at `from`. */
static void one_query(const attn_job *j, const float *q, float *y, running *r, const float *keys, const float *values, uint32_t from, uint32_t lo, uint32_t hi) {
    const attn_args *a = j->a;
    uint32_t v_stride = a->shared_v ? j->k_pad : j->v_pad;
    float score[ATTN_SPLIT], max = r->max;
    for (uint32_t p = lo; p < hi; p++) {
        score[p - lo] = j->k->dot_f32_1(q, keys + (uint64_t)(p - from) * j->k_pad, a->k_head) * a->scale;
        if (score[p - lo] > max) max = score[p - lo];
    }
    if (max > r->max) rescale(r, y, a->v_head, max);
    for (uint32_t p = lo; p < hi; p++) {
        float w = expf(score[p - lo] - r->max);
        r->sum += w;
        j->k->axpy_f32(w, (a->shared_v ? keys : values) + (uint64_t)(p - from) * v_stride, y, a->v_head);
    }
}

static uint32_t first_key(const attn_args *a, uint32_t pos) { return a->window && pos + 1 > a->window ? pos + 1 - a->window : 0; }

static void step_of_task(const attn_job *j, uint64_t row0, uint64_t row1, uint32_t head, uint32_t from, uint32_t to, const float *keys,
                         const float *values, running *state) {
    const attn_args *a = j->a;
    uint32_t group = a->heads / a->kv_heads;
    for (uint64_t t = row0; t < row1; t++) {
        uint32_t pos = (uint32_t)a->b->pos[t], lo = first_key(a, pos), hi = pos + 1;
        if (lo < from) lo = from;
        if (hi > to) hi = to;
        if (lo >= hi) continue;
        for (uint32_t g = 0; g < group; g++) {
            uint32_t h = head * group + g;
            one_query(j, tensor_f32(a->q, t) + h * a->k_head, tensor_f32(a->y, t) + h * a->v_head, &state[(t - row0) * group + g], keys, values, from, lo, hi);
        }
    }
}

static void finish_rows(const attn_args *a, uint64_t row0, uint64_t row1, uint32_t head, const running *state) {
    uint32_t group = a->heads / a->kv_heads;
    for (uint64_t t = row0; t < row1; t++)
        for (uint32_t g = 0; g < group; g++) {
            float *y = tensor_f32(a->y, t) + (head * group + g) * a->v_head;
            for (uint32_t i = 0; i < a->v_head; i++) y[i] /= state[(t - row0) * group + g].sum;
        }
}

static void attn_task(void *ctx, size_t task, int worker) {
    const attn_job *j = ctx;
    const attn_args *a = j->a;
    uint64_t row0 = j->ranges[task / a->kv_heads][0], row1 = j->ranges[task / a->kv_heads][1];
    uint32_t head = (uint32_t)(task % a->kv_heads), group = a->heads / a->kv_heads;
    float *keys = j->keys + (uint64_t)worker * ATTN_SPLIT * j->k_pad, *values = j->values + (uint64_t)worker * ATTN_SPLIT * j->v_pad;
    running *state = j->state + (uint64_t)worker * TASK_ROWS * group;
    const uint32_t *pages = a->b->pages[a->b->seq[row0]];
    for (uint64_t i = 0; i < (row1 - row0) * group; i++) state[i] = (running){ -INFINITY, 0 };
    for (uint64_t t = row0; t < row1; t++) memset(tensor_f32(a->y, t) + head * group * a->v_head, 0, (uint64_t)group * a->v_head * sizeof(float));
    uint32_t last = (uint32_t)a->b->pos[row1 - 1];
    for (uint32_t from = first_key(a, (uint32_t)a->b->pos[row0]) / ATTN_SPLIT * ATTN_SPLIT; from <= last; from += ATTN_SPLIT) {
        uint32_t to = from + ATTN_SPLIT < last + 1 ? from + ATTN_SPLIT : last + 1;
        load_step(j, pages, head, from, to, keys, values);
        step_of_task(j, row0, row1, head, from, to, keys, values, state);
    }
    finish_rows(a, row0, row1, head, state);
}

static uint64_t split_rows(const attn_args *a, uint64_t (*ranges)[2]) {
    uint64_t n = 0;
    for (uint64_t t = 0, end; t < a->q->rows; t = end) {
        for (end = t + 1; end < a->q->rows && end < t + TASK_ROWS && a->b->seq[end] == a->b->seq[t];) end++;
        ranges[n][0] = t;
        ranges[n++][1] = end;
    }
    return n;
}

void cpu_attn(const fwd *f, const attn_args *a) {
    if (!a->kv) { /* training: the reference's own pass over the batch */
        ref_attn(f, a);
        return;
    }
    arena_mark mark = arena_mark_now(f->mem);
    size_t threads = (size_t)pool_threads(f->pool);
    attn_job j = { .a = a, .k = cpu_active(), .k_pad = padded(DTYPE_Q8_0, a->k_head), .v_pad = padded(DTYPE_Q8_0, a->v_head) };
    j.ranges = arena_must(f->mem, a->q->rows, sizeof *j.ranges);
    j.keys = arena_must(f->mem, threads * ATTN_SPLIT * j.k_pad, sizeof(float));
    j.values = arena_must(f->mem, threads * ATTN_SPLIT * j.v_pad, sizeof(float));
    j.state = arena_must(f->mem, threads * TASK_ROWS * (a->heads / a->kv_heads), sizeof *j.state);
    cpu_over_rows(f, a->k->rows, 4, store_rows, &j);
    pool_run(f->pool, split_rows(a, j.ranges) * a->kv_heads, attn_task, &j);
    arena_release(f->mem, mark);
}
