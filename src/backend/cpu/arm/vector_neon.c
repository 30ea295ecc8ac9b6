#include "backend/cpu/arm/arm.h"
#include "tensor/quant.h"
#include "tensor/vmath.h"
#include <arm_neon.h>
#include <string.h>

#define VECTOR_TABLE vector_neon
#define VECTOR_NAME "neon"
#include "backend/cpu/arm/vector_neon.inc"
#include "backend/cpu/vector_strip.inc"
#include "backend/cpu/arm/vector_transpose_neon.inc"
#include "backend/cpu/vector_rows.inc"
