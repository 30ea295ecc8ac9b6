/* Weights of a golden model in a block format, so that fast mode has int8 products to do. */
#ifndef PINGTI_TESTS_UNIT_INFER_ENCODE_H
#define PINGTI_TESTS_UNIT_INFER_ENCODE_H
#include "base/mem.h"
#include "model/model.h"
#include "tensor/quant.h"

/* The weight re-encoded; NULL where the format does not fit it. */
static inline void *encode_weight(weight *w, dtype t) {
    uint64_t bytes;
    if (!w->w.data || w->w.n != 1 || w->w.type == t || !dtype_row_bytes(t, w->w.cols, &bytes)) return NULL;
    char *data = mem_must(w->w.rows, bytes);
    float *row = mem_must(w->w.cols, sizeof *row);
    for (uint64_t r = 0; r < w->w.rows; r++) {
        tensor_row_to_f32(&w->w, 0, r, row);
        quant_of(t)->from_f32(row, data + r * bytes, w->w.cols);
    }
    free(row);
    w->w.data = data;
    w->w.stride = bytes;
    w->w.type = t;
    return data;
}

static inline size_t encode_model(model *m, dtype t, void **memory) {
    size_t n = 0;
    for (uint32_t il = 0; il < m->spec.layers; il++) {
        layer *l = &m->layers[il];
        weight *all[] = { &l->q, &l->k, &l->v, &l->o, &l->q_a, &l->q_b, &l->kv_a, &l->ffn.gate, &l->ffn.up, &l->ffn.down, &l->shared.gate, &l->shared.up,
                          &l->shared.down };
        for (size_t i = 0; i < sizeof all / sizeof *all; i++)
            if ((memory[n] = encode_weight(all[i], t))) n++;
    }
    return n;
}
#endif
