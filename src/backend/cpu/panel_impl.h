/* The panel tables of this build, for kernels.c and the files that define one each. */
#ifndef PINGTI_BACKEND_CPU_PANEL_IMPL_H
#define PINGTI_BACKEND_CPU_PANEL_IMPL_H
#include "backend/cpu/panel.h"

extern const panel_kernels scalar_panel_kernels, avx2_panel_kernels, avxvnni_panel_kernels, avx512_panel_kernels, avx512vnni_panel_kernels,
    avx512bf16_panel_kernels, neon_panel_kernels, dotprod_panel_kernels, i8mm_panel_kernels;
#endif
