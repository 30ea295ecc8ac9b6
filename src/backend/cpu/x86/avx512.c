#include "backend/cpu/x86/x86.h"
#include <immintrin.h>
#include <math.h>
#include <string.h>

#define NAME(x) avx512_##x
#define KERNELS_NAME "avx512"
#include "backend/cpu/x86/v512.inc"
#include "backend/cpu/x86/f32.inc"
#include "backend/cpu/x86/int8.inc"
#include "backend/cpu/x86/convert.inc"
#include "backend/cpu/x86/table.inc"
