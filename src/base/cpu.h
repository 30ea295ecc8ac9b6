/* What this processor can do, asked once. PINGTI_ISA=scalar|avx2|avxvnni|avx512|avx512vnni|avx512bf16|neon|dotprod|i8mm in the environment
 * lowers the choice (tests run every level the machine has). */
#ifndef PINGTI_BASE_CPU_H
#define PINGTI_BASE_CPU_H
#include <stdbool.h>

/* Each architecture's levels ascend; those of another are never had. */
typedef enum cpu_isa {
    CPU_SCALAR,
    CPU_AVX2, CPU_AVXVNNI, CPU_AVX512, CPU_AVX512VNNI, CPU_AVX512BF16, /* x86-64 */
    CPU_NEON, CPU_DOTPROD, CPU_I8MM,                                   /* aarch64 */
    CPU_ISA_COUNT
} cpu_isa;

bool cpu_has_isa(cpu_isa isa);          /* this machine can run it */
cpu_isa cpu_best_isa(void);             /* what the hardware and the operating system allow */
cpu_isa cpu_chosen_isa(void);           /* the same, lowered by PINGTI_ISA */
bool cpu_has_bf16(void);                /* products of bfloat16 in one instruction */
const char *cpu_isa_name(cpu_isa isa);
bool cpu_isa_from_name(const char *name, cpu_isa *isa);
const char *cpu_model_name(void);       /* as the system reports it, or "unknown" */
int cpu_count(void);                    /* processors this process may run on */
unsigned long long cpu_memory_bytes(void);      /* physical memory, lowered by a control group's limit */
unsigned long long cpu_memory_available(void);  /* what could be allocated now without swapping */
#endif
