/* The byte products of processors that have dot products. */
#include "backend/cpu/probe_loops.h"
#include "backend/cpu/arm/probe_neon.inc"

#define DOT(n) "sdot v" #n ".4s, %1.16b, %1.16b\n\t"
CHAIN_LOOP(int8, DOT)

const probe_peak probe_dotprod_int8 = { int8, CHAINS * 16 * 2.0, "sdot" };
