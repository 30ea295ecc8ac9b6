#include "backend/cpu/probe_loops.h"
#include "base/cpu.h"
#include <string.h>

enum { LANES = 64 };

/* memcpy keeps the reads legal for any memory; with two sums a stream no sum is waited for. */
static uint64_t plain_read(const void *memory, size_t bytes) {
    size_t part = bytes / PROBE_STREAMS;
    const char *p = memory;
    uint64_t sum[PROBE_STREAMS][2] = { { 0 } }, v[2];
    for (size_t i = 0; i < part; i += sizeof v)
        for (int s = 0; s < PROBE_STREAMS; s++) {
            memcpy(v, p + (size_t)s * part + i, sizeof v);
            sum[s][0] |= v[0];
            sum[s][1] |= v[1];
        }
    return sum[0][0] | sum[0][1] | sum[1][0] | sum[1][1] | sum[2][0] | sum[2][1] | sum[3][0] | sum[3][1];
}

/* A sum that the compiler cannot foresee; vectors of the machine's baseline are the compiler's affair. */
static uint64_t plain_f32(size_t rounds) {
    float sum[LANES], x[LANES];
    for (int j = 0; j < LANES; j++) sum[j] = (float)j, x[j] = 0x1p-20f * (float)(j + 1);
    for (size_t i = 0; i < rounds; i++) {
        __asm__ volatile("" : : "r"(x) : "memory");
        for (int j = 0; j < LANES; j++) sum[j] += x[j] * 0.5f;
    }
    uint64_t any = 0;
    for (int j = 0; j < LANES; j++) any |= (uint64_t)sum[j];
    return any;
}

static uint64_t plain_int8(size_t rounds) {
    int32_t sum = 0;
    int8_t x[LANES], y[LANES];
    for (int j = 0; j < LANES; j++) x[j] = (int8_t)j, y[j] = (int8_t)(j - 3);
    for (size_t i = 0; i < rounds; i++) {
        __asm__ volatile("" : : "r"(x), "r"(y) : "memory");
        for (int j = 0; j < LANES; j++) sum += (int32_t)x[j] * (int32_t)y[j];
        sum &= 0xffff; /* an int8 product has no such bound, but a sum without an end overflows */
    }
    return (uint32_t)sum;
}

const probe_loops probe_plain = {
    .read = plain_read,
    .f32 = { plain_f32, LANES * 2.0, "C" },
    .bf16 = { plain_f32, LANES * 2.0, "C, as f32" },
    .int8 = { plain_int8, LANES * 2.0, "C" },
};

probe_loops probe_loops_chosen(void) {
    probe_loops l = probe_plain;
    cpu_isa isa = cpu_chosen_isa();
#if defined(__x86_64__)
    if (isa != CPU_SCALAR) l = isa >= CPU_AVX512VNNI ? probe_avx512vnni_loops : isa == CPU_AVX512 ? probe_avx512_loops : probe_avx2_loops;
    if (isa == CPU_AVXVNNI) l.int8 = probe_avxvnni_int8;
    if (isa == CPU_AVX512BF16) l.bf16 = probe_avx512bf16;
#elif defined(__aarch64__)
    if (isa != CPU_SCALAR) l = probe_neon_loops;
    if (isa == CPU_DOTPROD) l.int8 = probe_dotprod_int8;
    if (isa == CPU_I8MM) l.int8 = probe_i8mm_int8;
    if (isa == CPU_I8MM && cpu_has_bf16()) l.bf16 = probe_bf16mm_bf16;
#endif
    return (void)isa, l;
}
