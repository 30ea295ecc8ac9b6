/* Panels on processors without vector kernels of their own: the same tiles, one lane at a time. */
#include "backend/cpu/panel_impl.h"
#include <math.h>
#include <string.h>

#define PANEL_PREFIX scalar
#define PL 1
#define PI int32_t
#define PF float
#define PANEL_GROUPS 1

static inline int32_t p_load(const void *p) {
    int32_t v;
    memcpy(&v, p, sizeof v);
    return v;
}
static inline void p_store(void *p, int32_t v) { memcpy(p, &v, sizeof v); }
static inline int32_t u16_at(const void *p) {
    uint16_t v;
    memcpy(&v, p, sizeof v);
    return v;
}
#define p_bcast_at(p) p_load(p)
#define p_zero() 0
#define p_bytes(n) ((int32_t)(0x01010101u * (uint32_t)(n)))
#define p_bcast(n) (n)
#define p_and(a, b) ((a) & (b))
#define p_or(a, b) ((a) | (b))
#define p_sub(a, b) ((int32_t)((uint32_t)(a) - (uint32_t)(b)))
/* Shifts within 16 bits: what crosses is masked by the callers, but not beyond a half, so halves are kept apart here as in vectors. */
static inline int32_t p_srl16(int32_t v, int n) { return (int32_t)(((uint32_t)v >> n) & (0xffffu >> n) * 0x00010001u); }
static inline int32_t p_sll16(int32_t v, int n) { return (int32_t)(((uint32_t)v << n) & ((0xffffu << n) & 0xffffu) * 0x00010001u); }
#define p_xor(a, b) ((a) ^ (b))
static inline int32_t p_mul16(int32_t v, int n) {
    uint32_t low = ((uint32_t)v & 0xffff) * (uint32_t)n & 0xffff, high = ((uint32_t)v >> 16) * (uint32_t)n << 16;
    return (int32_t)(low | high);
}
#define p_srl16v(v, n) p_srl16(v, n)
static inline int32_t p_turn16(int32_t v, int n) { return n > 0 ? p_sll16(v, n) : n < 0 ? p_srl16(v, -n) : v; }
#define p_sll32(v, n) ((int32_t)((uint32_t)(v) << (n)))
#define p_srl32v(v, n) ((int32_t)((uint32_t)(v) >> (n)))
#define p_once(v) (v)
#define p_sra32(v, n) ((v) >> (n))
#define p_u8(p) ((int32_t)*(p))
#define p_i8(p) ((int32_t)(int8_t)*(p))
#define p_u16(p) u16_at(p)
#define pf_cvt(v) ((float)(v))
#define pf_zero() 0.0f
#define pf_bcast(x) (x)
#define pf_load(p) (*(p))
#define pf_store(p, v) (*(p) = (v))
#define pf_mul(a, b) ((a) * (b))
#define pf_add(a, b) ((a) + (b))
#define pf_fma(a, b, c) fmaf(a, b, c)
#define pf_fnma(a, b, c) fmaf(-(a), b, c)
#define pf_halves(p) f16_to_f32((uint16_t)u16_at(p))

/* Byte by byte in int: gcc 12 turns the natural loop over int8_t casts of unsigned bytes into a signed-unsigned product (see tests). */
static inline int32_t p_dot4(int32_t a, int32_t w, int32_t x) {
    for (int i = 0; i < 4; i++) a += (int32_t)((uint32_t)w >> (8 * i) & 255) * (((int32_t)((uint32_t)x << (24 - 8 * i))) >> 24);
    return a;
}
#define P_DOT4 1
#define p_start_wide(minus_sum) p_sll32(minus_sum, 7)

static inline int32_t p_pick(const uint8_t *table, int32_t v) {
    uint32_t out = 0;
    for (int i = 0; i < 4; i++) out |= (uint32_t)table[(uint32_t)v >> (8 * i) & 15] << (8 * i);
    return (int32_t)out;
}
#define p_entries(g, k) ((int32_t)(g)[*(k)])
#define p_entries_low(g, k) ((int32_t)(uint32_t)(g)[*(k)])
#define p_entries_high(g, k) ((int32_t)(uint32_t)((g)[*(k)] >> 32))
#define p_lanes(bits, lane) (-((bits) >> (lane) & 1))
static inline int32_t p_negated(int32_t v, const uint8_t *at, int lane) {
    uint32_t out = 0;
    for (int i = 0; i < 4; i++) {
        uint32_t byte = (uint32_t)v >> (8 * i) & 255;
        out |= ((at[lane / 2] >> (4 * (lane % 2) + i) & 1 ? 0u - byte : byte) & 255) << (8 * i);
    }
    return (int32_t)out;
}
#define pf_e4m3(p) f16_to_f32((uint16_t)(*(p) << 7))
static inline float pf_bits(int32_t v) {
    float f;
    memcpy(&f, &v, sizeof f);
    return f;
}

static inline int32_t p_iq4(int32_t v) {
    static const uint8_t levels[16] = { 1, 24, 45, 63, 79, 93, 106, 118, 129, 141, 153, 166, 181, 197, 217, 241 };
    uint32_t out = 0;
    for (int i = 0; i < 4; i++) out |= (uint32_t)levels[(uint32_t)v >> (8 * i) & 15] << (8 * i);
    return (int32_t)out;
}

static inline float pf_dot2(float f, int32_t w, int32_t x) {
    f = fmaf(bf16_to_f32((uint16_t)((uint32_t)w >> 16)), bf16_to_f32((uint16_t)((uint32_t)x >> 16)), f);
    return fmaf(bf16_to_f32((uint16_t)w), bf16_to_f32((uint16_t)x), f);
}

#define PANEL_TILES(X) EACH_Q(X, 1, 1) EACH_Q(X, 1, 2) EACH_CODED(X) EACH_F(X, 1) EACH_F(X, 2)
#include "backend/cpu/panel_tile.inc"
