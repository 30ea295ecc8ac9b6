#include "backend/cpu/panel_impl.h"
#include <arm_neon.h>
#include <string.h>

#define PANEL_PREFIX neon
#include "backend/cpu/arm/panel_neon.inc"
#include "backend/cpu/panel_tile.inc"
