#include "backend/cpu/probe_loops.h"
#include <immintrin.h>

#define NAME(x) probe_avx512vnni_##x
#include "backend/cpu/x86/probe_512.inc"
#define DOT8(n) "vpdpbusd %1, %1, " R(n) "\n\t"
#define DOT8_NAME "vpdpbusd"
#include "backend/cpu/x86/probe.inc"
