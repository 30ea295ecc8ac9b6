/* Cases of the ops whose rows are cheap, and of the products of single heads. */
#include "cli/bench_kernels.h"
#include <math.h>
#include <stdio.h>

typedef struct row_case {
    kernel_run *k;
    uint32_t rows;
    tape_record got, want; /* the same op with the same inputs and outputs of its own */
    tensor *got_y, *want_y;
    const int32_t *got_ids, *want_ids; /* moe_route */
    uint64_t n_ids;
} row_case;

static tensor *in(row_case *c, uint64_t cols) { return kernel_floats(c->k, c->rows, cols); }

static void out(row_case *c, uint64_t cols) {
    c->got_y = in(c, cols);
    c->want_y = in(c, cols);
}

static int32_t *numbers(row_case *c, uint64_t n, uint32_t below) {
    int32_t *x = arena_must(kernel_memory(c->k), n, sizeof *x);
    for (uint64_t i = 0; i < n; i++) x[i] = (int32_t)((kernel_random(c->k) + 1) / 2 * (float)below) % (int32_t)below;
    return x;
}

#define BOTH(NAME, ...)                                                                                                \
    do {                                                                                                               \
        tensor *y = c->got_y;                                                                                          \
        c->got = (tape_record){ .op = OP_ID_##NAME, .u.NAME = __VA_ARGS__ };                                           \
        y = c->want_y;                                                                                                 \
        c->want = (tape_record){ .op = OP_ID_##NAME, .u.NAME = __VA_ARGS__ };                                          \
    } while (0)

static void make_rmsnorm(row_case *c) {
    tensor *x = in(c, 896), *w = kernel_floats(c->k, 1, 896);
    out(c, 896);
    BOTH(rmsnorm, { y, x, w, 1e-6f });
}

static void make_rmsnorm_heads(row_case *c) {
    tensor *x = in(c, 32 * 128), *w = kernel_floats(c->k, 1, 128);
    out(c, 32 * 128);
    BOTH(rmsnorm, { y, x, w, 1e-6f });
}

static void make_swiglu(row_case *c) {
    tensor *gate = in(c, 4864), *up = in(c, 4864);
    out(c, 4864);
    BOTH(swiglu, { y, gate, up });
}

static void make_add(row_case *c) {
    tensor *a = in(c, 896), *b = in(c, 896);
    out(c, 896);
    BOTH(add, { y, a, b });
}

static void make_rope(row_case *c) {
    rope_table *table = arena_must(kernel_memory(c->k), 1, sizeof *table);
    float *freq = arena_must(kernel_memory(c->k), 32, sizeof *freq);
    for (int i = 0; i < 32; i++) freq[i] = powf(10000, (float)-i / 32);
    *table = (rope_table){ .pairs = 32, .inv_freq = freq, .mscale = 1 };
    batch *b = arena_must(kernel_memory(c->k), 1, sizeof *b);
    *b = (batch){ .T = c->rows, .pos = numbers(c, c->rows, 8192), .seq = numbers(c, c->rows, 1) };
    c->got_y = in(c, 14 * 64); /* in place */
    c->want_y = in(c, 14 * 64);
    for (uint64_t i = 0; i < c->rows * 14ull * 64; i++) ((float *)c->want_y->data)[i] = ((float *)c->got_y->data)[i];
    BOTH(rope, { y, b, table, 14, 64, 0, 1 });
}

static void make_pack(row_case *c) {
    tensor *x = in(c, 16 * 192);
    out(c, 16 * 64);
    BOTH(pack, { y, x, 16, 64, 64, 0, 192, 128 });
}

static void make_gather(row_case *c) {
    tensor *x = kernel_floats(c->k, 512, 896);
    int32_t *rows = numbers(c, c->rows, 512);
    out(c, 896);
    BOTH(gather, { y, x, rows });
}

static void make_embed(row_case *c) {
    weight *w = kernel_weight(c->k, DTYPE_Q8_0, 1, 4096, 896, false);
    int32_t *ids = numbers(c, c->rows, 4096);
    out(c, 896);
    BOTH(embed, { y, w, ids });
}

/* [nope, kv_lora] for each of 16 heads, as latent attention absorbs it. */
static void make_heads(row_case *c, bool transposed) {
    weight *w = kernel_weight(c->k, DTYPE_F16, 16, 128, 512, false);
    uint32_t wide = 512, narrow = 128, x_step = transposed ? narrow : wide, y_step = transposed ? wide : narrow;
    tensor *x = in(c, 16ull * x_step);
    out(c, 16ull * y_step);
    BOTH(linear_heads, { .y = y, .x = x, .w = w, .n_rows = narrow, .y_step = y_step, .x_step = x_step, .transposed = transposed });
}

static void make_heads_in(row_case *c) { make_heads(c, true); }
static void make_heads_out(row_case *c) { make_heads(c, false); }

static void make_route(row_case *c) {
    router_spec *s = arena_must(kernel_memory(c->k), 1, sizeof *s);
    *s = (router_spec){ .experts = 128, .top_k = 8, .normalize = true, .scale = 1 };
    tensor *logits = in(c, 128);
    int32_t *got = numbers(c, c->rows * 8ull, 1), *want = numbers(c, c->rows * 8ull, 1);
    out(c, 8);
    BOTH(moe_route, { y, y == c->got_y ? got : want, logits, NULL, s });
    c->got_ids = got;
    c->want_ids = want;
    c->n_ids = c->rows * 8ull;
}

static void make_combine(row_case *c) {
    tensor *weights = in(c, 8), *x = kernel_floats(c->k, c->rows * 8ull, 2048);
    out(c, 2048);
    BOTH(moe_combine, { y, x, weights });
}

static void make_xent(row_case *c) {
    tensor *x = in(c, 32000);
    int32_t *target = numbers(c, c->rows, 32000);
    out(c, 1);
    BOTH(xent, { y, x, target });
}

static void one_case(kernel_run *k, void (*make)(row_case *c), uint32_t rows, const char *name) {
    row_case c = { .k = k, .rows = rows };
    make(&c);
    fwd f = kernel_fwd(k, false, PRECISION_FAST);
    kernel_call(&f, &c.got);
    f = kernel_fwd(k, true, PRECISION_FAST);
    kernel_call(&f, &c.want);
    kernel_case kc = { .name = name, .calls = &c.got, .n_calls = 1, .precision = PRECISION_FAST };
    for (uint64_t r = 0; r < rows; r++) kernel_compare(&kc.cmp, tensor_f32(c.got_y, r), tensor_f32(c.want_y, r), c.got_y->cols);
    for (uint64_t i = 0; i < c.n_ids; i++) kc.cmp.unsteady |= c.got_ids[i] != c.want_ids[i];
    kernel_finish(k, &kc);
}

void kernel_cases_rows(kernel_run *k) {
    static const struct {
        const char *name;
        void (*make)(row_case *c);
    } all[] = {
        { "embed Q8_0 896", make_embed }, { "rmsnorm 896", make_rmsnorm }, { "rmsnorm 32 heads of 128", make_rmsnorm_heads }, { "rope 14x64", make_rope },
        { "swiglu 4864", make_swiglu }, { "add 896", make_add }, { "gather 896", make_gather }, { "pack 16x64", make_pack },
        { "linear_heads F16 16x128x512", make_heads_out }, { "linear_heads F16 16x128x512 transposed", make_heads_in },
        { "moe_route 8/128", make_route }, { "moe_combine 8x2048", make_combine }, { "xent 32000", make_xent },
    };
    static const uint32_t rows[] = { 1, 8, 512 };
    char name[96];
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
            snprintf(name, sizeof name, "%s M=%u", all[i].name, rows[r]);
            arena_mark mark = arena_mark_now(kernel_memory(k));
            if (kernel_wanted(k, name)) one_case(k, all[i].make, rows[r], name);
            arena_release(kernel_memory(k), mark);
        }
}
