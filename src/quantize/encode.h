/* Encoders that look for the scales with the least weighted error, instead of taking them from the largest value: K-quants, IQ4, and with
 * an importance matrix the formats of 32. What they minimise is sum w (x - x')^2 with weights close to llama.cpp's published rules (x of a
 * block, v importance of a column):
 *            without a matrix                      with one
 *   Q4_K, Q5_K  sqrt(mean x^2) + |x|               v sqrt(s + x^2), s twice the mean of x^2 in the super-block
 *   Q6_K        x^2                                v
 *   IQ4         sqrt(s + x^2)                      v sqrt(s + x^2), s as above
 *   Q4_0 Q4_1 Q5_0 Q5_1  (the format's own rule)   v sqrt(s + x^2), s the mean of x^2 in the row
 * Sixteen blocks are searched side by side, one in each lane of a vector; a lane never sees another, and nothing is contracted, so
 * every instruction set gives the same bytes. Pure functions, any thread. */
#ifndef PINGTI_QUANTIZE_ENCODE_H
#define PINGTI_QUANTIZE_ENCODE_H
#include "base/cpu.h"
#include "tensor/dtype.h"
#include <stddef.h>

/* x[rows, cols] as blocks; weight[cols] or NULL. */
typedef void (*encode_fn)(const float *x, const float *weight, uint64_t rows, uint64_t cols, void *out);

typedef struct encoders {
    encode_fn q4_k, q5_k, q6_k, iq4_xs, iq4_nl, q4_0, q4_1, q5_0, q5_1;
    encode_fn own_q4_0, own_q4_1, own_q5_0, own_q5_1, own_q8_0; /* by the format's own rule, to the bytes of tensor/quant.h */
} encoders;

/* NULL: the format's encoder in tensor/quant.h serves, and an importance changes nothing. */
encode_fn encode_find(dtype t, bool weighted);
encode_fn encode_find_for(cpu_isa isa, dtype t, bool weighted); /* as that instruction set computes it, for tests */
bool encode_exists(dtype t); /* by either */

extern const encoders encoders_plain;
#if defined(__x86_64__)
extern const encoders encoders_avx2, encoders_avx512;
#endif
#endif
