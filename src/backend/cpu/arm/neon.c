#include "backend/cpu/arm/arm.h"
#include "backend/cpu/panel_impl.h"
#include <arm_neon.h>
#include <math.h>
#include <string.h>

#define NAME(x) neon_##x
#define KERNELS_NAME "neon"
#define PANEL_PREFIX neon
#include "backend/cpu/arm/v_neon.inc"
#include "backend/cpu/f32.inc"
#include "backend/cpu/arm/convert_neon.inc"
#include "backend/cpu/table.inc"
#include "backend/cpu/arm/panel_neon.inc"
#include "backend/cpu/panel_tile.inc"
