/* Encoders that search: every instruction set gives the same bytes, a format's own rule gives those of tensor/quant.h, and looking for the
 * scales never misses more than the largest value's scale would. */
#include "quantize/encode.h"
#include "tensor/quant.h"
#include "unit/check.h"
#include <math.h>

enum { ROWS = 5, COLS = 512, N = ROWS * COLS };
static const dtype searched[] = { DTYPE_Q4_K, DTYPE_Q5_K, DTYPE_Q6_K, DTYPE_IQ4_XS, DTYPE_IQ4_NL, DTYPE_Q4_0, DTYPE_Q4_1, DTYPE_Q5_0, DTYPE_Q5_1, DTYPE_Q8_0 };
enum { N_SEARCHED = sizeof searched / sizeof *searched };

static uint64_t state = 88172645463325252u;
static double uniform(void) {
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    return ((double)(state >> 11) + 0.5) / 9007199254740992.0;
}
static float gauss(double s) { return (float)(s * sqrt(-2 * log(uniform())) * cos(6.283185307179586 * uniform())); }

typedef struct sample {
    float x[N], w[COLS];
} sample;

/* Weights with outliers; a row of zeros, one of tiny values, one with a single large value. */
static sample *make_sample(void) {
    sample *s = calloc(1, sizeof *s);
    for (int i = 0; i < COLS; i++) s->w[i] = expf(gauss(1.2));
    for (int i = 0; i < 40; i++) s->w[i] = 0; /* columns that met nothing */
    for (int i = 0; i < N; i++) s->x[i] = gauss(0.02) * (uniform() < 0.02 ? 5.0f : 1.0f);
    for (int i = 0; i < COLS; i++) s->x[COLS + i] = 0, s->x[2 * COLS + i] = gauss(1e-9);
    s->x[3 * COLS + 7] = 60000;
    return s;
}

static uint64_t stored_bytes(dtype t) {
    uint64_t row;
    assert_true(dtype_row_bytes(t, COLS, &row));
    return row * ROWS;
}

static void encode(cpu_isa isa, dtype t, const sample *s, bool weighted, void *out) {
    encode_fn f = encode_find_for(isa, t, weighted);
    assert_non_null(f);
    f(s->x, weighted ? s->w : NULL, ROWS, COLS, out);
}

static void test_same_on_every_instruction_set(void **unused) {
    (void)unused;
    sample *s = make_sample();
    uint8_t *plain = malloc(4 * N), *other = malloc(4 * N);
    for (int k = 0; k < N_SEARCHED; k++)
        for (int weighted = 0; weighted < 2; weighted++)
            for (int isa = 0; isa < CPU_ISA_COUNT; isa++) {
                if (!cpu_has_isa((cpu_isa)isa)) continue;
                encode(CPU_SCALAR, searched[k], s, weighted, plain);
                encode((cpu_isa)isa, searched[k], s, weighted, other);
                assert_memory_equal(plain, other, stored_bytes(searched[k]));
            }
    free(plain), free(other), free(s);
}

/* Rows do not see each other: each alone gives its part of the whole. */
static void test_rows_stand_alone(void **unused) {
    (void)unused;
    sample *s = make_sample();
    uint8_t *all = malloc(4 * N), *one = malloc(4 * N);
    for (int k = 0; k < N_SEARCHED; k++)
        for (int weighted = 0; weighted < 2; weighted++) {
            encode_fn f = encode_find(searched[k], weighted);
            uint64_t row = stored_bytes(searched[k]) / ROWS;
            f(s->x, weighted ? s->w : NULL, ROWS, COLS, all);
            for (int r = 0; r < ROWS; r++) {
                f(s->x + r * COLS, weighted ? s->w : NULL, 1, COLS, one);
                assert_memory_equal(all + (uint64_t)r * row, one, row);
            }
        }
    free(all), free(one), free(s);
}

static void test_own_rules_are_the_formats(void **unused) {
    (void)unused;
    static const dtype own[] = { DTYPE_Q4_0, DTYPE_Q4_1, DTYPE_Q5_0, DTYPE_Q5_1, DTYPE_Q8_0 };
    sample *s = make_sample();
    uint8_t *a = malloc(4 * N), *b = malloc(4 * N);
    s->x[100] = 0.5f, s->x[101] = -127, s->x[102] = 63.5f, s->x[103] = -63.5f; /* halves after scaling */
    s->x[4 * COLS + 3] = NAN, s->x[4 * COLS + 40] = INFINITY;
    for (size_t k = 0; k < sizeof own / sizeof *own; k++) {
        encode_find(own[k], false)(s->x, NULL, ROWS, COLS, a);
        quant_of(own[k])->from_f32(s->x, b, N);
        assert_memory_equal(a, b, stored_bytes(own[k]));
    }
    free(a), free(b), free(s);
}

/* The plain way for a block of 32: sixteen levels from the smallest to the largest value, or around zero. */
static double plain_error(const sample *s, dtype t, int from, const float *w) {
    float low = 0, high = 0;
    double error = 0, top = t == DTYPE_Q6_K ? 31 : t == DTYPE_Q5_K ? 31 : 15;
    for (int i = 0; i < 32; i++) low = fminf(low, s->x[from + i]), high = fmaxf(high, s->x[from + i]);
    double d = (high - low) / top;
    for (int i = 0; i < 32; i++) {
        double q = d > 0 ? rint((s->x[from + i] - low) / d) : 0, miss = low + d * q - s->x[from + i];
        error += (w ? w[(from + i) % COLS] : 1) * miss * miss;
    }
    return error;
}

static void test_searching_pays(void **unused) {
    (void)unused;
    static const dtype formats[] = { DTYPE_Q4_K, DTYPE_Q5_K };
    sample *s = make_sample();
    float *back = malloc(N * sizeof *back);
    uint8_t *stored = malloc(4 * N);
    for (size_t k = 0; k < 2; k++)
        for (int weighted = 0; weighted < 2; weighted++) {
            double found = 0, plain = 0;
            encode_find(formats[k], weighted)(s->x, weighted ? s->w : NULL, ROWS, COLS, stored);
            quant_of(formats[k])->to_f32(stored, back, N);
            for (int i = 0; i < COLS; i++) found += (weighted ? s->w[i] : 1) * (double)(back[i] - s->x[i]) * (double)(back[i] - s->x[i]);
            for (int b = 0; b < COLS; b += 32) plain += plain_error(s, formats[k], b, weighted ? s->w : NULL);
            assert_true(found < (weighted ? 0.7 : 0.9) * plain);
            for (int i = COLS; i < 2 * COLS; i++) assert_true(back[i] == 0);
        }
    free(back), free(stored), free(s);
}

/* An importance moves the error to where it costs least. */
static void test_importance_matters(void **unused) {
    (void)unused;
    sample *s = make_sample();
    float *back = malloc(N * sizeof *back);
    uint8_t *stored = malloc(4 * N);
    for (int k = 0; k < N_SEARCHED - 1; k++) { /* Q8_0 has no choice */
        double error[2] = { 0, 0 };
        for (int weighted = 0; weighted < 2; weighted++) {
            encode_find(searched[k], weighted)(s->x, weighted ? s->w : NULL, ROWS, COLS, stored);
            quant_of(searched[k])->to_f32(stored, back, N);
            for (int i = 0; i < COLS; i++) error[weighted] += s->w[i] * (double)(back[i] - s->x[i]) * (double)(back[i] - s->x[i]);
        }
        assert_true(error[1] < error[0]);
    }
    free(back), free(stored), free(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_on_every_instruction_set), cmocka_unit_test(test_rows_stand_alone), cmocka_unit_test(test_own_rules_are_the_formats),
        cmocka_unit_test(test_searching_pays), cmocka_unit_test(test_importance_matters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
