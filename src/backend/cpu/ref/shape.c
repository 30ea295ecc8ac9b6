/* Ops that only move or add: pack, gather, add. */
#include "backend/cpu/ref/ref.h"
#include <string.h>

void ref_pack(const fwd *f, const pack_args *a) {
    (void)f;
    for (uint64_t t = 0; t < a->x->rows; t++)
        for (uint32_t h = 0; h < a->heads; h++)
            memcpy(tensor_f32(a->y, t) + h * a->y_step + a->y_off, tensor_f32(a->x, t) + h * a->x_step + a->x_off,
                   a->width * sizeof(float));
}

void ref_gather(const fwd *f, const gather_args *a) {
    (void)f;
    for (uint64_t i = 0; i < a->y->rows; i++)
        memcpy(tensor_f32(a->y, i), tensor_f32(a->x, (uint64_t)a->rows[i]), a->y->cols * sizeof(float));
}

void ref_add(const fwd *f, const add_args *a) {
    (void)f;
    for (uint64_t t = 0; t < a->y->rows; t++)
        for (uint64_t i = 0; i < a->y->cols; i++) tensor_f32(a->y, t)[i] = tensor_f32(a->a, t)[i] + tensor_f32(a->b, t)[i];
}
