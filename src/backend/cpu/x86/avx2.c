#include "backend/cpu/x86/x86.h"
#include <immintrin.h>
#include <math.h>
#include <string.h>

#define NAME(x) avx2_##x
#define KERNELS_NAME "avx2"
#define PANEL_PREFIX avx2
#include "backend/cpu/x86/v256.inc"
#include "backend/cpu/f32.inc"
#include "backend/cpu/x86/convert.inc"
#include "backend/cpu/table.inc"
#include "backend/cpu/x86/panel_v256.inc"
#include "backend/cpu/panel_tile.inc"
