/* The tables of vector.h on x86-64; for vector.c alone. */
#ifndef PINGTI_BACKEND_CPU_X86_VECTOR_X86_H
#define PINGTI_BACKEND_CPU_X86_VECTOR_X86_H
#include "backend/cpu/vector.h"

extern const vector_kernels vector_avx2, vector_avx512;
#endif
