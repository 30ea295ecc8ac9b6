/* What each instruction set's file includes before the kernels; the tables are for kernels.c alone. */
#ifndef PINGTI_BACKEND_CPU_X86_X86_H
#define PINGTI_BACKEND_CPU_X86_X86_H
#include "backend/cpu/kernels.h"
#include "backend/cpu/panel_impl.h"
#include "tensor/quant/superblock.h"

extern const cpu_kernels avx2_kernels, avxvnni_kernels, avx512_kernels, avx512vnni_kernels, avx512bf16_kernels;
#endif
