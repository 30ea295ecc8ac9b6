/* The products of byte matrices: 2 x 8 by 8 x 2. */
#include "backend/cpu/probe_loops.h"
#include "backend/cpu/arm/probe_neon.inc"

#define DOT(n) "smmla v" #n ".4s, %1.16b, %1.16b\n\t"
CHAIN_LOOP(int8, DOT)

const probe_peak probe_i8mm_int8 = { int8, CHAINS * 32 * 2.0, "smmla" };
