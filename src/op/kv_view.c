#include "op/kv_view.h"
#include "base/mem.h"

static bool head_bytes(dtype type, uint32_t elems, uint32_t *bytes) {
    uint64_t block = dtype_block_elems(type), padded = (elems + block - 1) / block * block, b;
    if (!dtype_row_bytes(type, padded, &b) || b > UINT32_MAX) return false;
    *bytes = (uint32_t)b;
    return true;
}

bool kv_view_layout(kv_view *v) {
    if (!head_bytes(v->type, v->k_head, &v->k_head_bytes)) return false;
    v->v_head_bytes = 0;
    if (!v->shared_v && !head_bytes(v->type, v->v_head, &v->v_head_bytes)) return false;
    uint64_t k_row, v_row, layer, page;
    if (!mem_mul(v->n_heads, v->k_head_bytes, &k_row) || !mem_mul(v->n_heads, v->v_head_bytes, &v_row)) return false;
    if (!mem_mul(k_row + v_row, v->page_tokens, &layer) || !mem_mul(layer, v->n_layers, &page)) return false;
    v->k_row_bytes = k_row;
    v->v_row_bytes = v_row;
    v->layer_bytes = layer;
    v->page_bytes = page;
    return true;
}
