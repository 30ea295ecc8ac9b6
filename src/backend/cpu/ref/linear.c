#include "backend/cpu/ref/ref.h"
#include <math.h>

/* Exact products: 32 partial sums, lane j taking elements i = j mod 32 in order of i, then folded in halves. The order is
 * that of a vector register, so that every instruction set gives the same bits. */
static float dot_f32(const float *w, const float *x, uint64_t n) {
    float lane[32] = { 0 };
    for (uint64_t i = 0; i < n; i++) lane[i % 32] = fmaf(w[i], x[i], lane[i % 32]);
    for (int half = 16; half; half /= 2)
        for (int j = 0; j < half; j++) lane[j] += lane[j + half];
    return lane[0];
}

float ref_dot_row(const tensor *w, uint64_t i, uint64_t row, const float *x, const act_q8 *x8, float *scratch) {
    quant_dot_fn dot = quant_of(w->type)->dot;
    quant_dot_f32_fn dot_plain = quant_of(w->type)->dot_f32;
    float factor = w->factor ? w->factor[i] : 1;
    if (x8 && dot) return factor * dot(tensor_row_blocks(w, i, row, scratch), x8, w->cols); /* a block's bytes are fewer than its floats' */
    if (x8 && dot_plain) return factor * dot_plain(tensor_row(w, i, row), x, w->cols);
    tensor_row_to_f32(w, i, row, scratch);
    return dot_f32(scratch, x, w->cols);
}

static void rows_of_matrix(const fwd *f, const tensor *w, uint64_t i, const float *bias, const float *x, float *y) {
    float *scratch = arena_must(f->mem, w->cols, sizeof(float));
    act_q8 x8, *fast = NULL;
    if (f->precision == PRECISION_FAST) {
        const float *ordered = x;
        if (tensor_order(w, i)) {
            float *turned = arena_must(f->mem, w->cols, sizeof *turned);
            grouped_reorder(&w->grouped[i], x, turned);
            ordered = turned;
        }
        x8 = act_q8_at(arena_must(f->mem, act_q8_bytes(w->cols), 1), w->cols);
        act_q8_from_f32(ordered, w->cols, &x8);
        fast = &x8;
    }
    for (uint64_t o = 0; o < w->rows; o++) {
        float s = ref_dot_row(w, i, o, x, fast, scratch);
        y[o] = bias ? s + bias[o] : s;
    }
}

void ref_linear(const fwd *f, const linear_args *a) {
    for (uint32_t i = 0; i < a->n; i++)
        for (uint64_t t = 0; t < a->x->rows; t++)
            rows_of_matrix(f, &a->w[i]->w, 0, a->w[i]->bias, tensor_f32(a->x, t), tensor_f32(a->y[i], t));
}

void ref_moe_linear(const fwd *f, const moe_linear_args *a) {
    uint64_t per_row = a->x->rows == a->y[0]->rows ? 1 : a->top_k;
    for (uint32_t i = 0; i < a->n; i++)
        for (uint64_t r = 0; r < a->y[i]->rows; r++) {
            uint64_t expert = (uint64_t)a->ids[r];
            const float *bias = a->w[i]->bias ? a->w[i]->bias + expert * a->w[i]->w.rows : NULL;
            rows_of_matrix(f, &a->w[i]->w, expert, bias, tensor_f32(a->x, r / per_row), tensor_f32(a->y[i], r));
        }
}
