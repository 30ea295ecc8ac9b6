/* The loops of fast attention: what it multiplies is rounded to bfloat16 first (op/op_args.h). Operands are made once for all rows of a
 * tile from what is stored, and multiplied by one kernel for every cache format. On a processor with bfloat16 products an operand has
 * 2 bytes an element and elements k and k + 1, k even, are the upper and the lower half of a dword (VDPBF16PS takes the upper ones first,
 * so that the chain is in order of k); elsewhere it is floats that are bfloat16 values. Either gives the same sums. Pure functions. */
#ifndef PINGTI_BACKEND_CPU_ATTN_FAST_H
#define PINGTI_BACKEND_CPU_ATTN_FAST_H
#include "backend/cpu/vector.h"

/* Rows [0, n) of a stored strip, n <= STRIP_DEPTH -> operand [n][STRIP], padded with zeros to an even number of rows. ahead: memory laid
 * out like b to be fetched meanwhile, or b itself. */
typedef void (*operand_fn)(const char *b, const char *ahead, size_t n, void *to);

enum { ATTN_DIRECT_ROWS = 8 };

typedef struct attn_fast {
    const char *name;
    size_t bytes; /* of an element of an operand */
    bool shrinks; /* multiply and direct[] heed strip_args.shrink */
    /* x[n] as an F16 cache holds it in kv_view.pairs -> halves, before they are paired. NULL: operands are no pairs. */
    void (*halves)(const float *x, size_t n, uint16_t *to);
    /* x[n] times scale -> a row of the left operand, [STRIP_DEPTH], n <= STRIP_DEPTH, padded to an even number. */
    void (*row)(const float *x, float scale, size_t n, void *to);
    operand_fn strip[STRIP_KINDS];
    /* For each row r: scores s[r][lo, hi) of a step become a row w[r][ATTN_SPLIT] of the left operand, 0 where no score is; sums go to
     * lane[r][i mod ATTN_LANES]. Raises max[r] first; shrink[r] is the factor by which the lanes shrank and y is to shrink, 1
     * mostly. w may be s where elements are floats. */
    void (*weigh)(const float *s, void *w, uint32_t rows, uint32_t lo, uint32_t hi, float *max, float *lane, float *shrink);
    /* As vector_kernels.strip[], with operands on both sides; NULL: they are floats, and strip[STRIP_F32] serves. */
    strip_fn multiply;
    /* The same of a strip as it is stored, its rows [from, to) rounded on the way: for at most ATTN_DIRECT_ROWS rows, that would use an
     * operand only once. NULL: operands are made for them too. */
    strip_fn direct[STRIP_KINDS];
} attn_fast;

const attn_fast *attn_fast_for(cpu_isa isa);
#endif
