/* The byte products of processors that have VNNI without AVX-512. */
#include "backend/cpu/probe_loops.h"
#include <immintrin.h>

#include "backend/cpu/x86/probe_256.inc"

#define DOT(n) "%{vex%} vpdpbusd %1, %1, " R(n) "\n\t"
CHAIN_LOOP(int8, DOT)

const probe_peak probe_avxvnni_int8 = { int8, CHAINS * WIDTH * 2.0, "vpdpbusd ymm" };
