#include "backend/cpu/probe_loops.h"
#include <immintrin.h>

#define NAME(x) probe_avx512_##x
#include "backend/cpu/x86/probe_512.inc"
#define DOT8(n) "vpmaddubsw %1, %1, %0\n\tvpmaddwd %2, %0, %0\n\tvpaddd %0, " R(n) ", " R(n) "\n\t"
#define DOT8_NAME "vpmaddubsw, vpmaddwd, vpaddd"
#include "backend/cpu/x86/probe.inc"
