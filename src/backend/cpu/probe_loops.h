/* The loops that measure a machine, one table per instruction set, like the kernels. They do nothing useful: each keeps one
 * unit of the processor as busy as it can be. */
#ifndef PINGTI_BACKEND_CPU_PROBE_LOOPS_H
#define PINGTI_BACKEND_CPU_PROBE_LOOPS_H
#include <stddef.h>
#include <stdint.h>

enum { PROBE_STREAMS = 4, PROBE_READ_STEP = PROBE_STREAMS * 128 }; /* sizes that read() takes are multiples of the step */

typedef struct probe_peak {
    uint64_t (*run)(size_t rounds); /* the result is of no use, but for keeping the loop */
    double ops;                     /* additions and multiplications of a round */
    const char *instruction;
} probe_peak;

typedef struct probe_loops {
    uint64_t (*read)(const void *memory, size_t bytes); /* every byte once, in PROBE_STREAMS streams side by side */
    probe_peak f32, bf16, int8;
} probe_loops;

/* The fastest that this machine has, lowered by PINGTI_ISA. */
probe_loops probe_loops_chosen(void);

extern const probe_loops probe_plain; /* C alone */
#if defined(__x86_64__)
extern const probe_loops probe_avx2_loops, probe_avx512_loops, probe_avx512vnni_loops;
extern const probe_peak probe_avxvnni_int8, probe_avx512bf16;
#elif defined(__aarch64__)
extern const probe_loops probe_neon_loops;
extern const probe_peak probe_dotprod_int8, probe_i8mm_int8, probe_bf16mm_bf16;
#endif
#endif
