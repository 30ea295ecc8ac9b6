/* The storage formats as code: each is defined by its scalar functions, which are the specification every faster kernel
 * is held against. Pure functions, any thread.
 *
 * Two precisions (design decision 2):
 *   exact  weights are turned into f32 and multiplied with f32 activations;
 *   fast   block formats: activations are int8 blocks within one row (act_q8), sums under one weight scale are exact integers, and they
 *          are added in the order of k by one fused multiply-add each, f = fma((float)isum, ws * xs, f), f from +0; a format with a
 *          minimum m adds f = fma(-m, xs * (float)xsum, f) after it. ws and m of super-blocks are products that f32 holds exactly.
 *          BF16: activations are rounded to bfloat16, F16: they stay f32; both are one chain of fused multiply-adds in order of k.
 * Both depend on one weight row and one activation row alone. A vector register whose lanes are weight rows follows either order. */
#ifndef PINGTI_TENSOR_QUANT_H
#define PINGTI_TENSOR_QUANT_H
#include "tensor/dtype.h"
#include <stddef.h>

enum { ACT_BLOCK = 32, ACT_SUB = 16 };

/* 32 activations as int8: x[i] ~ scale * q[i]; q in [-127,127]. The sums serve formats with a minimum, and kernels whose weights are
 * unsigned bytes: they start their integer sums from offset * minus_sum. */
typedef struct act_block {
    int8_t q[ACT_BLOCK];
    float scale, scaled_sum;           /* scale * (float)(sum of q) */
    int32_t minus_sum, minus_sum_low;  /* of all 32; of the first 16 */
} act_block;

/* One activation row; n is padded with zeros to a multiple of 64. Memory is the caller's (act_q8_bytes). */
typedef struct act_q8 {
    size_t n;          /* padded length */
    act_block *block;  /* [n/32] */
} act_q8;

size_t act_q8_bytes(size_t n);             /* memory of a row of n elements, a multiple of 64 */
act_q8 act_q8_at(void *memory, size_t n);  /* in 64-byte aligned memory */
/* scale = max|x| / 127 of the block, q = x * (127 / max|x|) rounded to nearest even. Two blocks have q = 0 throughout: one whose max|x|
 * is below ACT_TINY (zeros too) has scale 0, since 127 / max|x| would overflow; one with a value that is not finite has scale
 * NaN, so that every product with it is NaN and seen. */
void act_q8_from_f32(const float *x, size_t n, act_q8 *out);

#define ACT_TINY 0x1p-118f /* from here on scales are normal numbers */

/* The scale of a block from its largest magnitude (as bits: NaN above infinity above the rest); false: q is 0 throughout. */
static inline bool act_block_scale(uint32_t top_bits, float *scale, float *inverse) {
    float top;
    __builtin_memcpy(&top, &top_bits, sizeof top);
    bool usable = top >= ACT_TINY && top_bits < 0x7f800000u;
    *scale = usable ? top / 127.0f : top < ACT_TINY ? 0.0f : __builtin_nanf("");
    *inverse = usable ? 127.0f / top : 0.0f;
    return usable;
}

typedef void (*quant_to_f32_fn)(const void *src, float *dst, size_t n);
typedef void (*quant_from_f32_fn)(const float *src, void *dst, size_t n);
typedef float (*quant_dot_fn)(const void *w, const act_q8 *x, size_t n);
typedef float (*quant_dot_f32_fn)(const void *w, const float *x, size_t n);

typedef struct quant_traits {
    const char *name;
    uint32_t block_elems, block_bytes;
    quant_to_f32_fn to_f32;     /* equal to the format's definition bit for bit */
    quant_from_f32_fn from_f32; /* NULL: cannot be encoded here */
    quant_dot_fn dot;           /* fast product of block formats; NULL for plain floats */
    quant_dot_f32_fn dot_f32;   /* fast product of BF16 and F16; NULL for the others. F32 and FP8 are multiplied exactly in both precisions */
} quant_traits;

const quant_traits *quant_of(dtype t);

/* Plain conversions used everywhere; round to nearest even, NaN stays NaN. */
float f16_to_f32(uint16_t h);
uint16_t f32_to_f16(float f);
float bf16_to_f32(uint16_t h);
uint16_t f32_to_bf16(float f);
static inline uint16_t bf16_flushed(uint16_t h) { return h & 0x7f80 ? h : (uint16_t)(h & 0x8000); } /* subnormals are zero in fast products */
/* Rounded to bfloat16, subnormal values to zero: what a processor's own bfloat16 products start from. */
static inline float bf16_rounded(float x) { return bf16_to_f32(bf16_flushed(f32_to_bf16(x))); }
float f8_e4m3_to_f32(uint8_t b); /* OCP FP8 E4M3FN: no infinity, 0x7f and 0xff are NaN */
#endif
