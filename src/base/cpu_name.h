/* The processor's name from the text of /proc/cpuinfo: x86 states it; aarch64 states numbers of implementer and part, which are looked up,
 * one for every kind of core ("Cortex-A76 + Cortex-A55"). Pure but for the reading. */
#ifndef PINGTI_BASE_CPU_NAME_H
#define PINGTI_BASE_CPU_NAME_H
#include <stdbool.h>
#include <stdio.h>

/* False: the text names no processor, and out is left alone. */
bool cpu_name_read(FILE *cpuinfo, char *out, size_t cap);
#endif
