/* The tables of vector.h and attn_fast.h on x86-64; for vector.c and attn_fast.c alone. */
#ifndef PINGTI_BACKEND_CPU_X86_VECTOR_X86_H
#define PINGTI_BACKEND_CPU_X86_VECTOR_X86_H
#include "backend/cpu/attn_fast.h"

extern const vector_kernels vector_avx2, vector_avx512;
extern const attn_fast attn_fast_avx2, attn_fast_avx512, attn_fast_avx512bf16;
#endif
