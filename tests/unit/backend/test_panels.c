/* Fast products with panels of weights, packed beforehand or unpacked for the product, on every instruction set of this machine, against the reference backend's products with the rows
 * of the file, bit for bit: every format, widths that end within a step, heights that end within a panel, one activation row to many,
 * several matrices of different formats at once, experts, biases, threads. */
#include "unit/check.h"
#include "backend/backend.h"
#include "backend/cpu/panel.h"
#include "base/mem.h"
#include "base/rng.h"
#include <math.h>
#include <stdlib.h>

static uint64_t draws;
static uint32_t below(uint32_t n) { return (uint32_t)(rng_uniform(17, draws++, 0) * n); }
static float value(void) { return (float)((rng_uniform(19, draws++, 0) - 0.5) * (below(16) ? 2 : 300)); }

/* Places of the f16 scales in a block, two at most. */
static const unsigned halves[DTYPE_COUNT][2] = { [DTYPE_Q2_K] = { 80, 82 }, [DTYPE_Q3_K] = { 108, 108 }, [DTYPE_Q6_K] = { 208, 208 }, [DTYPE_Q4_1] = { 0, 2 },
                                              [DTYPE_Q5_1] = { 0, 2 }, [DTYPE_Q4_K] = { 0, 2 }, [DTYPE_Q5_K] = { 0, 2 }, [DTYPE_IQ1_M] = { 54, 54 },
                                              [DTYPE_TQ1_0] = { 52, 52 }, [DTYPE_TQ2_0] = { 64, 64 } };

/* Random bits, but for the exponents of whatever f16 or bf16 stands in the block. */
static void random_rows(dtype t, uint8_t *p, uint64_t bytes) {
    uint64_t block = dtype_block_bytes(t);
    for (uint64_t i = 0; i < bytes; i++) p[i] = (uint8_t)below(256);
    for (uint64_t b = 0; b < bytes; b += block)
        for (int i = 0; i < 2; i++) p[b + halves[t][i] + 1] = (uint8_t)((p[b + halves[t][i] + 1] & 0x83) | (t == DTYPE_BF16 ? 0x3c : 0x2c));
    for (uint64_t b = 0; t == DTYPE_MXFP4 && b < bytes; b += block) p[b] = (uint8_t)(116 + below(8));
}

/* Where the scales stand that random_rows leaves sane. */
static bool is_half(dtype t, uint64_t i) {
    for (int h = 0; h < 2; h++)
        if (i / 2 == halves[t][h] / 2u) return true;
    return false;
}

/* fill: every byte but the scales, or -1. */
static void random_weight(weight *w, arena *mem, dtype t, uint32_t n, uint64_t rows, uint64_t cols, int fill) {
    uint64_t bytes;
    assert_true(dtype_row_bytes(t, cols, &bytes));
    uint8_t *data = arena_must(mem, n * rows, bytes);
    random_rows(t, data, n * rows * bytes);
    for (uint64_t i = 0; fill >= 0 && i < n * rows * bytes; i++)
        if (!is_half(t, i % dtype_block_bytes(t))) data[i] = (uint8_t)fill;
    *w = (weight){ .w = { .type = t, .n = n, .rows = rows, .cols = cols, .stride = bytes, .data = data }, .name = "w" };
    if (below(2)) {
        float *bias = arena_must(mem, n * rows, sizeof *bias);
        for (uint64_t i = 0; i < n * rows; i++) bias[i] = value();
        w->bias = bias;
    }
    if (below(4) == 0) {
        float *factor = arena_must(mem, n, sizeof *factor);
        for (uint32_t i = 0; i < n; i++) factor[i] = value();
        w->w.factor = factor;
    }
    if (!panel_shape_of((int)t).rows) return; /* unpacked for each product */
    uint64_t panels = panel_count(&w->w), size = panel_bytes(&w->w);
    uint8_t *packed = arena_must(mem, n * panels, size);
    for (uint32_t i = 0; i < n; i++) panel_pack(&w->w, i, 0, panels, packed + i * panels * size);
    w->w.packed = packed;
}

static tensor *rows_of(arena *mem, uint64_t rows, uint64_t cols) {
    tensor *t = arena_must(mem, 1, sizeof *t);
    *t = tensor_view_f32(arena_must(mem, rows, cols * sizeof(float)), rows, cols);
    for (uint64_t i = 0; i < rows * cols; i++) ((float *)t->data)[i] = value();
    return t;
}

static void same(const tensor *want, const tensor *got, const char *isa, dtype t) {
    for (uint64_t r = 0; r < want->rows; r++)
        for (uint64_t i = 0; i < want->cols; i++) {
            float a = tensor_f32(want, r)[i], b = tensor_f32(got, r)[i];
            if (memcmp(&a, &b, sizeof a) != 0 && !(isnan(a) && isnan(b)))
                fail_msg("%s on %s: output %llu of row %llu (of %llu) is %.9g, not %.9g", dtype_name(t), isa, (unsigned long long)i, (unsigned long long)r,
                         (unsigned long long)want->rows, (double)b, (double)a);
        }
}

static bool has_panels(dtype t) { return panel_shape_of((int)t).rows || t == DTYPE_Q8_S; }

static uint64_t random_cols(dtype t) {
    uint64_t block = dtype_block_elems(t);
    if (block == 1) return 1 + below(100);
    return block * (1 + below(block == 256 ? 3 : 7));
}

static dtype random_format(bool q8) {
    dtype t;
    do t = (dtype)below(DTYPE_COUNT);
    while (!has_panels(t) || (q8 && panel_acts_of(t) != ACTS_Q8));
    return t;
}

static void linear_case(fwd *f, dtype first) {
    uint64_t cols = random_cols(first), rows = below(8) ? 1 + below(20) : 30 + below(40);
    uint32_t n = 1 + below(LINEAR_MAX);
    weight w[LINEAR_MAX];
    linear_args a = { .x = rows_of(f->mem, rows, cols), .n = n }, b;
    for (uint32_t i = 0; i < n; i++) {
        dtype t = i ? random_format(false) : first;
        if (cols % dtype_block_elems(t)) t = first;
        random_weight(&w[i], f->mem, t, 1, 1 + below(90), cols, -1);
        a.w[i] = &w[i];
        a.y[i] = rows_of(f->mem, rows, w[i].w.rows);
    }
    b = a;
    for (uint32_t i = 0; i < n; i++) b.y[i] = rows_of(f->mem, rows, w[i].w.rows);
    f->backend = backend_find("cpu");
    op_linear(f, a);
    f->backend = backend_find("cpu_ref");
    op_linear(f, b);
    for (uint32_t i = 0; i < n; i++) same(b.y[i], a.y[i], backend_kernels_name(), w[i].w.type);
}

/* Sums that are as large as they get: all weights and all activations at one end of their range. */
static void extreme_case(fwd *f, dtype t, int fill, float v) {
    uint64_t cols = 2 * dtype_block_elems(t) * (dtype_block_elems(t) < 256 ? 2 : 1), rows = 3;
    weight w;
    random_weight(&w, f->mem, t, 1, 20, cols, fill);
    linear_args a = { .x = rows_of(f->mem, rows, cols), .n = 1, .w = { &w }, .y = { rows_of(f->mem, rows, 20) } }, b = a;
    for (uint64_t i = 0; i < rows * cols; i++) ((float *)a.x->data)[i] = v;
    b.y[0] = rows_of(f->mem, rows, 20);
    f->backend = backend_find("cpu");
    op_linear(f, a);
    f->backend = backend_find("cpu_ref");
    op_linear(f, b);
    same(b.y[0], a.y[0], backend_kernels_name(), t);
}

static void moe_case(fwd *f, dtype t) {
    uint64_t cols = random_cols(t), T = 1 + below(12);
    uint32_t experts = 1 + below(5), k = 1 + below(experts), share = below(2);
    weight w[2];
    random_weight(&w[0], f->mem, t, experts, 1 + below(40), cols, -1);
    random_weight(&w[1], f->mem, t, experts, 1 + below(40), cols, -1);
    int32_t *ids = arena_must(f->mem, T * k, sizeof *ids);
    for (uint64_t i = 0; i < T * k; i++) ids[i] = (int32_t)below(experts);
    moe_linear_args a = { .x = rows_of(f->mem, share ? T : T * k, cols), .ids = ids, .top_k = k, .n = 2 }, b;
    for (int i = 0; i < 2; i++) {
        a.w[i] = &w[i];
        a.y[i] = rows_of(f->mem, T * k, w[i].w.rows);
    }
    b = a;
    for (int i = 0; i < 2; i++) b.y[i] = rows_of(f->mem, T * k, w[i].w.rows);
    f->backend = backend_find("cpu");
    op_moe_linear(f, a);
    f->backend = backend_find("cpu_ref");
    op_moe_linear(f, b);
    for (int i = 0; i < 2; i++) same(b.y[i], a.y[i], backend_kernels_name(), t);
}

static void panels_are_the_reference(void **state) {
    (void)state;
    pool *threads = pool_new(2);
    arena *mem = arena_new(0);
    for (int isa = CPU_SCALAR; isa < CPU_ISA_COUNT; isa++) {
        if (!cpu_has_isa((cpu_isa)isa)) continue;
        setenv("PINGTI_ISA", cpu_isa_name((cpu_isa)isa), 1);
        assert_string_equal(backend_kernels_name(), cpu_isa_name((cpu_isa)isa));
        for (int round = 0; round < check_rounds(60); round++)
            for (int t = 0; t < DTYPE_COUNT; t++) {
                if (!has_panels((dtype)t)) continue;
                arena_reset(mem);
                fwd f = { .mem = mem, .pool = round % 2 ? threads : NULL, .precision = PRECISION_FAST };
                linear_case(&f, (dtype)t);
                if (round % 3 == 0) moe_case(&f, (dtype)t);
            }
        for (int t = 0; t < DTYPE_COUNT; t++) {
            static const int fills[] = { 0x00, 0x7f, 0x80, 0xff, 0x77, 0x88 };
            for (size_t i = 0; panel_shape_of((dtype)t).rows && panel_acts_of((dtype)t) == ACTS_Q8 && i < 2 * sizeof fills / sizeof *fills; i++) {
                arena_reset(mem);
                extreme_case(&(fwd){ .mem = mem, .precision = PRECISION_FAST }, (dtype)t, fills[i / 2], i % 2 ? -3.0f : 3.0f);
            }
        }
        printf("%s: equal\n", cpu_isa_name((cpu_isa)isa));
    }
    unsetenv("PINGTI_ISA");
    arena_free(mem);
    pool_free(threads);
}

/* Wide rows leave room for few activation rows in a block: its last one may have one or two, for which there are no tiles of two panels. A
 * product of 8192 columns and 31 rows (Phi-3-mini, a prompt of 31 tokens) then called itself until the stack ended. */
static void bug_last_block_of_one_row(void **state) {
    (void)state;
    static const uint64_t COLS = 8192, few[] = { 31, 32, 37, 38, 43, 44 }, MOST = 44; /* blocks of 30, 36, 42 rows, whatever a row takes */
    arena *mem = arena_new(0);
    for (int isa = CPU_SCALAR; isa < CPU_ISA_COUNT; isa++) {
        if (!cpu_has_isa((cpu_isa)isa)) continue;
        setenv("PINGTI_ISA", cpu_isa_name((cpu_isa)isa), 1);
        for (int t = 0; t < DTYPE_COUNT; t++) {
            if (!panel_shape_of((dtype)t).rows) continue;
            arena_reset(mem);
            fwd f = { .mem = mem, .precision = PRECISION_FAST, .backend = backend_find("cpu") };
            weight w;
            random_weight(&w, mem, (dtype)t, 1, 2 * panel_shape_of((dtype)t).rows, COLS, -1);
            tensor *x = rows_of(mem, MOST, COLS), *all = rows_of(mem, MOST, w.w.rows);
            for (uint64_t r = 0; r < MOST; r++) { /* each row alone */
                tensor one = tensor_view_f32(tensor_f32(x, r), 1, COLS), y = tensor_view_f32(tensor_f32(all, r), 1, w.w.rows);
                op_linear(&f, (linear_args){ .y = { &y }, .x = &one, .w = { &w }, .n = 1 });
            }
            for (size_t i = 0; i < sizeof few / sizeof *few; i++) {
                uint64_t n = few[i];
                tensor some = tensor_view_f32(x->data, n, COLS), want = tensor_view_f32(all->data, n, w.w.rows), *y = rows_of(mem, n, w.w.rows);
                op_linear(&f, (linear_args){ .y = { y }, .x = &some, .w = { &w }, .n = 1 });
                same(&want, y, backend_kernels_name(), (dtype)t);
            }
        }
    }
    unsetenv("PINGTI_ISA");
    arena_free(mem);
}

/* gcc 12.2 at -O3 with VNNI turns a sum of int8 products over bytes cast from unsigned into a product with unsigned ones: the scalar
 * definition of Q8_0 reads signed bytes. Large negative weights would show it. */
static void bug_gcc_vnni_signed_bytes(void **state) {
    (void)state;
    float w[64], x[64];
    uint8_t row[68];
    static _Alignas(64) uint8_t memory[512];
    for (int i = 0; i < 64; i++) w[i] = -100 - (float)(i % 28), x[i] = (float)(i % 50) + 1;
    quant_of(DTYPE_Q8_0)->from_f32(w, row, 64);
    act_q8 a = act_q8_at(memory, 64);
    act_q8_from_f32(x, 64, &a);
    double want = 0;
    for (int i = 0; i < 64; i++) want += (double)w[i] * x[i];
    assert_true(fabs(quant_of(DTYPE_Q8_0)->dot(row, &a, 64) / want - 1) < 0.02);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(panels_are_the_reference), cmocka_unit_test(bug_last_block_of_one_row), cmocka_unit_test(bug_gcc_vnni_signed_bytes) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
