#include "backend/cpu/arm/arm.h"
#include "tensor/vmath.h"
#include <arm_neon.h>
#include <string.h>

#define FAST_TABLE attn_fast_neon
#define FAST_NAME "neon"
#include "backend/cpu/arm/vector_neon.inc"
#include "backend/cpu/attn_fast_f32.inc"
