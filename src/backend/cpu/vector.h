/* The inner loops of everything that is not a linear layer, one table per instruction set. Every entry equals its scalar definition
 * (vector.c) bit for bit, but for the payload of a NaN. Attention and the per-head products are one loop: a few rows times a strip, a
 * matrix of 32 columns that lies in memory as the loop reads it (see op/kv_view.h). Pure functions. */
#ifndef PINGTI_BACKEND_CPU_VECTOR_H
#define PINGTI_BACKEND_CPU_VECTOR_H
#include "base/cpu.h"
#include "op/op_args.h"

enum { STRIP = KV_STRIP, STRIP_DEPTH = ATTN_SPLIT, STRIP_ROWS = 14 };

/* How a strip is stored: a row is 32 floats; 32 halves; or, after f16 scales of 32 columns for every 32 rows (Q8_K), or of
 * STRIP_DEPTH rows once (Q8_V), 32 int8. */
typedef enum strip_kind { STRIP_F32, STRIP_F16, STRIP_Q8_K, STRIP_Q8_V, STRIP_KINDS } strip_kind;
typedef struct strip_args {
    const float *a;    /* [rows][STRIP_DEPTH]; for products of operands (attn_fast.h) those of their elements */
    const char *b;     /* the strip, from its row 0 on */
    const char *ahead; /* memory to be fetched meanwhile, laid out like b; b itself: nothing */
    const char *beside[4]; /* few rows of attn_fast: also these, in four streams at once because a processor looks further ahead in */
    size_t stride;         /* several than in one; each by so many bytes every second pair of rows */
    float *c;          /* [rows], 32 floats each, c_stride floats apart */
    size_t rows, c_stride, from, to;
    bool fresh;        /* c is not yet set: from zero */
    const float *shrink; /* [rows], attn_fast.shrinks alone: what c is multiplied by first; NULL: nothing */
} strip_args;
/* c[r][j] (+)= sum over k in [from, to) of a[r][k] b[k][j]: a chain of fused multiply-adds in order of k for every output. */
typedef void (*strip_fn)(const strip_args *s);

/* to[j][i] = b[row + i][j] for the strip's columns j and i < n <= STRIP; row is a multiple of STRIP. */
typedef void (*transpose_fn)(const char *b, size_t row, size_t n, float *to);

typedef struct vector_kernels {
    const char *name;
    strip_fn strip[STRIP_KINDS];
    transpose_fn transpose[STRIP_KINDS];
    /* Scores s[lo, hi) of a step become weights exp(s - max); sums go to lane[i mod ATTN_LANES]. Raises *max first; returns the
     * factor by which the lanes shrank and y is to shrink, 1 mostly. The rest of s[ATTN_SPLIT] is not defined afterwards. */
    float (*weigh)(float *s, uint32_t lo, uint32_t hi, float *max, float *lane);
    void (*exp)(const float *x, float *y, size_t n);                                     /* vmath_exp */
    void (*sincos)(const float *freq, float pos, float scale, size_t n, float *s, float *c); /* vmath_sincos(pos * freq), times scale */
    void (*turn)(float *x, float *y, const float *s, const float *c, size_t n);          /* x' = x c - y s, y' = y c + x s */
    void (*turn_pairs)(float *x, const float *s, const float *c, size_t n);              /* the same of (x[2i], x[2i+1]) */
    double (*squares)(const float *x, size_t n);                                         /* in 16 lanes, folded in halves */
    void (*norm)(const float *x, const float *w, float r, float *y, size_t n);           /* w (x r) */
    void (*swiglu)(const float *gate, const float *up, float *y, size_t n);              /* vmath_silu(gate) up */
    void (*add)(const float *a, const float *b, float *y, size_t n);
    void (*axpy)(float a, const float *x, float *y, size_t n);                           /* y = fma(a, x, y) */
    void (*scale)(const float *x, float a, float *y, size_t n);                          /* x a */
    void (*divide)(const float *x, float a, float *y, size_t n);                         /* x / a */
    void (*blend)(float *y, float a, const float *x, float b, size_t n);                 /* y = fma(x, b, y a) */
    void (*to_f16)(const float *x, void *y, size_t n);
} vector_kernels;

const vector_kernels *vector_kernels_for(cpu_isa isa);
const vector_kernels *vector_active(void); /* of cpu_chosen_isa() */
#endif
