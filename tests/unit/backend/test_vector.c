/* Every vector kernel of every instruction set of this machine against its scalar definition, bit for bit: random lengths, tails and
 * addresses, ordinary and odd numbers. vmath.h itself is held against libm in double. */
#include "unit/check.h"
#include "backend/cpu/attn_fast.h"
#include "base/rng.h"
#include "tensor/quant.h"
#include "tensor/vmath.h"

enum { MAX_N = 300, ROUNDS = 400 };

static uint64_t draws;
static uint32_t below(uint32_t n) { return (uint32_t)(rng_uniform(17, draws++, 0) * n); }
static float plain(void) { return (float)((rng_uniform(19, draws++, 0) - 0.5) * (below(8) ? 4 : 400)); }

/* Any float now and then: zeros, subnormals, infinities, NaN. */
static float any(void) {
    static const float odd[] = { 0.0f, -0.0f, 0x1p-149f, -0x1p-140f, 0x1p-126f, 3e38f, -3e38f, INFINITY, -INFINITY, NAN, 88.8f, -103.9f, -104.5f, 0x1p20f };
    return below(6) ? plain() : odd[below(sizeof odd / sizeof *odd)];
}

static void fill(float *x, size_t n, float (*draw)(void)) {
    for (size_t i = 0; i < n; i++) x[i] = draw();
}

static bool same_float(float a, float b) { return vmath_bits(a) == vmath_bits(b) || (a != a && b != b); }

static void same(const float *want, const float *got, size_t n, const vector_kernels *k, const char *what) {
    for (size_t i = 0; i < n; i++)
        if (!same_float(want[i], got[i])) fail_msg("%s on %s: element %zu of %zu is %a, by definition %a", what, k->name, i, n, (double)got[i], (double)want[i]);
}

static const vector_kernels *scalar(void) { return vector_kernels_for(CPU_SCALAR); }

/* Inputs x, y, z; outputs of the definition in w0, w1, of the kernel in g0, g1; one more element on each side must stay. */
typedef struct rows {
    float x[MAX_N + 1], y[MAX_N + 1], z[MAX_N + 1], w0[2 * MAX_N + 2], w1[2 * MAX_N + 2], g0[2 * MAX_N + 2], g1[2 * MAX_N + 2];
} rows;

static void fill_rows(rows *r, float (*draw)(void)) {
    fill(r->x, MAX_N + 1, draw);
    fill(r->y, MAX_N + 1, draw);
    fill(r->z, MAX_N + 1, draw);
    fill(r->w0, 2 * MAX_N + 2, draw);
    fill(r->w1, 2 * MAX_N + 2, draw);
    memcpy(r->g0, r->w0, sizeof r->g0);
    memcpy(r->g1, r->w1, sizeof r->g1);
}

#define BOTH(what, ON_DEFINITION, ON_KERNEL)                                                                           \
    do {                                                                                                               \
        fill_rows(&r, any);                                                                                            \
        ON_DEFINITION;                                                                                                 \
        ON_KERNEL;                                                                                                     \
        same(r.w0, r.g0, 2 * MAX_N + 2, k, what);                                                                      \
        same(r.w1, r.g1, 2 * MAX_N + 2, k, what);                                                                      \
    } while (0)

static void along_rows(const vector_kernels *k) {
    static rows r;
    const vector_kernels *s = scalar();
    size_t n = below(MAX_N), o = below(2);
    float a = any(), b = any();
    BOTH("exp", s->exp(r.x + o, r.w0 + o, n), k->exp(r.x + o, r.g0 + o, n));
    BOTH("norm", s->norm(r.x + o, r.y, a, r.w0 + o, n), k->norm(r.x + o, r.y, a, r.g0 + o, n));
    BOTH("swiglu", s->swiglu(r.x, r.y + o, r.w0, n), k->swiglu(r.x, r.y + o, r.g0, n));
    BOTH("add", s->add(r.x, r.y + o, r.w0, n), k->add(r.x, r.y + o, r.g0, n));
    BOTH("axpy", s->axpy(a, r.x + o, r.w0, n), k->axpy(a, r.x + o, r.g0, n));
    BOTH("scale", s->scale(r.x + o, a, r.w0, n), k->scale(r.x + o, a, r.g0, n));
    BOTH("scale in place", s->scale(r.w0 + o, a, r.w0 + o, n), k->scale(r.g0 + o, a, r.g0 + o, n));
    BOTH("divide", s->divide(r.x + o, a, r.w0, n), k->divide(r.x + o, a, r.g0, n));
    BOTH("blend", s->blend(r.w0 + o, a, r.x, b, n), k->blend(r.g0 + o, a, r.x, b, n));
    BOTH("sincos", s->sincos(r.x + o, a, b, n, r.w0, r.w1), k->sincos(r.x + o, a, b, n, r.g0, r.g1));
    BOTH("turn", s->turn(r.w0 + o, r.w1, r.x, r.y, n), k->turn(r.g0 + o, r.g1, r.x, r.y, n));
    BOTH("turn of pairs", s->turn_pairs(r.w0 + o, r.x, r.y, n), k->turn_pairs(r.g0 + o, r.x, r.y, n));
    fill_rows(&r, any);
    double want = s->squares(r.x + o, n), got = k->squares(r.x + o, n);
    if (memcmp(&want, &got, sizeof got) != 0 && !(isnan(want) && isnan(got))) fail_msg("squares on %s are %a, by definition %a", k->name, got, want);
}

static void halves(const vector_kernels *k) {
    float x[MAX_N];
    uint16_t want[MAX_N], got[MAX_N];
    size_t n = below(MAX_N);
    fill(x, n, any);
    scalar()->to_f16(x, want, n);
    k->to_f16(x, got, n);
    for (size_t i = 0; i < n; i++)
        if (x[i] == x[i]) assert_int_equal(want[i], got[i]);
}

/* A step of attention: what is outside [lo, hi) is anything and changes nothing. */
static void weights(const vector_kernels *k) {
    float s0[ATTN_SPLIT], s1[ATTN_SPLIT], lane0[ATTN_LANES], lane1[ATTN_LANES], max0, max1;
    uint32_t lo = below(2) ? 0 : below(ATTN_SPLIT), hi = lo + 1 + below(ATTN_SPLIT - lo);
    fill(s0, ATTN_SPLIT, any);
    for (uint32_t i = lo; i < hi; i++) s0[i] = below(40) ? plain() : any();
    if (below(4) == 0) s0[lo + below(hi - lo)] = NAN; /* it is a weight, and not the largest score */
    memcpy(s1, s0, sizeof s0);
    max0 = max1 = below(3) ? plain() : -INFINITY;
    for (int i = 0; i < ATTN_LANES; i++) lane0[i] = lane1[i] = fabsf(plain());
    float shrink0 = scalar()->weigh(s0, lo, hi, &max0, lane0), shrink1 = k->weigh(s1, lo, hi, &max1, lane1);
    assert_true(max0 == max1); /* zeros may differ in sign, which no weight shows */
    same(&shrink0, &shrink1, 1, k, "what a row shrinks by");
    same(s0 + lo, s1 + lo, hi - lo, k, "the weights");
    same(lane0, lane1, ATTN_LANES, k, "the sums of weights");
}

static void random_strip(strip_kind kind, unsigned char *b, size_t bytes) {
    for (size_t i = 0; i < bytes; i++) b[i] = (unsigned char)below(256);
    for (size_t i = 0; kind == STRIP_F32 && i < bytes / 4; i++) {
        float x = plain();
        memcpy(b + 4 * i, &x, 4);
    }
    for (size_t i = 1; kind != STRIP_F32 && i < bytes; i += 2) /* tame the exponents of halves; quants may be anything */
        if (kind == STRIP_F16 || (kind == STRIP_Q8_K && i % (34 * STRIP) < 2 * STRIP) || (kind == STRIP_Q8_V && i < 2 * STRIP_DEPTH)) b[i] &= 0xbb;
}

static void strips(const vector_kernels *k, strip_kind kind) {
    static const char *const names[] = { "rows times an F32 strip", "rows times an F16 strip", "rows times a Q8_0 strip of K", "rows times a Q8_0 strip of V" };
    static _Alignas(64) unsigned char b[STRIP_DEPTH * STRIP * 4];
    static float a[20 * STRIP_DEPTH], c0[20 * 70], c1[20 * 70], t0[STRIP * STRIP], t1[STRIP * STRIP];
    size_t n = 1 + below(20), stride = STRIP + below(39), from = below(3) ? 0 : below(STRIP_DEPTH), to = from + 1 + below(STRIP_DEPTH - (uint32_t)from);
    random_strip(kind, b, sizeof b);
    fill(a, n * STRIP_DEPTH, plain);
    fill(c0, 20 * 70, plain);
    memcpy(c1, c0, sizeof c0);
    strip_args s = { .a = a, .b = (const char *)b, .ahead = (const char *)b, .c = c0, .rows = n, .c_stride = stride, .from = from, .to = to, .fresh = below(2) };
    scalar()->strip[kind](&s);
    s.c = c1;
    k->strip[kind](&s);
    same(c0, c1, 20 * 70, k, names[kind]);
    for (size_t r = 0; r < n; r++) { /* a row alone is what it is among others */
        fill(t0, STRIP, plain);
        float alone[STRIP];
        strip_args one = s;
        one.fresh = true;
        one.a = a + r * STRIP_DEPTH;
        one.rows = 1;
        one.c = alone;
        k->strip[kind](&one);
        scalar()->strip[kind](&(strip_args){ .a = one.a, .b = one.b, .ahead = one.b, .c = t0, .rows = 1, .c_stride = STRIP, .from = from, .to = to, .fresh = true });
        same(t0, alone, STRIP, k, names[kind]);
    }
    size_t row = STRIP * below(2), wide = 1 + below(STRIP);
    fill(t0, STRIP * STRIP, plain);
    memcpy(t1, t0, sizeof t0);
    scalar()->transpose[kind]((const char *)b, row, wide, t0);
    k->transpose[kind]((const char *)b, row, wide, t1);
    same(t0, t1, STRIP * STRIP, k, "a turned strip");
}

/* Element i of a row of a left operand; of column j of a right one, i being its row. */
static float left(const attn_fast *f, const char *row, size_t i) {
    float x;
    uint16_t half;
    if (f->bytes == 4) return memcpy(&x, row + 4 * i, sizeof x), x;
    memcpy(&half, row + i / 2 * 4 + (i % 2 ? 0 : 2), sizeof half);
    return bf16_to_f32(half);
}
static float right(const attn_fast *f, const char *b, size_t i, size_t j) {
    float x;
    uint16_t half;
    if (f->bytes == 4) return memcpy(&x, b + (i * STRIP + j) * 4, sizeof x), x;
    memcpy(&half, b + (i / 2 * STRIP + j) * 4 + (i % 2 ? 0 : 2), sizeof half);
    return bf16_to_f32(half);
}

enum { FAST_ROWS = 17 };

typedef struct operands {
    float row[FAST_ROWS * STRIP_DEPTH], strip[STRIP_DEPTH * STRIP];
} operands;

static void fast_rows(const attn_fast *d, const attn_fast *f, operands *want, operands *got) {
    float x[STRIP_DEPTH], scale = plain();
    size_t n = 1 + below(STRIP_DEPTH), even = n + n % 2;
    for (size_t r = 0; r < FAST_ROWS; r++) {
        fill(x, n, below(2) ? plain : any);
        for (size_t i = 0; i < n; i++) x[i] = fabsf(x[i] * scale) < 0x1p-126f ? 0 : x[i]; /* a processor takes subnormal numbers for zero before rounding */
        d->row(x, scale, n, want->row + r * STRIP_DEPTH);
        f->row(x, scale, n, (char *)got->row + r * STRIP_DEPTH * f->bytes);
        for (size_t i = 0; i < even; i++) {
            float a = left(d, (char *)(want->row + r * STRIP_DEPTH), i), b = left(f, (char *)got->row + r * STRIP_DEPTH * f->bytes, i);
            if (!same_float(a, b) && !(a == 0 && b == 0)) fail_msg("fast row on %s: element %zu of %zu is %a, by definition %a", f->name, i, n, (double)b, (double)a);
        }
    }
}

static void fast_strips(const attn_fast *d, const attn_fast *f, operands *want, operands *got, strip_kind kind) {
    static _Alignas(64) unsigned char b[STRIP_DEPTH * STRIP * 4];
    size_t n = 1 + below(STRIP_DEPTH), even = n + n % 2;
    random_strip(kind, b, sizeof b);
    d->strip[kind]((const char *)b, (const char *)b, n, want->strip);
    f->strip[kind]((const char *)b, (const char *)b, n, got->strip);
    for (size_t i = 0; i < even; i++)
        for (size_t j = 0; j < STRIP; j++) {
            float x = right(d, (char *)want->strip, i, j), y = right(f, (char *)got->strip, i, j);
            if (!same_float(x, y) && !(x == 0 && y == 0)) fail_msg("operand of strip kind %d on %s: row %zu of %zu, column %zu is %a, by definition %a", kind, f->name, i, n, j, (double)y, (double)x);
        }
}

/* Rows of weights, and what they sum up to with a strip: from and to may fall between the two elements of a pair. */
static void fast_products(const attn_fast *d, const attn_fast *f, cpu_isa isa, operands *want, operands *got) {
    static float s[FAST_ROWS * ATTN_SPLIT], c0[FAST_ROWS * 40], c1[FAST_ROWS * 40];
    float max0[FAST_ROWS], max1[FAST_ROWS], lane0[FAST_ROWS * ATTN_LANES], lane1[FAST_ROWS * ATTN_LANES], shrink0[FAST_ROWS], shrink1[FAST_ROWS];
    uint32_t rows = 1 + below(FAST_ROWS), lo = below(2) ? 0 : below(ATTN_SPLIT), hi = below(2) ? ATTN_SPLIT : lo + 1 + below(ATTN_SPLIT - lo);
    fill(s, FAST_ROWS * ATTN_SPLIT, plain);
    for (int i = 0; i < FAST_ROWS; i++) max0[i] = max1[i] = below(3) ? plain() : -INFINITY;
    for (int i = 0; i < FAST_ROWS * ATTN_LANES; i++) lane0[i] = lane1[i] = fabsf(plain());
    d->weigh(s, want->row, rows, lo, hi, max0, lane0, shrink0);
    f->weigh(s, got->row, rows, lo, hi, max1, lane1, shrink1);
    for (uint32_t r = 0; r < rows; r++) {
        assert_true(max0[r] == max1[r] && shrink0[r] == shrink1[r]);
        for (size_t i = 0; i < ATTN_SPLIT; i++)
            if (left(d, (char *)(want->row + r * ATTN_SPLIT), i) != left(f, (char *)got->row + r * ATTN_SPLIT * f->bytes, i)) fail_msg("fast weights on %s: row %u, key %zu", f->name, r, i);
    }
    for (uint32_t i = 0; i < rows * ATTN_LANES; i++) assert_true(lane0[i] == lane1[i]);
    fill(c0, FAST_ROWS * 40, plain);
    memcpy(c1, c0, sizeof c0);
    random_strip(STRIP_F16, (unsigned char *)s, STRIP_DEPTH * STRIP * 2);
    d->strip[STRIP_F16]((const char *)s, (const char *)s, STRIP_DEPTH, want->strip);
    f->strip[STRIP_F16]((const char *)s, (const char *)s, STRIP_DEPTH, got->strip);
    strip_args a = { .a = want->row, .b = (const char *)want->strip, .ahead = (const char *)want->strip, .c = c0, .rows = rows, .c_stride = 40, .from = lo, .to = hi, .fresh = below(2) };
    scalar()->strip[STRIP_F32](&a);
    a.a = got->row;
    a.b = a.ahead = (const char *)got->strip;
    a.c = c1;
    float factor[FAST_ROWS];
    if (f->shrinks && !a.fresh && below(2)) { /* sums that shrink first are those that were made to shrink */
        fill(factor, FAST_ROWS, plain);
        fill(c0, FAST_ROWS * 40, plain);
        memcpy(c1, c0, sizeof c0);
        for (uint32_t r = 0; r < rows; r++) vector_kernels_for(isa)->scale(c0 + r * 40, factor[r], c0 + r * 40, STRIP);
        strip_args b = a;
        b.a = want->row;
        b.b = b.ahead = (const char *)want->strip;
        b.c = c0;
        scalar()->strip[STRIP_F32](&b);
        a.shrink = factor;
    }
    (f->multiply ? f->multiply : vector_kernels_for(isa)->strip[STRIP_F32])(&a);
    for (int i = 0; i < FAST_ROWS * 40; i++)
        if (!same_float(c0[i], c1[i])) fail_msg("a product of operands on %s is %a, by definition %a", f->name, (double)c1[i], (double)c0[i]);
}

/* Halves of a cache in pairs are what fast attention would have made of halves. */
static void fast_halves(const attn_fast *f) {
    float x[STRIP_DEPTH];
    uint16_t got[STRIP_DEPTH + 1];
    size_t n = 1 + below(STRIP_DEPTH);
    if (!f->halves) return;
    fill(x, STRIP_DEPTH, below(2) ? plain : any);
    memset(got, 0x5a, sizeof got);
    f->halves(x, n, got);
    for (size_t i = 0; i < n; i++) {
        if (!same_float(bf16_rounded(f16_to_f32(f32_to_f16(x[i]))), bf16_to_f32(got[i]))) fail_msg("a half of a pair on %s is %a, of %a", f->name, (double)bf16_to_f32(got[i]), (double)x[i]);
    }
    assert_int_equal(got[n], 0x5a5a);
}

/* A strip as it is stored gives what its operand gives; of a pair of rows of which one is beyond the range, the other does not matter. */
static void fast_directs(const attn_fast *f, const operands *left, strip_kind kind) {
    static _Alignas(64) unsigned char b[STRIP_DEPTH * STRIP * 4];
    static _Alignas(64) float operand[STRIP_DEPTH * STRIP];
    static float c0[ATTN_DIRECT_ROWS * 40], c1[ATTN_DIRECT_ROWS * 40];
    bool key = kind == STRIP_Q8_K; /* its scales are of 32 rows, and it is multiplied from the first one on */
    uint32_t rows = 1 + below(ATTN_DIRECT_ROWS), from = key || below(2) ? 0 : below(STRIP_DEPTH), to = below(2) ? STRIP_DEPTH : from + 1 + below(STRIP_DEPTH - from);
    if (!f->direct[kind]) return;
    random_strip(kind, b, sizeof b);
    f->strip[kind]((const char *)b, (const char *)b, to, operand);
    fill(c0, ATTN_DIRECT_ROWS * 40, plain);
    memcpy(c1, c0, sizeof c0);
    strip_args a = { .a = left->row, .b = (const char *)operand, .ahead = (const char *)operand, .c = c0, .rows = rows, .c_stride = 40, .from = from, .to = to, .fresh = below(2) };
    f->multiply(&a);
    a.b = a.ahead = (const char *)b;
    for (int i = 0; i < 4; i++) a.beside[i] = a.b;
    a.c = c1;
    f->direct[kind](&a);
    for (int i = 0; i < ATTN_DIRECT_ROWS * 40; i++)
        if (!same_float(c0[i], c1[i])) fail_msg("strip kind %d, as it is stored, on %s: %a, by its operand %a", kind, f->name, (double)c1[i], (double)c0[i]);
}

static void every_fast_kernel_is_its_definition(void **state) {
    (void)state;
    const attn_fast *d = attn_fast_for(CPU_SCALAR), *before = NULL;
    for (int isa = CPU_SCALAR; isa < CPU_ISA_COUNT; isa++) {
        const attn_fast *f = attn_fast_for((cpu_isa)isa);
        if (!cpu_has_isa((cpu_isa)isa) || f == before) continue;
        before = f;
        for (int i = 0; i < ROUNDS / 4; i++) {
            static _Alignas(64) operands want, got;
            fast_rows(d, f, &want, &got);
            fast_halves(f);
            for (int kind = 0; kind < STRIP_KINDS; kind++) fast_strips(d, f, &want, &got, (strip_kind)kind);
            fast_products(d, f, (cpu_isa)isa, &want, &got);
            for (int kind = 0; kind < STRIP_KINDS; kind++) fast_directs(f, &got, (strip_kind)kind);
        }
        printf("fast, %s: %d rounds\n", f->name, ROUNDS / 4);
    }
}

static void every_kernel_is_its_definition(void **state) {
    (void)state;
    const vector_kernels *before = NULL;
    for (int isa = CPU_SCALAR; isa < CPU_ISA_COUNT; isa++) {
        const vector_kernels *k = vector_kernels_for((cpu_isa)isa);
        if (!cpu_has_isa((cpu_isa)isa) || k == before) continue;
        before = k;
        for (int i = 0; i < ROUNDS; i++) {
            along_rows(k);
            halves(k);
            weights(k);
            for (int kind = 0; kind < STRIP_KINDS; kind++) strips(k, (strip_kind)kind);
        }
        printf("%s: %d rounds\n", k->name, ROUNDS);
    }
}

static void exp_is_near_the_true_one(void **state) {
    (void)state;
    double worst = 0;
    for (uint64_t b = 0; b < 1ull << 32; b += 9973) {
        float x = vmath_float((uint32_t)b), y = vmath_exp(x), top = (float)exp((double)x);
        if (x != x) assert_true(y != y);
        else if (x > 88.7228f) assert_true(y >= 3.4e38f);
        else {
            double ulp = (double)nextafterf(top, INFINITY) - (double)top, error = fabs((double)y - exp((double)x)) / ulp;
            worst = error > worst ? error : worst;
        }
    }
    printf("exp: at most %.2f units in the last place\n", worst);
    assert_true(worst < 1);
    assert_true(vmath_exp(-INFINITY) == 0 && vmath_exp(INFINITY) == INFINITY && vmath_exp(0) == 1 && vmath_exp(-104.5f) == 0 && vmath_exp(89.5f) == INFINITY);
    assert_true(vmath_silu(-INFINITY) != vmath_silu(-INFINITY) && vmath_silu(-200) == 0 && vmath_silu(200) == 200 && vmath_sigmoid(-200) == 0);
}

static void weight_is_near_the_true_power(void **state) {
    (void)state;
    double worst = 0;
    for (int i = 0; i <= 1000000; i++) {
        float x = -100.0f * (float)i / 1000000;
        worst = fmax(worst, fabs((double)vmath_weight(x) / exp2((double)x) - 1));
    }
    printf("weight: at most %.1e of its value away\n", worst);
    assert_true(worst < 0x1p-18 && vmath_weight(0) == 1 && vmath_weight(-INFINITY) == 0x1p-100f && vmath_weight(-1e30f) == 0x1p-100f);
    assert_true(vmath_weight(NAN) != vmath_weight(NAN));
}

static void sine_and_cosine_are_near_the_true_ones(void **state) {
    (void)state;
    double worst = 0;
    for (int i = 0; i < 400000; i++) {
        float x = (float)((rng_uniform(23, draws++, 0) - 0.5) * (i % 3 ? 2.0 * (double)VMATH_TURN_MAX : 20)), s, c;
        vmath_sincos(x, &s, &c);
        worst = fmax(worst, fmax(fabs((double)s - sin((double)x)), fabs((double)c - cos((double)x))));
    }
    printf("sin, cos: at most %.1e away\n", worst);
    assert_true(worst < 0x1p-23);
    float s, c;
    vmath_sincos(0x1.2p30f, &s, &c);
    assert_true(s == sinf(0x1.2p30f) && c == cosf(0x1.2p30f));
    vmath_sincos(INFINITY, &s, &c);
    assert_true(s != s && c != c);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(every_kernel_is_its_definition), cmocka_unit_test(every_fast_kernel_is_its_definition), cmocka_unit_test(weight_is_near_the_true_power),
                                        cmocka_unit_test(exp_is_near_the_true_one),
                                        cmocka_unit_test(sine_and_cosine_are_near_the_true_ones) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
