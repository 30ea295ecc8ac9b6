/* The inner loops, one table per instruction set. Every entry equals its scalar definition bit for bit: sums have one fixed
 * order that vector registers can follow (see tensor/quant.h and kernels.c). Where the result is NaN it is NaN in all of them, but its
 * payload may differ (F16C makes f16 NaNs quiet). A returned table is complete. */
#ifndef PINGTI_BACKEND_CPU_KERNELS_H
#define PINGTI_BACKEND_CPU_KERNELS_H
#include "base/cpu.h"
#include "tensor/quant.h"

typedef struct cpu_kernels {
    const char *name;
    void (*act_q8)(const float *x, size_t n, act_q8 *out);
    void (*act_bf16)(const float *x, size_t n, void *out); /* bfloat16, subnormals flushed; a zero more when n is odd */
    quant_to_f32_fn to_f32[DTYPE_COUNT];
    /* Exact products of one f32 weight row with n_x rows. */
    void (*dot_f32)(const float *w, const float *const *x, size_t n_x, size_t n, float *y);
    float (*dot_f32_1)(const float *a, const float *b, size_t n);
    void (*axpy_f32)(float a, const float *x, float *y, size_t n); /* y[i] = fma(a, x[i], y[i]) */
} cpu_kernels;

const cpu_kernels *cpu_kernels_scalar(void);
const cpu_kernels *cpu_kernels_for(cpu_isa isa);
#endif
