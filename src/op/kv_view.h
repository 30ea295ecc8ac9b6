/* The KV cache as attention sees it: equal pages of page_tokens tokens, each holding every layer's K rows, then V rows.
 * A row is n_heads x head (padded to whole blocks of the cache's format). With shared_v (MLA) there are no V rows: V is the
 * first v_head elements of K. Pages are opaque to everyone else. Written by the attention op, owned by infer/kv. */
#ifndef PINGTI_OP_KV_VIEW_H
#define PINGTI_OP_KV_VIEW_H
#include "tensor/dtype.h"
#include <stddef.h>

typedef struct kv_view {
    dtype type; /* F32, F16 or Q8_0 */
    uint32_t page_tokens, n_layers, n_heads;
    uint32_t k_head, v_head; /* elements of one head */
    bool shared_v;
    uint32_t k_head_bytes, v_head_bytes; /* one head as stored */
    size_t k_row_bytes, v_row_bytes, layer_bytes, page_bytes;
    char *data; /* [pages][page_bytes] */
} kv_view;

/* Fills the sizes from type, page_tokens, n_layers, n_heads, k_head, v_head, shared_v. False: overflow. */
bool kv_view_layout(kv_view *v);

static inline char *kv_k_head(const kv_view *v, uint32_t page, uint32_t layer, uint32_t slot, uint32_t head) {
    return v->data + page * v->page_bytes + layer * v->layer_bytes + slot * v->k_row_bytes + (size_t)head * v->k_head_bytes;
}
static inline char *kv_v_head(const kv_view *v, uint32_t page, uint32_t layer, uint32_t slot, uint32_t head) {
    if (v->shared_v) return kv_k_head(v, page, layer, slot, head);
    return v->data + page * v->page_bytes + layer * v->layer_bytes + v->page_tokens * v->k_row_bytes + slot * v->v_row_bytes +
           (size_t)head * v->v_head_bytes;
}
#endif
