/* The engine's own exp, sine and cosine: a few fused multiply-adds written once here, so that a vector register gives the same bits
 * as this scalar code, which is their specification (libm's differ between systems). Polynomials are minimax fits. Pure functions.
 *   exp      within 1 ulp, subnormal results included; exp(-inf) = 0, exp(NaN) = NaN, above FLT_MAX infinity
 *   weight   2^x for x <= 0 within 3 * 2^-20 of its value, 2^-100 at least; weight(0) = 1, weight(NaN) = NaN
 *   sin, cos within 2^-23 of the true value up to VMATH_TURN_MAX, beyond it libm's */
#ifndef PINGTI_TENSOR_VMATH_H
#define PINGTI_TENSOR_VMATH_H
#include <math.h>
#include <stdint.h>

#define VMATH_MAGIC 0x1.8p23f        /* x + MAGIC has round(x) in its low bits */
#define VMATH_MAGIC_BITS 0x4b400000u
#define VMATH_EXP_MAX 89.0f          /* beyond: infinity */
#define VMATH_EXP_MIN -104.0f        /* below: 0 */
#define VMATH_LOG2E 0x1.715476p+0f
#define VMATH_LN2_HI 0x1.62e43p-1f
#define VMATH_LN2_LO -0x1.05c61p-29f
/* exp(r) = 1 + r + r^2 (E2 + E3 r + ... + E6 r^4), |r| <= ln 2 / 2 */
#define VMATH_E2 0x1.fffffcp-2f
#define VMATH_E3 0x1.555492p-3f
#define VMATH_E4 0x1.5558f2p-5f
#define VMATH_E5 0x1.123a2p-7f
#define VMATH_E6 0x1.6a23ccp-10f

static inline uint32_t vmath_bits(float x) {
    uint32_t b;
    __builtin_memcpy(&b, &x, sizeof b);
    return b;
}

static inline float vmath_float(uint32_t b) {
    float x;
    __builtin_memcpy(&x, &b, sizeof x);
    return x;
}

/* p 2^n, rounded once: two factors, so that a subnormal or infinite result is reached only by the second. */
static inline float vmath_scale(float p, int32_t n) {
    int32_t a = n >= 0 ? n / 2 : -((1 - n) / 2);
    return p * vmath_float((uint32_t)(a + 127) << 23) * vmath_float((uint32_t)(n - a + 127) << 23);
}

static inline float vmath_exp(float x) {
    if (x != x) return x;
    x = VMATH_EXP_MAX < x ? VMATH_EXP_MAX : x;
    x = VMATH_EXP_MIN > x ? VMATH_EXP_MIN : x;
    float t = fmaf(x, VMATH_LOG2E, VMATH_MAGIC), n = t - VMATH_MAGIC;
    float r = fmaf(n, -VMATH_LN2_LO, fmaf(n, -VMATH_LN2_HI, x));
    float p = fmaf(VMATH_E6, r, VMATH_E5);
    p = fmaf(fmaf(fmaf(p, r, VMATH_E4), r, VMATH_E3), r, VMATH_E2);
    p = fmaf(fmaf(p, r, 1.0f), r, 1.0f);
    return vmath_scale(p, (int32_t)n);
}

#define VMATH_WEIGHT_MIN -100.0f /* so that no product of a weight leaves the normal numbers */
/* 2^r = 1 + W1 r + ... + W4 r^4, |r| <= 1/2 */
#define VMATH_W1 0x1.62e12cp-1f
#define VMATH_W2 0x1.ec0378p-3f
#define VMATH_W3 0x1.c9fc46p-5f
#define VMATH_W4 0x1.3a02ccp-7f

static inline float vmath_weight(float x) {
    if (x != x) return x;
    x = VMATH_WEIGHT_MIN > x ? VMATH_WEIGHT_MIN : x;
    float n = (x + VMATH_MAGIC) - VMATH_MAGIC, r = x - n;
    float p = fmaf(fmaf(fmaf(fmaf(VMATH_W4, r, VMATH_W3), r, VMATH_W2), r, VMATH_W1), r, 1.0f);
    return p * vmath_float((uint32_t)((int32_t)n + 127) << 23);
}

static inline float vmath_sigmoid(float x) { return 1.0f / (1.0f + vmath_exp(-x)); }
static inline float vmath_silu(float x) { return x / (1.0f + vmath_exp(-x)); }

#define VMATH_TURN_MAX 0x1p20f /* beyond it 2 / pi as a float no longer finds the nearest quarter turn well enough */
#define VMATH_2_PI 0x1.45f306p-1f
#define VMATH_PI2_1 0x1.921fb6p+0f /* pi / 2 in three parts */
#define VMATH_PI2_2 -0x1.777a5cp-25f
#define VMATH_PI2_3 -0x1.ee59dap-50f
/* sin r = r + r^3 (S0 + S1 r^2 + S2 r^4), cos r = 1 - r^2/2 + r^4 (C0 + C1 r^2 + C2 r^4), |r| <= pi / 4 */
#define VMATH_S0 -0x1.555546p-3f
#define VMATH_S1 0x1.11075cp-7f
#define VMATH_S2 -0x1.994cf8p-13f
#define VMATH_C0 0x1.55554ap-5f
#define VMATH_C1 -0x1.6c0c86p-10f
#define VMATH_C2 0x1.9a00ccp-16f

static inline void vmath_sincos(float x, float *sine, float *cosine) {
    if (!(fabsf(x) < VMATH_TURN_MAX)) {
        *sine = sinf(x);
        *cosine = cosf(x);
        return;
    }
    float t = fmaf(x, VMATH_2_PI, VMATH_MAGIC), n = t - VMATH_MAGIC;
    float r = fmaf(n, -VMATH_PI2_3, fmaf(n, -VMATH_PI2_2, fmaf(n, -VMATH_PI2_1, x))), z = r * r;
    float s = fmaf(fmaf(fmaf(VMATH_S2, z, VMATH_S1), z, VMATH_S0), z * r, r);
    float c = fmaf(fmaf(fmaf(VMATH_C2, z, VMATH_C1), z, VMATH_C0), z * z, fmaf(-0.5f, z, 1.0f));
    uint32_t quarter = vmath_bits(t), odd = quarter & 1, flip_s = (quarter & 2) << 30, flip_c = ((quarter + 1) & 2) << 30;
    *sine = vmath_float(vmath_bits(odd ? c : s) ^ flip_s);
    *cosine = vmath_float(vmath_bits(odd ? s : c) ^ flip_c);
}
#endif
