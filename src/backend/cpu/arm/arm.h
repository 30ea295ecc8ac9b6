/* The tables of aarch64: conversions and vector loops for kernels.c and vector.c alone. Every aarch64 level uses those of NEON; what
 * dot products and i8mm add is for the products of panels. */
#ifndef PINGTI_BACKEND_CPU_ARM_ARM_H
#define PINGTI_BACKEND_CPU_ARM_ARM_H
#include "backend/cpu/attn_fast.h"
#include "backend/cpu/kernels.h"
#include "backend/cpu/vector.h"

extern const cpu_kernels neon_kernels;
extern const vector_kernels vector_neon;
extern const attn_fast attn_fast_neon;
#endif
