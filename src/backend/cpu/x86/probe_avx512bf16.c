/* The bf16 products of AVX512-BF16. */
#include "backend/cpu/probe_loops.h"
#include <immintrin.h>

#include "backend/cpu/x86/probe_512.inc"

#define DOT(n) "vdpbf16ps %1, %1, " R(n) "\n\t"
CHAIN_LOOP(bf16, DOT)

const probe_peak probe_avx512bf16 = { bf16, CHAINS * WIDTH / 2 * 2.0, "vdpbf16ps zmm" };
