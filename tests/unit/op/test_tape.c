/* Ops together: a network with every op in it (embedding, grouped-query attention with head norms, latent attention over
 * column views, dense and expert feed-forward, loss) is recorded only when asked, computes the same bits either way, and
 * its tape gives the gradients of finite differences. */
#include "unit/op/grad_case.h"

enum { D = 32, V = 11, HEADS = 2, KV_HEADS = 1, HEAD = 8, FF = 32, NOPE = 4, ROPE = 4, LORA = 32, V_DIM = 4, EXPERTS = 4, TOP_K = 2 };
enum { T = 9, N_OUT = 5 };

typedef struct net {
    weight *embed, *q, *k, *v, *o, *gate, *up, *down;                            /* grouped queries, dense */
    weight *mla_q, *k_b, *v_b, *kv_a, *mla_o;                                    /* latent */
    weight *router, *e_gate, *e_up, *e_down, *s_gate, *s_up, *s_down, *output;   /* experts */
    tensor *norm[5], *q_norm, *kv_norm, *loss;
    int32_t *expert;
    const batch *b;
} net;

static const int32_t id[T] = { 3, 1, 4, 1, 5, 9, 2, 6, 5 }, pos[T] = { 0, 1, 2, 3, 4, 0, 1, 2, 3 }, seq[T] = { 0, 0, 0, 0, 0, 1, 1, 1, 1 };
static const int32_t out[N_OUT] = { 0, 3, 4, 7, 8 }, target[N_OUT] = { 1, 5, 0, 6, -1 };
static const uint8_t rope[T] = { 0, 0, 0, 0, 0, 1, 1, 1, 1 };
static const float slow[ROPE / 2] = { 1, 0.1f }, fast[ROPE / 2] = { 2, 0.3f };
static const rope_table tables[2] = { { ROPE / 2, slow, 1, false }, { ROPE / 2, fast, 1.2f, true } };
static const batch rows = { .T = T, .id = id, .pos = pos, .seq = seq, .rope = rope, .n_out = N_OUT, .out = out };
static const router_spec router = { .experts = EXPERTS, .top_k = TOP_K, .sigmoid = true, .normalize = true, .scale = 1.5f };

static tensor *linear(const fwd *f, tensor *x, const weight *w) {
    tensor *y = fwd_tensor(f, x->rows, w->w.rows);
    op_linear(f, (linear_args){ .y = { y }, .x = x, .w = { w }, .n = 1 });
    return y;
}

static tensor *norm(const fwd *f, tensor *x, const tensor *w) {
    tensor *y = fwd_tensor(f, x->rows, x->cols);
    op_rmsnorm(f, (rmsnorm_args){ y, x, w, 1e-5f });
    return y;
}

static tensor *add(const fwd *f, tensor *a, tensor *b) {
    tensor *y = fwd_tensor(f, a->rows, a->cols);
    op_add(f, (add_args){ y, a, b });
    return y;
}

static tensor *grouped_heads(const fwd *f, const net *n, tensor *x) {
    tensor *q = norm(f, linear(f, x, n->q), n->q_norm), *k = linear(f, x, n->k), *v = linear(f, x, n->v), *y = fwd_tensor(f, T, HEADS * HEAD);
    op_rope(f, (rope_args){ q, n->b, tables, HEADS, HEAD, 0, 2 });
    op_rope(f, (rope_args){ k, n->b, tables, KV_HEADS, HEAD, 0, 2 });
    op_attn(f, (attn_args){ .y = y, .q = q, .k = k, .v = v, .b = n->b, .heads = HEADS, .kv_heads = KV_HEADS, .k_head = HEAD, .v_head = HEAD,
                            .window = 3, .scale = 0.35f });
    return linear(f, y, n->o);
}

static tensor *latent_queries(const fwd *f, const net *n, tensor *x) {
    tensor *q = linear(f, x, n->mla_q), *y = fwd_tensor(f, T, HEADS * (LORA + ROPE));
    op_rope(f, (rope_args){ q, n->b, tables, HEADS, NOPE + ROPE, NOPE, 2 });
    op_linear_heads(f, (linear_heads_args){ .y = y, .x = q, .w = n->k_b, .n_rows = NOPE, .y_step = LORA + ROPE, .x_step = NOPE + ROPE, .transposed = true });
    op_pack(f, (pack_args){ y, q, HEADS, ROPE, LORA + ROPE, LORA, NOPE + ROPE, NOPE });
    return y;
}

static tensor *latent(const fwd *f, const net *n, tensor *x) {
    tensor *q = latent_queries(f, n, x), *kv = linear(f, x, n->kv_a), *k = fwd_tensor(f, T, LORA + ROPE);
    op_rope(f, (rope_args){ kv, n->b, tables, 1, 0, LORA, 2 });
    op_rmsnorm(f, (rmsnorm_args){ fwd_columns(f, k, 0, LORA), fwd_columns(f, kv, 0, LORA), n->kv_norm, 1e-5f });
    op_pack(f, (pack_args){ k, kv, 1, ROPE, 0, LORA, 0, LORA });
    tensor *c = fwd_tensor(f, T, HEADS * LORA), *y = fwd_tensor(f, T, HEADS * V_DIM);
    op_attn(f, (attn_args){ .y = c, .q = q, .k = k, .b = n->b, .heads = HEADS, .kv_heads = 1, .k_head = LORA + ROPE, .v_head = LORA,
                            .shared_v = true, .scale = 0.2f });
    op_linear_heads(f, (linear_heads_args){ .y = y, .x = c, .w = n->v_b, .n_rows = V_DIM, .y_step = V_DIM, .x_step = LORA });
    return linear(f, y, n->mla_o);
}

static tensor *dense(const fwd *f, tensor *x, const weight *gate_w, const weight *up_w, const weight *down_w) {
    tensor *gate = linear(f, x, gate_w), *up = linear(f, x, up_w), *h = fwd_tensor(f, T, FF);
    op_swiglu(f, (swiglu_args){ h, gate, up });
    return linear(f, h, down_w);
}

static tensor *experts(const fwd *f, const net *n, tensor *x) {
    tensor *weights = fwd_tensor(f, T, TOP_K), *gate = fwd_tensor(f, T * TOP_K, FF), *up = fwd_tensor(f, T * TOP_K, FF);
    tensor *h = fwd_tensor(f, T * TOP_K, FF), *down = fwd_tensor(f, T * TOP_K, D), *y = fwd_tensor(f, T, D);
    op_moe_route(f, (moe_route_args){ weights, n->expert, linear(f, x, n->router), NULL, &router });
    op_moe_linear(f, (moe_linear_args){ .y = { gate, up }, .x = x, .w = { n->e_gate, n->e_up }, .ids = n->expert, .top_k = TOP_K, .n = 2 });
    op_swiglu(f, (swiglu_args){ h, gate, up });
    op_moe_linear(f, (moe_linear_args){ .y = { down }, .x = h, .w = { n->e_down }, .ids = n->expert, .top_k = TOP_K, .n = 1 });
    op_moe_combine(f, (moe_combine_args){ y, down, weights });
    return add(f, y, dense(f, x, n->s_gate, n->s_up, n->s_down));
}

static void network(const fwd *f, const void *args) {
    const net *n = args;
    tensor *x = fwd_tensor(f, T, D), *last = fwd_tensor(f, N_OUT, D);
    op_embed(f, (embed_args){ x, n->embed, id });
    x = add(f, x, grouped_heads(f, n, norm(f, x, n->norm[0])));
    x = add(f, x, dense(f, norm(f, x, n->norm[1]), n->gate, n->up, n->down));
    x = add(f, x, latent(f, n, norm(f, x, n->norm[2])));
    x = add(f, x, experts(f, n, norm(f, x, n->norm[3])));
    op_gather(f, (gather_args){ last, x, out });
    op_xent(f, (xent_args){ n->loss, linear(f, norm(f, last, n->norm[4]), n->output), target });
}

/* In the order in which network() calls them. */
static const op_id calls[] = {
    OP_ID_embed,
    OP_ID_rmsnorm, OP_ID_linear, OP_ID_rmsnorm, OP_ID_linear, OP_ID_linear, OP_ID_rope, OP_ID_rope, OP_ID_attn, OP_ID_linear, OP_ID_add,
    OP_ID_rmsnorm, OP_ID_linear, OP_ID_linear, OP_ID_swiglu, OP_ID_linear, OP_ID_add,
    OP_ID_rmsnorm, OP_ID_linear, OP_ID_rope, OP_ID_linear_heads, OP_ID_pack, OP_ID_linear, OP_ID_rope, OP_ID_rmsnorm, OP_ID_pack, OP_ID_attn,
    OP_ID_linear_heads, OP_ID_linear, OP_ID_add,
    OP_ID_rmsnorm, OP_ID_linear, OP_ID_moe_route, OP_ID_moe_linear, OP_ID_swiglu, OP_ID_moe_linear, OP_ID_moe_combine,
    OP_ID_linear, OP_ID_linear, OP_ID_swiglu, OP_ID_linear, OP_ID_add, OP_ID_add,
    OP_ID_gather, OP_ID_rmsnorm, OP_ID_linear, OP_ID_xent,
};
enum { CALLS = sizeof calls / sizeof *calls };

static void attention_weights(grad_case *c, net *n) {
    n->q = case_weight(c, "q", DTYPE_Q8_0, 1, HEADS * HEAD, D);
    n->k = case_weight(c, "k", DTYPE_F32, 1, KV_HEADS * HEAD, D);
    n->v = case_weight(c, "v", DTYPE_BF16, 1, KV_HEADS * HEAD, D);
    n->o = case_weight(c, "o", DTYPE_F32, 1, D, HEADS * HEAD);
    case_bias(c, n->q);
    n->mla_q = case_weight(c, "mla q", DTYPE_F32, 1, HEADS * (NOPE + ROPE), D);
    n->k_b = case_weight(c, "k_b", DTYPE_Q8_0, HEADS, NOPE, LORA);
    n->v_b = case_weight(c, "v_b", DTYPE_F32, HEADS, V_DIM, LORA);
    n->kv_a = case_weight(c, "kv_a", DTYPE_BF16, 1, LORA + ROPE, D);
    n->mla_o = case_weight(c, "mla o", DTYPE_F32, 1, D, HEADS * V_DIM);
}

static void feed_forward_weights(grad_case *c, net *n) {
    n->gate = case_weight(c, "gate", DTYPE_F32, 1, FF, D);
    n->up = case_weight(c, "up", DTYPE_Q8_0, 1, FF, D);
    n->down = case_weight(c, "down", DTYPE_F32, 1, D, FF);
    n->router = case_weight(c, "router", DTYPE_F32, 1, EXPERTS, D);
    n->e_gate = case_weight(c, "expert gate", DTYPE_Q8_0, EXPERTS, FF, D);
    n->e_up = case_weight(c, "expert up", DTYPE_F32, EXPERTS, FF, D);
    case_scatter(c, n->e_up);
    n->e_down = case_weight(c, "expert down", DTYPE_BF16, EXPERTS, D, FF);
    n->s_gate = case_weight(c, "shared gate", DTYPE_F32, 1, FF, D);
    n->s_up = case_weight(c, "shared up", DTYPE_F32, 1, FF, D);
    n->s_down = case_weight(c, "shared down", DTYPE_Q8_0, 1, D, FF);
}

static grad_case new_network(uint64_t seed) {
    grad_case c = case_new(seed);
    net *n = arena_must(c.mem, 1, sizeof *n);
    c.scale = 0.4f;
    n->embed = case_weight(&c, "embed", DTYPE_BF16, 1, V, D);
    attention_weights(&c, n);
    feed_forward_weights(&c, n);
    n->output = case_weight(&c, "output", DTYPE_Q8_0, 1, V, D);
    for (int i = 0; i < 5; i++) n->norm[i] = case_input(&c, "norm", 1, D);
    n->q_norm = case_input(&c, "q norm", 1, HEAD);
    n->kv_norm = case_input(&c, "kv norm", 1, LORA);
    n->loss = case_output(&c, N_OUT, 1);
    n->expert = arena_must(c.mem, T * TOP_K, sizeof(int32_t));
    n->b = &rows;
    c.choice = n->expert;
    c.n_choice = T * TOP_K;
    c.records = CALLS;
    c.run = network;
    c.args = n;
    return c;
}

static void every_op_is_in_the_network(void **state) {
    (void)state;
    bool called[OP_COUNT] = { false };
    for (size_t i = 0; i < CALLS; i++) called[calls[i]] = true;
    for (int op = 0; op < OP_COUNT; op++)
        if (!called[op]) fail_msg("%s is not in the network of this test", op_name((op_id)op));
}

static void the_tape_holds_the_calls_in_order(void **state) {
    (void)state;
    grad_case c = new_network(1);
    tape t = { 0 };
    fwd f = case_fwd(&c, &t);
    network(&f, c.args);
    assert_int_equal(t.n, CALLS);
    for (size_t i = 0; i < CALLS; i++) assert_string_equal(op_name(t.records[i].op), op_name(calls[i]));
    tape_free(&t);
    case_free(&c);
}

static void without_a_tape_nothing_is_kept_and_the_bits_are_the_same(void **state) {
    (void)state;
    grad_case c = new_network(1);
    tape t = { 0 };
    fwd taped = case_fwd(&c, &t);
    assert_non_null(fwd_tensor(&taped, 2, 3)->grad);
    network(&taped, c.args);
    size_t used = arena_used(c.scratch);
    float *with = case_copy(&c, c.y_whole, N_OUT * c.y_width);
    for (uint64_t i = 0; i < N_OUT; i++) memset(tensor_f32(c.y, i), 0xff, sizeof(float));
    fwd plain = case_fwd(&c, NULL);
    assert_null(fwd_tensor(&plain, 2, 3)->grad);
    network(&plain, c.args);
    for (uint64_t i = 0; i < N_OUT; i++) assert_memory_equal(tensor_f32(c.y, i), &with[i * c.y_width + c.y_off], sizeof(float));
    assert_true(arena_used(c.scratch) < used);
    assert_int_equal(t.n, CALLS);
    tape_free(&t);
    case_free(&c);
}

static void columns_share_values_and_gradient(void **state) {
    (void)state;
    grad_case c = case_new(1);
    tape t = { 0 };
    fwd f = case_fwd(&c, &t);
    tensor *x = fwd_tensor(&f, 3, 7), *part = fwd_columns(&f, x, 2, 4);
    tensor_f32(part, 2)[1] = 5;
    tensor_grad(part, 1)[3] = 6;
    assert_true(tensor_f32(x, 2)[3] == 5 && tensor_grad(x, 1)[5] == 6 && part->cols == 4);
    case_free(&c);
}

/* Gradients of one batch after another add up: two passes over the same give twice those of one. */
static void passes_add_up(void **state) {
    (void)state;
    grad_case c = new_network(2);
    for (size_t i = 0; i < c.n_in; i++) memset(c.in[i].before, 0, c.in[i].rows * c.in[i].width * sizeof(float));
    case_backward(&c);
    const grad_input *q = &c.in[1];
    size_t n = q->rows * q->width;
    float *once = case_copy(&c, q->grad, n);
    tape t = { 0 };
    fwd f = case_fwd(&c, &t);
    network(&f, c.args);
    tape_backward(&f, &t);
    for (size_t i = 0; i < n; i++) assert_true(fabsf(q->grad[i] - 2 * once[i]) <= 1e-6f * fabsf(once[i]) + 1e-6f);
    tape_free(&t);
    case_free(&c);
}

static void gradients_of_the_whole_are_those_of_finite_differences(void **state) {
    (void)state;
    double worst = 0;
    size_t compared = 0, skipped = 0;
    for (uint64_t seed = 1; seed <= 2; seed++) {
        const char *where = "none";
        grad_case c = new_network(seed);
        c.every = 31;
        double error = case_error(&c, &where);
        if (!(error < 2e-2)) fail_msg("seed %d: error %.2e in the gradient of %s", (int)seed, error, where);
        worst = fmax(worst, error);
        compared += c.compared;
        skipped += c.skipped;
        case_free(&c);
    }
    printf("network      worst relative error %.1e of %zu gradients, %zu skipped\n", worst, compared, skipped);
    assert_true(compared > 1000 && skipped * 4 < compared);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_op_is_in_the_network),
        cmocka_unit_test(the_tape_holds_the_calls_in_order),
        cmocka_unit_test(without_a_tape_nothing_is_kept_and_the_bits_are_the_same),
        cmocka_unit_test(columns_share_values_and_gradient),
        cmocka_unit_test(passes_add_up),
        cmocka_unit_test(gradients_of_the_whole_are_those_of_finite_differences),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
