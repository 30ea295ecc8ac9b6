#include "backend/cpu/vector.h"
#include "backend/cpu/strip_at.h"
#include "tensor/vmath.h"
#if defined(__x86_64__)
#include "backend/cpu/x86/vector_x86.h"
#elif defined(__aarch64__)
#include "backend/cpu/arm/arm.h"
#endif

#define STRIP_OF(kind)                                                                                                 \
    static void strip_##kind(const strip_args *s) {                                                                    \
        for (size_t r = 0; s->fresh && r < s->rows; r++) memset(s->c + r * s->c_stride, 0, STRIP * sizeof(float));     \
        for (size_t k = s->from; k < s->to; k++)                                                                       \
            for (size_t j = 0; j < STRIP; j++) {                                                                       \
                float b = at_##kind(s->b, k, j);                                                                       \
                for (size_t r = 0; r < s->rows; r++) {                                                                 \
                    float *c = &s->c[r * s->c_stride + j];                                                             \
                    *c = fmaf(s->a[r * STRIP_DEPTH + k], b, *c);                                                       \
                }                                                                                                      \
            }                                                                                                          \
    }
STRIP_OF(f32)
STRIP_OF(f16)
STRIP_OF(q8_k)
STRIP_OF(q8_v)

#define TRANSPOSE_OF(kind)                                                                                             \
    static void transpose_##kind(const char *b, size_t row, size_t n, float *to) {                                     \
        for (size_t i = 0; i < n; i++)                                                                                 \
            for (size_t j = 0; j < STRIP; j++) to[j * STRIP + i] = at_##kind(b, row + i, j);                           \
    }
TRANSPOSE_OF(f32)
TRANSPOSE_OF(f16)
TRANSPOSE_OF(q8_k)
TRANSPOSE_OF(q8_v)

static float weigh(float *s, uint32_t lo, uint32_t hi, float *max, float *lane) {
    float top = *max, shrink = 1;
    for (uint32_t i = lo; i < hi; i++) top = s[i] > top ? s[i] : top;
    if (top > *max) {
        shrink = vmath_exp(*max - top);
        for (uint32_t j = 0; j < ATTN_LANES; j++) lane[j] *= shrink;
        *max = top;
    }
    for (uint32_t i = lo; i < hi; i++) {
        s[i] = vmath_exp(s[i] - top);
        lane[i % ATTN_LANES] += s[i];
    }
    return shrink;
}

static void exp_all(const float *x, float *y, size_t n) {
    for (size_t i = 0; i < n; i++) y[i] = vmath_exp(x[i]);
}

static void sincos_all(const float *freq, float pos, float scale, size_t n, float *s, float *c) {
    for (size_t i = 0; i < n; i++) {
        vmath_sincos(pos * freq[i], &s[i], &c[i]);
        s[i] *= scale;
        c[i] *= scale;
    }
}

static void turn(float *x, float *y, const float *s, const float *c, size_t n) {
    for (size_t i = 0; i < n; i++) {
        float u = x[i], v = y[i];
        x[i] = u * c[i] - v * s[i];
        y[i] = v * c[i] + u * s[i];
    }
}

static void turn_pairs(float *x, const float *s, const float *c, size_t n) {
    for (size_t i = 0; i < n; i++) turn(x + 2 * i, x + 2 * i + 1, s + i, c + i, 1);
}

static double squares(const float *x, size_t n) {
    double lane[16] = { 0 };
    for (size_t i = 0; i < n; i++) lane[i % 16] += (double)x[i] * x[i];
    for (int half = 8; half; half /= 2)
        for (int j = 0; j < half; j++) lane[j] += lane[j + half];
    return lane[0];
}

static void norm(const float *x, const float *w, float r, float *y, size_t n) {
    for (size_t i = 0; i < n; i++) y[i] = w[i] * (x[i] * r);
}
static void swiglu(const float *gate, const float *up, float *y, size_t n) {
    for (size_t i = 0; i < n; i++) y[i] = vmath_silu(gate[i]) * up[i];
}
static void add(const float *a, const float *b, float *y, size_t n) {
    for (size_t i = 0; i < n; i++) y[i] = a[i] + b[i];
}
static void axpy(float a, const float *x, float *y, size_t n) {
    for (size_t i = 0; i < n; i++) y[i] = fmaf(a, x[i], y[i]);
}
static void scale(const float *x, float a, float *y, size_t n) {
    for (size_t i = 0; i < n; i++) y[i] = x[i] * a;
}
static void divide(const float *x, float a, float *y, size_t n) {
    for (size_t i = 0; i < n; i++) y[i] = x[i] / a;
}
static void blend(float *y, float a, const float *x, float b, size_t n) {
    for (size_t i = 0; i < n; i++) y[i] = fmaf(x[i], b, y[i] * a);
}

static const vector_kernels scalar = {
    .name = "scalar",
    .strip = { [STRIP_F32] = strip_f32, [STRIP_F16] = strip_f16, [STRIP_Q8_K] = strip_q8_k, [STRIP_Q8_V] = strip_q8_v },
    .transpose = { [STRIP_F32] = transpose_f32, [STRIP_F16] = transpose_f16, [STRIP_Q8_K] = transpose_q8_k, [STRIP_Q8_V] = transpose_q8_v },
    .weigh = weigh, .exp = exp_all, .sincos = sincos_all, .turn = turn, .turn_pairs = turn_pairs, .squares = squares, .norm = norm,
    .swiglu = swiglu, .add = add, .axpy = axpy, .scale = scale, .divide = divide, .blend = blend, .to_f16 = quant_f16_from_f32,
};

/* What lies between two levels (VNNI, say) does not matter here: the best table that the level includes. */
const vector_kernels *vector_kernels_for(cpu_isa isa) {
#if defined(__x86_64__)
    if (isa >= CPU_AVX512) return &vector_avx512;
    if (isa >= CPU_AVX2) return &vector_avx2;
#elif defined(__aarch64__)
    if (isa >= CPU_NEON) return &vector_neon;
#endif
    return (void)isa, &scalar;
}

const vector_kernels *vector_active(void) { return vector_kernels_for(cpu_chosen_isa()); }
