/* Sixteen floats side by side, one block of a tensor in each lane. Written with the compiler's vector types, so that any instruction set
 * computes the same: no lane meets another and no order of additions depends on the width. */
#ifndef PINGTI_QUANTIZE_ENCODE_LANES_H
#define PINGTI_QUANTIZE_ENCODE_LANES_H
#include "quantize/encode.h"
#include "tensor/quant/formats.h"
#include <math.h>
#include <string.h>

/* Vectors pass between functions of one file alone: how they would pass to another does not matter. */
#pragma GCC diagnostic ignored "-Wpsabi"

enum { LANES = 16, SPAN_MAX = 32 };
typedef float vf __attribute__((vector_size(LANES * 4)));
typedef int32_t vi __attribute__((vector_size(LANES * 4)));

#define LANE_INLINE static inline __attribute__((always_inline))
LANE_INLINE vf vf_of(float x) { return x - (vf){ 0 }; }
LANE_INLINE vf vf_if(vi mask, vf yes, vf no) { return (vf)(((vi)yes & mask) | ((vi)no & ~mask)); }
LANE_INLINE vf vf_min(vf a, vf b) { return vf_if(a < b, a, b); }
LANE_INLINE vf vf_max(vf a, vf b) { return vf_if(a > b, a, b); }
LANE_INLINE vf vf_abs(vf a) { return (vf)((vi)a & 0x7fffffff); }
LANE_INLINE vf vf_clamp(vf a, float lo, float hi) { return vf_min(vf_max(a, vf_of(lo)), vf_of(hi)); }
/* Nearest whole number, halves to even; for what is clamped to a few levels first. */
LANE_INLINE vf vf_round(vf a) { return (a + 0x1.8p23f) - 0x1.8p23f; }
/* 1 / a, 0 where a is 0. */
LANE_INLINE vf vf_inverse(vf a) { return vf_if(a != 0.0f, 1.0f / vf_if(a != 0.0f, a, vf_of(1)), vf_of(0)); }

/* Blocks [first, first + LANES) of `span` elements each, turned: x[i] holds element i of every block. Beyond n blocks: zeros. */
typedef struct lanes {
    int span;
    uint64_t first, n;      /* the first block; how many lanes are blocks */
    vf x[SPAN_MAX], w[SPAN_MAX], q[SPAN_MAX];
} lanes;

static inline void lanes_load(lanes *l, const float *x, int span, uint64_t first, uint64_t blocks) {
    l->span = span;
    l->first = first;
    l->n = blocks - first < LANES ? blocks - first : LANES;
    memset(l->x, 0, sizeof l->x);
    for (uint64_t b = 0; b < l->n; b++)
        for (int i = 0; i < span; i++) l->x[i][b] = x[(first + b) * (uint64_t)span + (uint64_t)i];
}

static inline void lanes_importance(lanes *l, const float *weight, uint64_t cols) {
    for (uint64_t b = 0; b < LANES; b++) {
        const float *w = weight + (l->first + b) * (uint64_t)l->span % cols;
        for (int i = 0; i < l->span; i++) l->w[i][b] = b < l->n ? w[i] : 0;
    }
}

/* v sqrt(s + x^2), s per lane. */
static inline void lanes_weigh(lanes *l, vf s) {
    for (int i = 0; i < l->span; i++) {
        vf t = s + l->x[i] * l->x[i];
        for (int b = 0; b < LANES; b++) t[b] = sqrtf(t[b]);
        l->w[i] *= t;
    }
}

static inline void lanes_weigh_squares(lanes *l) {
    for (int i = 0; i < l->span; i++) l->w[i] = l->x[i] * l->x[i];
}

static inline vf lanes_squares(const lanes *l) {
    vf s = { 0 };
    for (int i = 0; i < l->span; i++) s += l->x[i] * l->x[i];
    return s;
}

/* Where every weight of a block is 0 nothing could be chosen: such blocks are fitted evenly. */
static inline void lanes_mend_weights(lanes *l) {
    vf s = { 0 };
    for (int i = 0; i < l->span; i++) s += l->w[i];
    vi none = ~((s > 0.0f) & (s < 3e38f));
    for (int i = 0; i < l->span; i++) l->w[i] = vf_if(none, vf_of(1), l->w[i]);
}

/* s of lanes [from, from + n) added up in order and given to each of them. */
static inline vf lanes_shared(vf s, int n) {
    for (int from = 0; from < LANES; from += n) {
        float sum = 0;
        for (int i = 0; i < n; i++) sum += s[from + i];
        for (int i = 0; i < n; i++) s[from + i] = sum;
    }
    return s;
}

static inline float as_f16(float x) { return f16_to_f32(f32_to_f16(x)); }
/* An f16 that is a scale: what would be infinite stays the largest number. */
static inline float scale_f16(float x) { return as_f16(x > 65504 ? 65504 : x < -65504 ? -65504 : x); }
#endif
