#include "tensor/tensor.h"
#include "tensor/quant.h"

tensor tensor_view_f32(float *data, uint64_t rows, uint64_t cols) {
    return (tensor){ .type = DTYPE_F32, .n = 1, .rows = rows, .cols = cols, .stride = cols * sizeof(float), .data = data };
}

void tensor_row_to_f32(const tensor *t, uint64_t i, uint64_t row, float *out) {
    if (t->grouped) {
        grouped_row_to_f32(&t->grouped[i], row, out);
        return;
    }
    quant_of(t->type)->to_f32(tensor_row(t, i, row), out, t->cols);
    for (uint64_t c = 0; t->factor && c < t->cols; c++) out[c] *= t->factor[i];
    if (!t->block_scale && !t->scale_parts) return;
    const float *scale = (t->scale_parts ? t->scale_parts[i] : t->block_scale + i * t->scale_rows * t->scale_cols) + row / 128 * t->scale_cols;
    for (uint64_t c = 0; c < t->cols; c++) out[c] *= scale[c / 128];
}

const void *tensor_row_blocks(const tensor *t, uint64_t i, uint64_t row, void *memory) {
    if (!t->grouped) return tensor_row(t, i, row);
    if (t->type == DTYPE_F32) grouped_row_to_f32(&t->grouped[i], row, memory);
    else grouped_row_blocks(&t->grouped[i], row, t->type, memory);
    return memory;
}
