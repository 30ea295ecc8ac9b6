#include "backend/cpu/x86/vector_x86.h"
#include "tensor/vmath.h"
#include <immintrin.h>
#include <string.h>

#define FAST_TABLE attn_fast_avx2
#define FAST_NAME "avx2"
#include "backend/cpu/x86/vector256.inc"
#include "backend/cpu/attn_fast_f32.inc"
