#include "op/kv_view.h"
#include "base/mem.h"
#include "tensor/quant.h"
#include <assert.h>
#include <string.h>

enum { Q8_BYTES = 34, Q8_STEP = KV_STRIP * Q8_BYTES };

static bool strip_bytes(dtype type, uint64_t rows, size_t *bytes) {
    uint64_t row, b;
    if (!dtype_row_bytes(type, KV_STRIP, &row) || !mem_mul(rows, row, &b) || b > SIZE_MAX / 2) return false;
    *bytes = (size_t)b;
    return true;
}

bool kv_view_layout(kv_view *v) {
    assert(v->page_tokens && v->page_tokens % KV_STRIP == 0 && (!v->pairs || (v->type == DTYPE_F16 && !v->shared_v)));
    uint64_t whole = v->type == DTYPE_Q8_0 ? KV_STRIP : v->pairs ? 2 : 1, k_rows = (v->k_head + whole - 1) / whole * whole, k, of_v, head, layer, page;
    v->v_strips = v->shared_v ? 0 : (uint32_t)(((uint64_t)v->v_head + KV_STRIP - 1) / KV_STRIP);
    if (!strip_bytes(v->type, k_rows, &v->k_strip_bytes) || !strip_bytes(v->type, v->page_tokens, &v->v_strip_bytes)) return false;
    if (!mem_mul(v->page_tokens / KV_STRIP, v->k_strip_bytes, &k) || !mem_mul(v->v_strips, v->v_strip_bytes, &of_v) || !mem_add(k, of_v, &head)) return false;
    if (!mem_mul(v->n_heads, head, &layer) || !mem_mul(layer, v->n_layers, &page)) return false;
    v->k_bytes = k;
    v->v_bytes = of_v;
    v->layer_bytes = layer;
    v->page_bytes = page;
    return true;
}

/* Column j of a row of a strip whose rows lie in pairs, the first one in the upper half. */
static size_t in_pairs(size_t row, size_t j) { return (row / 2 * KV_STRIP + j) * 4 + (row % 2 ? 0 : 2); }

/* Where element i of a slot is, and (Q8_0) the scale of its block. */
static char *k_at(const kv_view *v, char *k, uint32_t slot, uint32_t i, char **scale) {
    char *strip = k + slot / KV_STRIP * v->k_strip_bytes;
    uint32_t column = slot % KV_STRIP;
    if (v->pairs) return strip + in_pairs(i, column);
    if (v->type != DTYPE_Q8_0) return strip + ((size_t)i * KV_STRIP + column) * dtype_block_bytes(v->type);
    char *step = strip + (size_t)(i / KV_STRIP) * Q8_STEP;
    *scale = step + 2 * column;
    return step + 2 * KV_STRIP + (i % KV_STRIP) * KV_STRIP + column;
}

static char *v_at(const kv_view *v, char *values, uint32_t slot, uint32_t i, char **scale) {
    char *strip = values + i / KV_STRIP * v->v_strip_bytes;
    size_t at = (size_t)slot * KV_STRIP + i % KV_STRIP;
    if (v->pairs) return strip + in_pairs(slot, i % KV_STRIP);
    if (v->type != DTYPE_Q8_0) return strip + at * dtype_block_bytes(v->type);
    *scale = strip + 2 * slot;
    return strip + 2 * v->page_tokens + at;
}

typedef char *(*at_fn)(const kv_view *v, char *base, uint32_t slot, uint32_t i, char **scale);

static uint16_t paired_half(float x) { return bf16_flushed(f32_to_bf16(f16_to_f32(f32_to_f16(x)))); }

static void put_pairs(const kv_view *v, at_fn at, char *base, uint32_t slot, const float *x, uint32_t n, uint32_t padded) {
    for (uint32_t i = 0; i < padded; i++) {
        uint16_t h = paired_half(i < n ? x[i] : 0);
        memcpy(at(v, base, slot, i, NULL), &h, sizeof h);
    }
}

static void get_pairs(const kv_view *v, at_fn at, const char *base, uint32_t slot, float *x, uint32_t n) {
    for (uint32_t i = 0; i < n; i++) {
        uint16_t h;
        memcpy(&h, at(v, (char *)base, slot, i, NULL), sizeof h);
        x[i] = bf16_to_f32(h);
    }
}

/* Elements [0, n) of a slot, stored in whole blocks of 32 up to `padded`. */
static void put(const kv_view *v, at_fn at, char *base, uint32_t slot, const float *x, uint32_t n, uint32_t padded) {
    char *scale, block[KV_STRIP * sizeof(float)];
    size_t size = dtype_block_bytes(v->type);
    if (v->pairs) {
        put_pairs(v, at, base, slot, x, n, padded);
        return;
    }
    for (uint32_t b = 0; b < n; b += KV_STRIP) {
        float part[KV_STRIP] = { 0 };
        memcpy(part, x + b, (n - b < KV_STRIP ? n - b : KV_STRIP) * sizeof *x);
        quant_of(v->type)->from_f32(part, block, KV_STRIP);
        for (uint32_t i = b; i < b + KV_STRIP && i < padded; i++) {
            char *to = at(v, base, slot, i, &scale);
            if (v->type == DTYPE_Q8_0) *to = block[2 + i - b];
            else memcpy(to, block + (i - b) * size, size);
        }
        if (v->type == DTYPE_Q8_0) memcpy(scale, block, 2);
    }
}

static void get(const kv_view *v, at_fn at, const char *base, uint32_t slot, float *x, uint32_t n) {
    char *scale;
    if (v->pairs) {
        get_pairs(v, at, base, slot, x, n);
        return;
    }
    for (uint32_t i = 0; i < n; i++) {
        char *from = at(v, (char *)base, slot, i, &scale);
        if (v->type != DTYPE_Q8_0) {
            quant_of(v->type)->to_f32(from, x + i, 1);
            continue;
        }
        uint16_t d;
        memcpy(&d, scale, sizeof d);
        x[i] = f16_to_f32(d) * (float)*(signed char *)from;
    }
}

static uint32_t padded(uint32_t n) { return (n + KV_STRIP - 1) / KV_STRIP * KV_STRIP; }

void kv_put_k(const kv_view *v, char *k, uint32_t slot, const float *x) { put(v, k_at, k, slot, x, v->k_head, v->type == DTYPE_Q8_0 ? padded(v->k_head) : v->k_head); }
void kv_put_v(const kv_view *v, char *values, uint32_t slot, const float *x) { put(v, v_at, values, slot, x, v->v_head, padded(v->v_head)); }
void kv_get_k(const kv_view *v, const char *k, uint32_t slot, float *x) { get(v, k_at, k, slot, x, v->k_head); }
void kv_get_v(const kv_view *v, const char *values, uint32_t slot, float *x) { get(v, v_at, values, slot, x, v->v_head); }
