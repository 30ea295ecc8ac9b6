/* The gradient rule of every op against finite differences of the scalar reference. The rows come from ops.def: an op
 * without its case_<op> here does not compile. */
#include "unit/op/grad_case.h"

#define OP(NAME)                                                                                                       \
    static void run_##NAME(const fwd *f, const void *args) { op_##NAME(f, *(const NAME##_args *)args); }
#include "op/ops.def"
#undef OP

/* The case's arguments, kept as long as it is. */
#define ARGS(c, NAME, ...)                                                                                              \
    ((c)->args = memcpy(arena_must((c)->mem, 1, sizeof(NAME##_args)), &(NAME##_args){ __VA_ARGS__ }, sizeof(NAME##_args)))

static int32_t *indices(grad_case *c, size_t n, uint32_t below) {
    int32_t *x = arena_must(c->mem, n, sizeof *x);
    for (size_t i = 0; i < n; i++) x[i] = (int32_t)case_count(c, 0, below - 1);
    return x;
}

/* T rows of one to three sequences that follow one another, each from some position on. */
static const batch *sequences(grad_case *c, uint32_t T) {
    batch *b = arena_must(c->mem, 1, sizeof *b);
    int32_t *pos = arena_must(c->mem, T, sizeof *pos), *seq = arena_must(c->mem, T, sizeof *seq);
    uint8_t *rope = arena_must(c->mem, T, 1);
    uint32_t next = case_count(c, 1, T), at = case_count(c, 0, 200), s = 0;
    for (uint32_t t = 0; t < T; t++, at++) {
        if (t == next) {
            s++;
            at = case_count(c, 0, 9);
            next = s < 2 && t + 1 < T ? case_count(c, t + 1, T - 1) : T;
        }
        pos[t] = (int32_t)at;
        seq[t] = (int32_t)s;
        rope[t] = case_coin(c);
    }
    *b = (batch){ .T = T, .pos = pos, .seq = seq, .rope = case_coin(c) ? rope : NULL };
    return b;
}

static void case_embed(grad_case *c) {
    dtype type = case_format(c);
    uint32_t T = case_count(c, 1, 6), V = case_count(c, 1, 5);
    uint64_t d = case_cols(c, type);
    ARGS(c, embed, case_output(c, T, d), case_weight(c, "w", type, 1, V, d), indices(c, T, V));
}

static void case_rmsnorm(grad_case *c) {
    uint32_t T = case_count(c, 1, 5), group = case_count(c, 1, 17), groups = case_count(c, 1, 3);
    tensor *x = case_input(c, "x", T, (uint64_t)groups * group);
    ARGS(c, rmsnorm, case_output(c, T, x->cols), x, case_input(c, "w", 1, group), case_coin(c) ? 1e-5f : 0.25f);
    for (size_t i = 0; i < c->in[0].rows * c->in[0].width; i++) { /* away from a group of zeros, where nothing is smooth */
        c->in[0].x[i] += copysignf(0.5f, c->in[0].x[i]);
        c->in[0].drawn[i] = c->in[0].x[i];
    }
}

static void case_linear(grad_case *c) {
    bool fp8 = c->seed % 8 == 0;
    dtype type = fp8 ? DTYPE_F8_E4M3 : case_format(c);
    uint32_t T = case_count(c, 1, 5), out = case_count(c, 1, fp8 ? 3 : 9);
    uint64_t in = fp8 ? 131 : case_cols(c, type); /* two blocks of scales */
    weight *w = case_weight(c, "w", type, 1, out, in);
    if (case_coin(c)) case_bias(c, w);
    ARGS(c, linear, .y = { case_output(c, T, out) }, .x = case_input(c, "x", T, in), .w = { w }, .n = 1);
}

static void case_linear_heads(grad_case *c) {
    dtype type = case_format(c);
    bool transposed = case_coin(c), shared = case_coin(c);
    uint32_t T = case_count(c, 1, 3), heads = case_count(c, 1, 3), n_rows = case_count(c, 1, 5), row0 = case_count(c, 0, 2);
    uint32_t cols = (uint32_t)case_cols(c, type), in = transposed ? n_rows : cols, out = transposed ? cols : n_rows;
    uint32_t x_off = case_count(c, 0, 2), y_off = case_count(c, 0, 2);
    uint32_t x_step = shared ? case_count(c, 0, 2) : in + case_count(c, 0, 3), y_step = out + case_count(c, 0, 3);
    const weight *w = case_weight(c, "w", type, heads, row0 + n_rows + case_count(c, 0, 2), cols);
    tensor *x = case_input(c, "x", T, (uint64_t)(heads - 1) * x_step + x_off + in + case_count(c, 0, 2));
    tensor *y = case_output(c, T, (uint64_t)(heads - 1) * y_step + y_off + out + case_count(c, 0, 2));
    ARGS(c, linear_heads, y, x, w, row0, n_rows, y_step, y_off, x_step, x_off, transposed);
}

static void case_rope(grad_case *c) {
    uint32_t T = case_count(c, 1, 6), heads = case_count(c, 1, 3), pairs = case_count(c, 1, 5), off = case_count(c, 0, 3);
    uint32_t step = 2 * pairs + case_count(c, 0, 3);
    rope_table *tables = arena_must(c->mem, 2, sizeof *tables);
    for (int i = 0; i < 2; i++)
        tables[i] = (rope_table){ pairs, case_values(c, pairs), 1 + 0.5f * case_value(c), case_coin(c) };
    tensor *x = case_input(c, "x", T, (uint64_t)(heads - 1) * step + off + 2 * pairs + case_count(c, 0, 3));
    case_set_output(c, x, c->in[0].width, c->in[0].off);
    c->in_place = true;
    ARGS(c, rope, x, sequences(c, T), tables, heads, step, off, 2);
}

static void case_pack(grad_case *c) {
    uint32_t T = case_count(c, 1, 4), heads = case_count(c, 1, 3), width = case_count(c, 1, 6);
    uint32_t x_off = case_count(c, 0, 3), y_off = case_count(c, 0, 3);
    uint32_t x_step = case_coin(c) ? case_count(c, 0, 2) : width + case_count(c, 0, 3), y_step = width + case_count(c, 0, 3);
    tensor *x = case_input(c, "x", T, (uint64_t)(heads - 1) * x_step + x_off + width + case_count(c, 0, 2));
    tensor *y = case_output(c, T, (uint64_t)(heads - 1) * y_step + y_off + width + case_count(c, 0, 2));
    ARGS(c, pack, y, x, heads, width, y_step, y_off, x_step, x_off);
}

/* Every sixteenth is longer than one step of ATTN_SPLIT keys. */
static void case_attn(grad_case *c) {
    bool shared = case_coin(c), deep = c->seed % 16 == 0;
    uint32_t T = deep ? ATTN_SPLIT + case_count(c, 1, 9) : case_count(c, 1, 9), kv_heads = case_count(c, 1, deep ? 1 : 3);
    uint32_t heads = kv_heads * case_count(c, 1, deep ? 2 : 3), k_head = case_count(c, 1, deep ? 2 : 6);
    uint32_t v_head = shared ? case_count(c, 1, k_head) : case_count(c, 1, deep ? 2 : 6);
    tensor *q = case_input(c, "q", T, (uint64_t)heads * k_head), *k = case_input(c, "k", T, (uint64_t)kv_heads * k_head);
    tensor *v = shared ? NULL : case_input(c, "v", T, (uint64_t)kv_heads * v_head);
    ARGS(c, attn, .y = case_output(c, T, (uint64_t)heads * v_head), .q = q, .k = k, .v = v, .b = sequences(c, T), .heads = heads,
         .kv_heads = kv_heads, .k_head = k_head, .v_head = v_head, .window = case_coin(c) ? case_count(c, 1, T) : 0, .shared_v = shared,
         .scale = 0.5f + (float)case_unit(c));
}

static void case_swiglu(grad_case *c) {
    uint32_t T = case_count(c, 1, 4), n = case_count(c, 1, 20);
    tensor *gate = case_input(c, "gate", T, n);
    for (size_t i = 0; i < c->in[0].rows * c->in[0].width; i++) c->in[0].drawn[i] = c->in[0].x[i] *= 3;
    ARGS(c, swiglu, case_output(c, T, n), gate, case_input(c, "up", T, n));
}

/* a + a too: both gradients go to one place. */
static void case_add(grad_case *c) {
    uint32_t T = case_count(c, 1, 4), n = case_count(c, 1, 20);
    tensor *a = case_input(c, "a", T, n);
    ARGS(c, add, case_output(c, T, n), a, case_coin(c) ? a : case_input(c, "b", T, n));
}

static void case_gather(grad_case *c) {
    uint32_t from = case_count(c, 1, 6), to = case_count(c, 1, 6), n = case_count(c, 1, 12);
    ARGS(c, gather, case_output(c, to, n), case_input(c, "x", from, n), indices(c, to, from));
}

static const router_spec *router(grad_case *c) {
    router_spec *s = arena_must(c->mem, 1, sizeof *s);
    uint32_t members = case_count(c, 2, 4);
    s->groups = case_count(c, 0, 4);
    s->experts = members * (s->groups ? s->groups : case_count(c, 1, 3));
    s->top_groups = s->groups ? case_count(c, 1, s->groups) : 0;
    s->top_k = case_count(c, 1, s->groups > 1 ? s->top_groups * members : s->experts);
    s->sigmoid = case_coin(c);
    s->group_top2 = case_coin(c);
    s->normalize = case_coin(c);
    s->scale = 0.5f + 2 * (float)case_unit(c);
    return s;
}

static void case_moe_route(grad_case *c) {
    const router_spec *s = router(c);
    uint32_t T = case_count(c, 1, 3);
    int32_t *ids = arena_must(c->mem, (size_t)T * s->top_k, sizeof *ids);
    tensor *logits = case_input(c, "logits", T, s->experts);
    for (size_t i = 0; i < c->in[0].rows * c->in[0].width; i++) c->in[0].drawn[i] = c->in[0].x[i] *= 3;
    c->choice = ids;
    c->n_choice = (size_t)T * s->top_k;
    ARGS(c, moe_route, case_output(c, T, s->top_k), ids, logits, case_coin(c) ? case_values(c, s->experts) : NULL, s);
}

static void case_moe_linear(grad_case *c) {
    dtype type = case_format(c);
    uint32_t T = case_count(c, 1, 4), k = case_count(c, 1, 3), experts = case_count(c, 1, 4), out = case_count(c, 1, 4);
    uint64_t in = case_cols(c, type);
    weight *w = case_weight(c, "w", type, experts, out, in);
    if (case_coin(c)) case_scatter(c, w);
    if (case_coin(c)) case_bias(c, w);
    tensor *x = case_input(c, "x", case_coin(c) ? T : T * k, in);
    ARGS(c, moe_linear, .y = { case_output(c, (uint64_t)T * k, out) }, .x = x, .w = { w }, .ids = indices(c, (size_t)T * k, experts), .top_k = k, .n = 1);
}

static void case_moe_combine(grad_case *c) {
    uint32_t T = case_count(c, 1, 4), k = case_count(c, 1, 4), n = case_count(c, 1, 12);
    tensor *x = case_input(c, "x", (uint64_t)T * k, n);
    ARGS(c, moe_combine, case_output(c, T, n), x, case_input(c, "weight", T, k));
}

static void case_xent(grad_case *c) {
    uint32_t T = case_count(c, 1, 5), V = case_count(c, 2, 20);
    int32_t *target = indices(c, T, V);
    if (case_coin(c)) target[case_count(c, 0, T - 1)] = -1;
    ARGS(c, xent, case_output(c, T, 1), case_input(c, "x", T, V), target);
}

typedef struct op_row {
    const char *name;
    void (*make)(grad_case *c);
    void (*run)(const fwd *f, const void *args);
} op_row;

static op_row rows[OP_COUNT] = {
#define OP(NAME) [OP_ID_##NAME] = { #NAME, case_##NAME, run_##NAME },
#include "op/ops.def"
#undef OP
};

enum { CASES = 64 };
static const double tolerance = 2e-3;

static void gradient_is_that_of_finite_differences(void **state) {
    const op_row *row = *state;
    size_t compared = 0, skipped = 0;
    double worst = 0;
    for (uint64_t seed = 1; seed <= CASES; seed++) {
        const char *where = "none";
        grad_case c = case_new(seed);
        row->make(&c);
        c.run = row->run;
        double error = case_error(&c, &where);
        if (!(error < tolerance)) fail_msg("%s, seed %d: error %.2e in the gradient of %s", row->name, (int)seed, error, where);
        worst = fmax(worst, error);
        compared += c.compared;
        skipped += c.skipped;
        case_free(&c);
    }
    printf("%-12s worst relative error %.1e of %zu gradients, %zu skipped\n", row->name, worst, compared, skipped);
    assert_true(compared > CASES && skipped * 4 < compared);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define OP(NAME) { #NAME, gradient_is_that_of_finite_differences, NULL, NULL, &rows[OP_ID_##NAME] },
#include "op/ops.def"
#undef OP
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
