/* Operands of fast attention as pairs of bfloat16, and their product. */
#include "backend/cpu/x86/vector_x86.h"
#include "tensor/vmath.h"
#include <immintrin.h>
#include <string.h>

#include "backend/cpu/x86/vector512.inc"
#include "backend/cpu/vector_kinds.inc"

/* Elements in order; of a pair the first one has the upper half. n is even. */
static inline __attribute__((always_inline)) void operand_row(const __m512 *v, size_t first, int n, void *to) {
    for (int j = 0; j < n; j += 2) {
        __m512i pairs = (__m512i)_mm512_cvtne2ps_pbh(v[j + 1], v[j]);
        _mm512_storeu_si512((char *)to + 2 * (first + (size_t)j * VN), _mm512_rol_epi32(pairs, 16));
    }
}

#include "backend/cpu/x86/weigh512.inc"

static void halves(const float *x, size_t n, uint16_t *to) {
    for (size_t i = 0; i < n; i += VN) {
        VM there = V_LANES((int)i, 0, (int)n);
        __m512 half = _mm512_cvtph_ps(_mm512_cvtps_ph(V_LOAD_N(x + i, there), _MM_FROUND_TO_NEAREST_INT));
        _mm256_mask_storeu_epi16(to + i, there, (__m256i)_mm512_cvtneps_pbh(half));
    }
}

/* Two rows of a strip, column beside column. */
static inline __m512i pairs_of(__m512 upper, __m512 lower) {
    const __m512i order = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
    return _mm512_permutexvar_epi16(order, (__m512i)_mm512_cvtne2ps_pbh(upper, lower));
}

#define OPERAND_OF(kind)                                                                                               \
    static void operand_##kind(const char *b, const char *ahead, size_t n, void *to) {                                 \
        char *y = to;                                                                                                  \
        __m512 scale[2];                                                                                               \
        for (size_t k = 0; k < n; k += 2)                                                                              \
            for (size_t w = 0; w < 2; w++) {                                                                           \
                if (k % 32 == 0) {                                                                                     \
                    SCALES_##kind(scale[w], b, k, w * VN);                                                             \
                }                                                                                                      \
                AHEAD_##kind(ahead, k + w);                                                                            \
                __m512 lower = k + 1 < n ? ROW_##kind(b, k + 1, w * VN, scale[w]) : V_ZERO();                          \
                _mm512_storeu_si512(y + (k / 2 * STRIP + w * VN) * 4, pairs_of(ROW_##kind(b, k, w * VN, scale[w]), lower)); \
            }                                                                                                          \
        (void)scale;                                                                                                   \
    }
OPERAND_OF(f32)
OPERAND_OF(f16)
OPERAND_OF(q8_k)
OPERAND_OF(q8_v)

enum { PRODUCT_ROWS = 14 };

static inline __attribute__((always_inline)) void begin_sums(const int R, const strip_args *s, size_t row, __m512 sum[][2]) {
    const float *c = s->c + row * s->c_stride;
    if (s->fresh)
        for (int r = 0; r < R; r++) sum[r][0] = sum[r][1] = V_ZERO();
    else if (!s->shrink)
        for (int r = 0; r < R; r++)
            for (int w = 0; w < 2; w++) sum[r][w] = V_LOAD(c + (size_t)r * s->c_stride + w * VN);
    else
        for (int r = 0; r < R; r++)
            for (int w = 0; w < 2; w++) sum[r][w] = V_MUL(V_LOAD(c + (size_t)r * s->c_stride + w * VN), V_SET(s->shrink[row + (size_t)r]));
}

static inline __attribute__((always_inline)) void end_sums(const int R, const strip_args *s, size_t row, __m512 sum[][2]) {
    float *c = s->c + row * s->c_stride;
    for (int r = 0; r < R; r++)
        for (int w = 0; w < 2; w++) V_STORE(c + (size_t)r * s->c_stride + w * VN, sum[r][w]);
}

/* R rows times one pair of rows of the strip, of which `take` lets both or one through. */
static inline __attribute__((always_inline)) void add_pair(const int R, __m512 sum[][2], const char *a, const char *b, __m512i take, const bool whole) {
    __m512i v[2] = { _mm512_loadu_si512(b), _mm512_loadu_si512(b + 64) };
    for (int w = 0; !whole && w < 2; w++) v[w] = _mm512_and_si512(v[w], take);
    for (int r = 0; r < R; r++) {
        int pair;
        memcpy(&pair, a + (size_t)r * STRIP_DEPTH * 2, sizeof pair);
        for (int w = 0; w < 2; w++) sum[r][w] = _mm512_dpbf16_ps(sum[r][w], (__m512bh)_mm512_set1_epi32(pair), (__m512bh)v[w]);
    }
}

/* R is a constant wherever this is called, so that the sums stay in registers. */
static inline __attribute__((always_inline)) void product_rows(const int R, const strip_args *s, size_t row) {
    const char *a = (const char *)s->a + row * STRIP_DEPTH * 2;
    __m512 sum[PRODUCT_ROWS][2];
    begin_sums(R, s, row, sum);
    size_t k = s->from / 2;
    if (s->from % 2) add_pair(R, sum, a + k * 4, s->b + k * 128, _mm512_set1_epi32(0xffff), false), k++;
    for (const char *ahead = s->ahead; k < s->to / 2; k++) {
        const char *const *beside = s->beside + k % 2 * 2;
        for (size_t w = 0; w < 2; w++) {
            V_FETCH_FAR(ahead + w * 64);
            if (R <= ATTN_DIRECT_ROWS) V_FETCH_FAR(beside[w] + k / 2 * s->stride);
        }
        ahead += R <= ATTN_DIRECT_ROWS ? 128 : s->stride;
        add_pair(R, sum, a + k * 4, s->b + k * 128, _mm512_setzero_si512(), true);
    }
    if (s->to % 2) add_pair(R, sum, a + k * 4, s->b + k * 128, _mm512_set1_epi32((int)0xffff0000), false);
    end_sums(R, s, row, sum);
}

static void product(const strip_args *s) {
    size_t blocks = (s->rows + PRODUCT_ROWS - 1) / PRODUCT_ROWS;
    for (size_t i = 0, row = 0, n; i < blocks; i++, row += n) {
        n = (s->rows - row + blocks - i - 1) / (blocks - i); /* blocks of nearly the same size */
        switch (n) {
        case 1: product_rows(1, s, row); break;
        case 2: product_rows(2, s, row); break;
        case 3: product_rows(3, s, row); break;
        case 4: product_rows(4, s, row); break;
        case 5: product_rows(5, s, row); break;
        case 6: product_rows(6, s, row); break;
        case 7: product_rows(7, s, row); break;
        case 8: product_rows(8, s, row); break;
        case 9: product_rows(9, s, row); break;
        case 10: product_rows(10, s, row); break;
        case 11: product_rows(11, s, row); break;
        case 12: product_rows(12, s, row); break;
        case 13: product_rows(13, s, row); break;
        case 14: product_rows(14, s, row); break;
        }
    }
}

/* R rows times rows k and k + 1 of the strip. */
static inline __attribute__((always_inline)) void add_direct(const int R, __m512 sum[][2], const char *a, const __m512 upper[2], const __m512 lower[2]) {
    __m512i v[2] = { pairs_of(upper[0], lower[0]), pairs_of(upper[1], lower[1]) };
    for (int r = 0; r < R; r++) {
        int pair;
        memcpy(&pair, a + (size_t)r * STRIP_DEPTH * 2, sizeof pair);
        for (int w = 0; w < 2; w++) sum[r][w] = _mm512_dpbf16_ps(sum[r][w], (__m512bh)_mm512_set1_epi32(pair), (__m512bh)v[w]);
    }
}

#define FETCH_f32(p, k) (V_FETCH_FAR((p) + (k) * 128), V_FETCH_FAR((p) + (k) * 128 + 64))
#define FETCH_f16(p, k) V_FETCH_FAR((p) + (k) * 64)
#define FETCH_q8_k(p, k) V_FETCH_FAR((p) + (k) * 34)
#define FETCH_q8_v(p, k) V_FETCH_FAR((p) + (k) * 34)

/* The first and the last pair may have one row that counts: the other is not read, it may hold anything. */
#define DIRECT_OF(kind)                                                                                                \
    static inline __attribute__((always_inline)) void direct_pair_##kind(const int R, const strip_args *s, __m512 sum[][2], const __m512 scale[2], size_t k, const bool first, const bool second) { \
        __m512 upper[2], lower[2];                                                                                     \
        const char *const *beside = s->beside + (k & 2);                                                               \
        (void)scale;                                                                                                   \
        for (size_t w = 0; w < 2; w++) {                                                                               \
            V_FETCH_FAR(beside[w] + k / 4 * s->stride);                                                                \
            FETCH_##kind(s->ahead, k + w);                                                                             \
            upper[w] = first ? ROW_##kind(s->b, k, w * VN, scale[w]) : V_ZERO();                                       \
            lower[w] = second ? ROW_##kind(s->b, k + 1, w * VN, scale[w]) : V_ZERO();                                  \
        }                                                                                                              \
        add_direct(R, sum, (const char *)s->a + k * 2, upper, lower);                                                  \
    }                                                                                                                  \
    static inline __attribute__((always_inline)) void direct_rows_##kind(const int R, const strip_args *given) {       \
        const strip_args s[1] = { *given };                                                                            \
        __m512 sum[ATTN_DIRECT_ROWS][2], scale[2] = { V_ZERO(), V_ZERO() };                                            \
        begin_sums(R, s, 0, sum);                                                                                      \
        size_t k = s->from / 2 * 2;                                                                                    \
        if (s->from % 2) {                                                                                             \
            for (size_t w = 0; w < 2; w++) { SCALES_##kind(scale[w], s->b, k, w * VN); }                               \
            direct_pair_##kind(R, s, sum, scale, k, false, true);                                                      \
            k += 2;                                                                                                    \
        }                                                                                                              \
        for (size_t end; k < s->to / 2 * 2; k = end) {                                                                 \
            end = k / 32 * 32 + 32 < s->to ? k / 32 * 32 + 32 : s->to / 2 * 2;                                         \
            for (size_t w = 0; w < 2; w++) { SCALES_##kind(scale[w], s->b, k, w * VN); }                               \
            for (size_t i = k; i < end; i += 2) direct_pair_##kind(R, s, sum, scale, i, true, true);                   \
        }                                                                                                              \
        if (s->to % 2) {                                                                                               \
            for (size_t w = 0; w < 2; w++) { SCALES_##kind(scale[w], s->b, k, w * VN); }                               \
            direct_pair_##kind(R, s, sum, scale, k, true, false);                                                      \
        }                                                                                                              \
        end_sums(R, s, 0, sum);                                                                                        \
    }                                                                                                                  \
    static void direct_##kind(const strip_args *s) {                                                                   \
        switch (s->rows) {                                                                                             \
        case 1: direct_rows_##kind(1, s); break;                                                                       \
        case 2: direct_rows_##kind(2, s); break;                                                                       \
        case 3: direct_rows_##kind(3, s); break;                                                                       \
        case 4: direct_rows_##kind(4, s); break;                                                                       \
        case 5: direct_rows_##kind(5, s); break;                                                                       \
        case 6: direct_rows_##kind(6, s); break;                                                                       \
        case 7: direct_rows_##kind(7, s); break;                                                                       \
        case 8: direct_rows_##kind(8, s); break;                                                                       \
        }                                                                                                              \
    }
DIRECT_OF(f32)
DIRECT_OF(f16)
DIRECT_OF(q8_k)
DIRECT_OF(q8_v)

#define FAST_TABLE attn_fast_avx512bf16
#define FAST_DIRECT .shrinks = true, .halves = halves, .direct = { [STRIP_F32] = direct_f32, [STRIP_F16] = direct_f16, [STRIP_Q8_K] = direct_q8_k, [STRIP_Q8_V] = direct_q8_v },
#define FAST_NAME "avx512bf16"
#define FAST_BYTES 2
#define FAST_MULTIPLY product
#define FAST_WEIGH weigh512
#include "backend/cpu/attn_fast.inc"
