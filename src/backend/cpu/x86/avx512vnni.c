#include "backend/cpu/x86/x86.h"
#include <immintrin.h>
#include <math.h>
#include <string.h>

#define NAME(x) avx512vnni_##x
#define KERNELS_NAME "avx512vnni"
#define PANEL_PREFIX avx512vnni
#include "backend/cpu/x86/v512.inc"
#include "backend/cpu/f32.inc"
#include "backend/cpu/x86/convert.inc"
#include "backend/cpu/table.inc"
#include "backend/cpu/x86/panel_v512.inc"
#include "backend/cpu/panel_tile.inc"
