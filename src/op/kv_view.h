/* The KV cache as attention sees it: equal pages of page_tokens slots (a multiple of KV_STRIP), each holding, layer after layer, the K
 * of every head and then the V of every head. K and V are matrices in strips of KV_STRIP columns, as the inner loop multiplies them:
 *     K of a head   page_tokens / KV_STRIP strips [element][32 slots]
 *     V of a head   strips of 32 elements, [slot][32 elements], the last one padded with zeros
 * F32 and F16 store the strip's rows one after another. Q8_0 has a scale for every 32 elements of a slot: in K each 32 rows of a strip are
 * {f16 scale[32 slots]; int8 [32 elements][32 slots]}, a strip of V is {f16 scale[slots]; int8 [slots][32 elements]}; the bytes are
 * those of the format's own blocks. With shared_v (MLA) V is the first v_head elements of K and is not stored.
 * An F16 cache that only fast attention reads may hold, instead of halves, the bfloat16 values that fast attention would round them to,
 * as pairs for a processor that multiplies pairs: rows r and r + 1 of a strip, r even, are the upper and the lower half of the dwords of
 * one row of 32. Results are the same, and nothing is converted when the cache is read.
 * A page is opaque to everyone but the attention op, which writes it; it is owned by infer/kv. Slots not yet written hold anything. */
#ifndef PINGTI_OP_KV_VIEW_H
#define PINGTI_OP_KV_VIEW_H
#include "tensor/dtype.h"
#include <stddef.h>

enum { KV_STRIP = 32 };

typedef struct kv_view {
    dtype type; /* F32, F16 or Q8_0 */
    uint32_t page_tokens, n_layers, n_heads;
    uint32_t k_head, v_head; /* elements of one head */
    bool shared_v;
    bool pairs; /* F16 without shared_v alone; backend.kv_pairs says when */
    uint32_t v_strips;
    size_t k_strip_bytes, v_strip_bytes;
    size_t k_bytes, v_bytes; /* of one head in one layer of a page */
    size_t layer_bytes, page_bytes;
    char *data; /* [pages][page_bytes] */
} kv_view;

/* Fills the sizes from what stands above them. False: overflow. */
bool kv_view_layout(kv_view *v);

/* The first strip of a head's K or V. */
static inline char *kv_k(const kv_view *v, uint32_t page, uint32_t layer, uint32_t head) {
    return v->data + page * v->page_bytes + layer * v->layer_bytes + head * v->k_bytes;
}
static inline char *kv_v(const kv_view *v, uint32_t page, uint32_t layer, uint32_t head) {
    return v->data + page * v->page_bytes + layer * v->layer_bytes + v->n_heads * v->k_bytes + head * v->v_bytes;
}

/* One slot of one head, to and from f32: the definition of the layout. k: what kv_k gave, x[k_head]; v: what kv_v gave, x[v_head]. */
void kv_put_k(const kv_view *v, char *k, uint32_t slot, const float *x);
void kv_put_v(const kv_view *v, char *values, uint32_t slot, const float *x);
void kv_get_k(const kv_view *v, const char *k, uint32_t slot, float *x);
void kv_get_v(const kv_view *v, const char *values, uint32_t slot, float *x);
#endif
