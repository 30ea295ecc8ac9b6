#include "backend/cpu/attn_fast.h"
#include "backend/cpu/strip_at.h"
#include "tensor/vmath.h"
#if defined(__x86_64__)
#include "backend/cpu/x86/vector_x86.h"
#elif defined(__aarch64__)
#include "backend/cpu/arm/arm.h"
#endif

static void row(const float *x, float scale, size_t n, void *to) {
    float *y = to;
    for (size_t i = 0; i < n; i++) y[i] = bf16_rounded(x[i] * scale);
    if (n % 2) y[n] = 0;
}

#define OPERAND_OF(kind)                                                                                               \
    static void operand_##kind(const char *b, const char *ahead, size_t n, void *to) {                                 \
        (void)ahead;                                                                                                   \
        float *y = to;                                                                                                 \
        for (size_t k = 0; k < n; k++)                                                                                 \
            for (size_t j = 0; j < STRIP; j++) y[k * STRIP + j] = bf16_rounded(at_##kind(b, k, j));                    \
        if (n % 2) memset(y + n * STRIP, 0, STRIP * sizeof *y);                                                        \
    }
OPERAND_OF(f32)
OPERAND_OF(f16)
OPERAND_OF(q8_k)
OPERAND_OF(q8_v)

static float weigh_row(const float *s, float *w, uint32_t lo, uint32_t hi, float *max, float *lane) {
    float top = *max, shrink = 1;
    for (uint32_t i = lo; i < hi; i++) top = s[i] > top ? s[i] : top;
    if (top > *max) {
        shrink = vmath_weight(*max - top);
        for (uint32_t j = 0; j < ATTN_LANES; j++) lane[j] *= shrink;
        *max = top;
    }
    for (uint32_t i = 0; i < ATTN_SPLIT; i++) {
        float weight = i >= lo && i < hi ? vmath_weight(s[i] - top) : 0;
        lane[i % ATTN_LANES] += weight;
        w[i] = bf16_rounded(weight);
    }
    return shrink;
}

static void weigh(const float *s, void *w, uint32_t rows, uint32_t lo, uint32_t hi, float *max, float *lane, float *shrink) {
    for (uint32_t r = 0; r < rows; r++) shrink[r] = weigh_row(s + r * ATTN_SPLIT, (float *)w + r * ATTN_SPLIT, lo, hi, max + r, lane + r * ATTN_LANES);
}

static const attn_fast scalar = {
    .name = "scalar", .bytes = sizeof(float), .row = row, .weigh = weigh,
    .strip = { [STRIP_F32] = operand_f32, [STRIP_F16] = operand_f16, [STRIP_Q8_K] = operand_q8_k, [STRIP_Q8_V] = operand_q8_v },
};

const attn_fast *attn_fast_for(cpu_isa isa) {
#if defined(__x86_64__)
    if (isa >= CPU_AVX512BF16) return &attn_fast_avx512bf16;
    if (isa >= CPU_AVX512) return &attn_fast_avx512;
    if (isa >= CPU_AVX2) return &attn_fast_avx2;
#elif defined(__aarch64__)
    if (isa >= CPU_NEON) return &attn_fast_neon;
#endif
    return (void)isa, &scalar;
}
