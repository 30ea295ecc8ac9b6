#include "base/cpu.h"
#include "base/cgroup.h"
#include "base/cpu_name.h"
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

static const char *const isa_names[CPU_ISA_COUNT] = { "scalar", "avx2", "avxvnni", "avx512", "avx512vnni", "avx512bf16", "neon", "dotprod", "i8mm" };

#if defined(__x86_64__)
/* Bit of a register of CPUID leaf 7, subleaf 1 (EAX): 4 AVX-VNNI, 5 AVX512-BF16. */
static bool leaf7_1(int bit) {
    unsigned a = 0, b, c, d;
    return __get_cpuid_count(7, 1, &a, &b, &c, &d) && a >> bit & 1;
}

static bool has_avx2(void) {
    unsigned a, b, c = 0, d; /* clang 14 cannot be asked for F16C by name */
    bool f16c = __get_cpuid(1, &a, &b, &c, &d) && (c & bit_F16C);
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && f16c;
}

static bool has_avx512(void) {
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
}
#endif

static bool ask_isa(cpu_isa isa) {
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (isa == CPU_SCALAR) return true;
    if (!has_avx2()) return false;
    switch (isa) {
    case CPU_AVX2: return true;
    case CPU_AVXVNNI: return leaf7_1(4);
    case CPU_AVX512: return has_avx512();
    case CPU_AVX512VNNI: return has_avx512() && __builtin_cpu_supports("avx512vnni");
    default: return isa == CPU_AVX512BF16 && has_avx512() && __builtin_cpu_supports("avx512vnni") && leaf7_1(5);
    }
#elif defined(__aarch64__)
    bool neon = getauxval(AT_HWCAP) & HWCAP_ASIMD, dotprod = neon && getauxval(AT_HWCAP) & HWCAP_ASIMDDP;
    switch (isa) {
    case CPU_SCALAR: return true;
    case CPU_NEON: return neon;
    case CPU_DOTPROD: return dotprod;
    default: return isa == CPU_I8MM && dotprod && getauxval(AT_HWCAP2) & HWCAP2_I8MM;
    }
#else
    return isa == CPU_SCALAR;
#endif
}

bool cpu_has_bf16(void) {
#if defined(__x86_64__)
    return cpu_has_isa(CPU_AVX512BF16);
#elif defined(__aarch64__)
    return getauxval(AT_HWCAP2) & HWCAP2_BF16;
#else
    return false;
#endif
}

static bool has[CPU_ISA_COUNT];
static pthread_once_t isa_once = PTHREAD_ONCE_INIT;

/* Every kernel call asks which instruction set to use, and CPUID traps in a virtual machine: some microseconds each time. */
static void ask_all(void) {
    for (int i = 0; i < CPU_ISA_COUNT; i++) has[i] = ask_isa((cpu_isa)i);
}

bool cpu_has_isa(cpu_isa isa) {
    pthread_once(&isa_once, ask_all);
    return (unsigned)isa < CPU_ISA_COUNT && has[isa];
}

cpu_isa cpu_best_isa(void) {
    int isa = CPU_ISA_COUNT - 1;
    while (!cpu_has_isa((cpu_isa)isa)) isa--;
    return (cpu_isa)isa;
}

const char *cpu_isa_name(cpu_isa isa) { return isa < CPU_ISA_COUNT ? isa_names[isa] : "unknown"; }

bool cpu_isa_from_name(const char *name, cpu_isa *isa) {
    for (int i = 0; i < CPU_ISA_COUNT; i++)
        if (strcmp(name, isa_names[i]) == 0) return *isa = (cpu_isa)i, true;
    return false;
}

cpu_isa cpu_chosen_isa(void) {
    cpu_isa best = cpu_best_isa(), wanted;
    const char *name = getenv("PINGTI_ISA");
    return name && cpu_isa_from_name(name, &wanted) && wanted < best && cpu_has_isa(wanted) ? wanted : best;
}

static char model_name[256] = "unknown";
static pthread_once_t model_once = PTHREAD_ONCE_INIT;

/* What a board calls itself, where the system describes it by a device tree. */
static void add_board(void) {
    char board[64] = "";
    size_t n = strlen(model_name);
    FILE *f = fopen("/sys/firmware/devicetree/base/model", "r");
    if (f && fgets(board, sizeof board, f) && *board) snprintf(model_name + n, sizeof model_name - n, " (%.60s)", board);
    if (f) fclose(f);
}

static void read_model_name(void) {
    FILE *f = fopen("/proc/cpuinfo", "r");
    if (!f) return;
    if (cpu_name_read(f, model_name, sizeof model_name)) add_board();
    fclose(f);
}

const char *cpu_model_name(void) {
    pthread_once(&model_once, read_model_name);
    return model_name;
}

int cpu_count(void) {
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) return CPU_COUNT(&set);
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n > 0 ? (int)n : 1;
}

unsigned long long cpu_memory_bytes(void) {
    unsigned long long all = (unsigned long long)sysconf(_SC_PHYS_PAGES) * (unsigned long long)sysconf(_SC_PAGESIZE);
    cgroup_memory group = cgroup_memory_now();
    return group.limit < all ? group.limit : all;
}

unsigned long long cpu_memory_available(void) {
    FILE *f = fopen("/proc/meminfo", "r");
    unsigned long long kib = 0, here = cpu_memory_bytes();
    cgroup_memory group = cgroup_memory_now();
    char line[128];
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "MemAvailable: %llu kB", &kib) == 1) break;
    if (f) fclose(f);
    if (group.available < here) here = group.available;
    return kib && kib * 1024 < here ? kib * 1024 : here;
}
