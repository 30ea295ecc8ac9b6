/* The products of bfloat16 matrices: 2 x 4 by 4 x 2. */
#include "backend/cpu/probe_loops.h"
#include "backend/cpu/arm/probe_neon.inc"

#define DOT(n) "bfmmla v" #n ".4s, %1.8h, %1.8h\n\t"
CHAIN_LOOP(bf16, DOT)

const probe_peak probe_bf16mm_bf16 = { bf16, CHAINS * 16 * 2.0, "bfmmla" };
