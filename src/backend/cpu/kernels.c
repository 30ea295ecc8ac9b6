#include "backend/cpu/kernels.h"
#include "backend/cpu/panel_impl.h"
#include <math.h>
#include <pthread.h>
#if defined(__x86_64__)
#include "backend/cpu/x86/x86.h"
#elif defined(__aarch64__)
#include "backend/cpu/arm/arm.h"
#endif

/* The order of an exact product: lane j of 32 takes the elements i = j mod 32 in order of i, lanes are folded in halves. */
static float dot_f32_1(const float *a, const float *b, size_t n) {
    float lane[32] = { 0 };
    size_t i = 0;
    for (; i + 32 <= n; i += 32)
        for (int j = 0; j < 32; j++) lane[j] = fmaf(a[i + j], b[i + j], lane[j]);
    for (int j = 0; i < n; i++, j++) lane[j] = fmaf(a[i], b[i], lane[j]);
    for (int half = 16; half; half /= 2)
        for (int j = 0; j < half; j++) lane[j] += lane[j + half];
    return lane[0];
}

static void dot_f32(const float *w, const float *const *x, size_t n_x, size_t n, float *y) {
    for (size_t i = 0; i < n_x; i++) y[i] = dot_f32_1(w, x[i], n);
}

static void axpy_f32(float a, const float *x, float *y, size_t n) {
    for (size_t i = 0; i < n; i++) y[i] = fmaf(a, x[i], y[i]);
}

static void act_bf16(const float *x, size_t n, void *out) {
    uint16_t *h = out;
    for (size_t i = 0; i < n; i++) h[i] = bf16_flushed(f32_to_bf16(x[i]));
    if (n % 2) h[n] = 0;
}

static const cpu_kernels scalar = {
    .name = "scalar",
    .act_q8 = act_q8_from_f32,
    .act_bf16 = act_bf16,
    .dot_f32 = dot_f32,
    .dot_f32_1 = dot_f32_1,
    .axpy_f32 = axpy_f32,
};

static cpu_kernels tables[CPU_ISA_COUNT];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void complete(cpu_kernels *k) {
    for (int t = 0; t < DTYPE_COUNT; t++) {
        if (!k->to_f32[t]) k->to_f32[t] = quant_of((dtype)t)->to_f32;
    }
}

static void complete_tables(void) {
    for (int isa = 0; isa < CPU_ISA_COUNT; isa++) tables[isa] = scalar;
#if defined(__x86_64__)
    tables[CPU_AVX2] = avx2_kernels;
    tables[CPU_AVXVNNI] = avxvnni_kernels;
    tables[CPU_AVX512] = avx512_kernels;
    tables[CPU_AVX512VNNI] = avx512vnni_kernels;
    tables[CPU_AVX512BF16] = avx512bf16_kernels;
#elif defined(__aarch64__)
    for (int isa = CPU_NEON; isa <= CPU_I8MM; isa++) {
        tables[isa] = neon_kernels;
        tables[isa].name = cpu_isa_name((cpu_isa)isa);
    }
#endif
    for (int isa = 0; isa < CPU_ISA_COUNT; isa++) complete(&tables[isa]);
}

const cpu_kernels *cpu_kernels_for(cpu_isa isa) {
    pthread_once(&once, complete_tables);
    return &tables[isa];
}

const cpu_kernels *cpu_kernels_scalar(void) { return cpu_kernels_for(CPU_SCALAR); }

const panel_kernels *panel_kernels_for(cpu_isa isa) {
    static const panel_kernels *const all[CPU_ISA_COUNT] = {
        [CPU_SCALAR] = &scalar_panel_kernels,
#if defined(__x86_64__)
        [CPU_AVX2] = &avx2_panel_kernels, [CPU_AVXVNNI] = &avxvnni_panel_kernels, [CPU_AVX512] = &avx512_panel_kernels,
        [CPU_AVX512VNNI] = &avx512vnni_panel_kernels, [CPU_AVX512BF16] = &avx512bf16_panel_kernels,
#elif defined(__aarch64__)
        [CPU_NEON] = &neon_panel_kernels, [CPU_DOTPROD] = &dotprod_panel_kernels, [CPU_I8MM] = &i8mm_panel_kernels,
#endif
    };
    return all[isa];
}
