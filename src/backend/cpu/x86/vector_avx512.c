#include "backend/cpu/x86/vector_x86.h"
#include "tensor/quant.h"
#include "tensor/vmath.h"
#include <immintrin.h>
#include <string.h>

#define VECTOR_TABLE vector_avx512
#define VECTOR_NAME "avx512"
#include "backend/cpu/x86/vector512.inc"
#include "backend/cpu/vector_strip.inc"
#include "backend/cpu/x86/vector_transpose.inc"
#include "backend/cpu/vector_rows.inc"
