/* Conversions and exact products of every instruction set of this machine against the scalar definition, bit for bit: random blocks and
 * rows, all lengths, weights at odd addresses. Products with panels of weights are in test_panels.c. */
#include "unit/check.h"
#include "backend/cpu/kernels.h"
#include "base/mem.h"
#include "base/rng.h"
#include <math.h>

enum { MAX_N = 1024 };

static uint64_t draws;
static uint32_t below(uint32_t n) { return (uint32_t)(rng_uniform(3, draws++, 0) * n); }
static float value(void) { return (float)((rng_uniform(5, draws++, 0) - 0.5) * (below(8) ? 2 : 300)); }

static size_t length_for(dtype t) {
    size_t block = (size_t)dtype_block_elems(t) < 32 ? 32 : (size_t)dtype_block_elems(t);
    return block * (1 + below((uint32_t)(MAX_N / block)));
}

/* Random bytes are a legal row of any block format, but for scales that are not finite. */
static void random_row(dtype t, size_t n, uint8_t *row) {
    uint64_t bytes;
    float *f = mem_must(n, sizeof *f);
    dtype_row_bytes(t, n, &bytes);
    do {
        for (uint64_t i = 0; i < bytes; i++) row[i] = (uint8_t)below(256);
        quant_of(t)->to_f32(row, f, n);
        bool finite = true;
        for (size_t i = 0; i < n; i++) finite &= f[i] - f[i] == 0;
        if (finite) break;
        for (uint64_t b = 0; b < bytes; b += dtype_block_bytes(t)) /* tame the exponents of every f16 or bf16 that may stand there */
            for (uint64_t i = 1; i < dtype_block_bytes(t); i += 2) row[b + i] &= 0xbb;
        quant_of(t)->to_f32(row, f, n);
        finite = true;
        for (size_t i = 0; i < n; i++) finite &= f[i] - f[i] == 0;
        if (finite) break;
    } while (true);
    free(f);
}

static void same(const void *a, const void *b, size_t n, const cpu_kernels *k, dtype t, const char *what) {
    if (memcmp(a, b, n) != 0) fail_msg("%s of %s differs from the scalar definition on %s", what, dtype_name(t), k->name);
}

static void one_format(const cpu_kernels *k, dtype t) {
    static uint8_t memory[MAX_N * 4 + 8];
    static float want[MAX_N], got[MAX_N];
    size_t n = length_for(t), odd = below(4);
    random_row(t, n, memory + odd);
    quant_of(t)->to_f32(memory + odd, want, n);
    k->to_f32[t](memory + odd, got, n);
    same(want, got, n * sizeof *got, k, t, "unpacking");
}

static void activations_and_floats(const cpu_kernels *k) {
    static float x[MAX_N], y[MAX_N], z[MAX_N];
    static _Alignas(64) uint8_t m1[8 * MAX_N], m2[8 * MAX_N];
    const cpu_kernels *s = cpu_kernels_scalar();
    size_t n = 1 + below(MAX_N);
    const float *rows[1] = { y };
    for (size_t i = 0; i < n; i++) x[i] = value(), z[i] = y[i] = value();
    if (below(4) == 0) memset(x, 0, 32 * sizeof *x);
    act_q8 a = act_q8_at(m1, n), b = act_q8_at(m2, n);
    s->act_q8(x, n, &a);
    k->act_q8(x, n, &b);
    same(m1, m2, act_q8_bytes(n), k, DTYPE_F32, "the activations");
    memset(m1, 0, sizeof m1), memset(m2, 0, sizeof m2);
    s->act_bf16(x, n, m1);
    k->act_bf16(x, n, m2);
    same(m1, m2, 2 * n + 2, k, DTYPE_BF16, "the bfloat16 activations");
    float want = s->dot_f32_1(x, y, n), got = k->dot_f32_1(x, y, n), row;
    same(&want, &got, sizeof got, k, DTYPE_F32, "the product");
    k->dot_f32(x, rows, 1, n, &row);
    same(&want, &row, sizeof row, k, DTYPE_F32, "the product of rows");
    s->axpy_f32(0.37f, x, y, n);
    k->axpy_f32(0.37f, x, z, n);
    same(y, z, n * sizeof *y, k, DTYPE_F32, "the scaled sum");
}

/* Blocks whose scale is no ordinary number: q stays within [-127, 127], and what is not finite shows in every product. */
static void odd_activations(void **state) {
    (void)state;
    const float odd[] = { 0.0f, -0.0f, 0x1p-149f, 1e-40f, 1e-37f, ACT_TINY, -ACT_TINY, 0x1p-119f, 3e38f, INFINITY, -INFINITY, NAN, 1e-20f };
    static _Alignas(64) uint8_t m1[512], m2[512];
    float x[70], w[64];
    uint8_t stored[68];
    for (int i = 0; i < 64; i++) w[i] = (float)(i * 7 % 61 - 30);
    quant_of(DTYPE_Q8_0)->from_f32(w, stored, 64);
    for (int isa = CPU_SCALAR; isa < CPU_ISA_COUNT; isa++) {
        if (!cpu_has_isa((cpu_isa)isa)) continue;
        const cpu_kernels *k = cpu_kernels_for((cpu_isa)isa);
        for (size_t c = 0; c < 4 * sizeof odd / sizeof *odd; c++) {
            float v = odd[c / 4];
            size_t n = c % 2 ? 64 : 43; /* the odd value in a whole block or in the padded one */
            for (size_t i = 0; i < n; i++) x[i] = c & 2 ? value() : v;
            x[c % 2 ? 5 : 40] = v;
            memset(m1, 0, sizeof m1), memset(m2, 0, sizeof m2);
            act_q8 a = act_q8_at(m1, n), b = act_q8_at(m2, n);
            act_q8_from_f32(x, n, &a);
            k->act_q8(x, n, &b);
            same(m1, m2, sizeof m1, k, DTYPE_F32, "an odd block of activations");
            for (size_t i = 0; i < b.n; i++) assert_true(b.block[i / ACT_BLOCK].q[i % ACT_BLOCK] >= -127);
            float y = quant_of(DTYPE_Q8_0)->dot(stored, &b, 64);
            assert_int_equal(isnan(y) != 0, v - v != 0);
            k->act_bf16(x, n, m1);
            for (size_t i = 0; i < n; i++) assert_int_equal(((uint16_t *)(void *)m1)[i], bf16_flushed(f32_to_bf16(x[i])));
        }
    }
}

/* What random numbers do not meet: values halfway between two, NaN with any payload, products that underflow, ends of rows. */
static void rare_values(void **state) {
    (void)state;
    static const uint32_t odd[] = { 0x7f800001, 0x7fffffff, 0xff800001, 0x7fc01234, 0x3f808000, 0x3f818000, 0xbf80ffff, 0x7f7fffff, 0x00007fff, 0x00408000, 0x80000001, 0x3f7fffff };
    const cpu_kernels *s = cpu_kernels_scalar();
    for (int isa = CPU_SCALAR; isa < CPU_ISA_COUNT; isa++) {
        if (!cpu_has_isa((cpu_isa)isa)) continue;
        const cpu_kernels *k = cpu_kernels_for((cpu_isa)isa);
        static _Alignas(64) uint8_t m1[1024], m2[1024];
        float x[128], y[128];
        for (int i = 0; i < 128; i++) x[i] = (float)(i * 2 - 126) + (i % 3 ? 0.5f : 0); /* the largest is 127 in some blocks: scale 1 */
        for (int i = 0; i < 128; i += 32) x[i] = 127;
        act_q8 a = act_q8_at(m1, 128), b = act_q8_at(m2, 128);
        s->act_q8(x, 128, &a);
        k->act_q8(x, 128, &b);
        same(m1, m2, act_q8_bytes(128), k, DTYPE_F32, "activations halfway between two");
        for (size_t n = 1; n < 40; n++) {
            for (size_t i = 0; i < n; i++) memcpy(&x[i], &odd[below(sizeof odd / sizeof *odd)], 4);
            memset(m1, 0xee, sizeof m1), memset(m2, 0xee, sizeof m2);
            s->act_bf16(x, n, m1);
            k->act_bf16(x, n, m2);
            same(m1, m2, sizeof m1, k, DTYPE_BF16, "rare bfloat16 activations");
            for (int t = DTYPE_F16; t <= DTYPE_BF16; t++) {
                uint8_t row[80];
                for (size_t i = 0; i < sizeof row; i++) row[i] = (uint8_t)(below(256) & 0xbb);
                memset(x, 0, sizeof x), memset(y, 0, sizeof y);
                s->to_f32[t](row, x, n);
                k->to_f32[t](row, y, n);
                same(x, y, sizeof x, k, (dtype)t, "unpacking a short row");
            }
        }
        for (size_t n = 1; n < 128; n++) {
            for (size_t i = 0; i < n; i++) x[i] = 0x1p-100f, y[i] = -0x1p-100f;
            float want = s->dot_f32_1(x, y, n), got = k->dot_f32_1(x, y, n); /* -0 where every lane has one */
            same(&want, &got, sizeof got, k, DTYPE_F32, "a product that underflows");
        }
    }
}

static void every_kernel_is_its_definition(void **state) {
    (void)state;
    for (int isa = CPU_SCALAR; isa < CPU_ISA_COUNT; isa++) {
        if (!cpu_has_isa((cpu_isa)isa)) continue;
        const cpu_kernels *k = cpu_kernels_for((cpu_isa)isa);
        for (int round = 0; round < 300; round++) {
            for (int t = 0; t < DTYPE_COUNT; t++)
                if (t != DTYPE_F8_E4M3 && t != DTYPE_F32) one_format(k, (dtype)t);
            activations_and_floats(k);
        }
        printf("%s: %d formats\n", k->name, DTYPE_COUNT);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(every_kernel_is_its_definition), cmocka_unit_test(odd_activations), cmocka_unit_test(rare_values) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
