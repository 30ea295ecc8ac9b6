/* A programmer's mistake stops the program, in release builds too: for each op, arguments that pass, and ways to break
 * them that must not. Every mistake is made in a child process, which must die of SIGABRT. */
#include "unit/check.h"
#include "op/tape.h"
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ROWS = 4, IN = 6, OUT = 5, VOCAB = 7, EXPERTS = 8, TOP_K = 2, HEADS = 4, KV_HEADS = 2, K_HEAD = 3, V_HEAD = 2, WIDE = 48 };

/* Valid arguments of every op, and what they point to. Each tensor has memory of its own. */
typedef struct good {
#define OP(NAME) NAME##_args NAME;
#include "op/ops.def"
#undef OP
    tensor t[48];
    size_t n_t;
    float memory[48][ROWS * TOP_K * WIDE];
    weight w, heads_w, experts_w, table_w;
    int32_t ids[ROWS], rows[ROWS], pos[ROWS], seq[ROWS], experts[ROWS * TOP_K];
    uint8_t rope_choice[ROWS];
    batch b;
    rope_table tables[2];
    router_spec spec;
    kv_view kv;
    const uint32_t *pages[1];
} good;

static tensor *make(good *g, uint64_t rows, uint64_t cols) {
    g->t[g->n_t] = tensor_view_f32(g->memory[g->n_t], rows, cols);
    return &g->t[g->n_t++];
}

static weight make_weight(good *g, uint32_t n, uint64_t rows, uint64_t cols) {
    weight w = { .w = *make(g, rows, cols) };
    w.w.n = n;
    return w;
}

static void fill_tables(good *g) {
    static const float freq[2] = { 1, 0.5f };
    static const uint32_t first_page[1] = { 0 };
    for (int i = 0; i < ROWS; i++) g->ids[i] = g->rows[i] = g->pos[i] = i;
    for (int i = 0; i < ROWS * TOP_K; i++) g->experts[i] = i % EXPERTS;
    g->pages[0] = first_page;
    g->b = (batch){ .T = ROWS, .id = g->ids, .pos = g->pos, .seq = g->seq, .rope = g->rope_choice, .pages = g->pages };
    g->tables[0] = g->tables[1] = (rope_table){ .pairs = 2, .inv_freq = freq, .mscale = 1 };
    g->spec = (router_spec){ .experts = EXPERTS, .top_k = TOP_K, .groups = 4, .top_groups = 2, .group_top2 = true, .scale = 1 };
    g->kv = (kv_view){ .type = DTYPE_F32, .page_tokens = ATTN_SPLIT, .n_layers = 2, .n_heads = KV_HEADS, .k_head = K_HEAD, .v_head = V_HEAD };
    assert_true(kv_view_layout(&g->kv));
    g->table_w = make_weight(g, 1, VOCAB, IN);
    g->w = make_weight(g, 1, OUT, IN);
    g->heads_w = make_weight(g, 2, OUT, IN);
    g->experts_w = make_weight(g, EXPERTS, OUT, IN);
}

static void fill_simple(good *g) {
    g->embed = (embed_args){ make(g, ROWS, IN), &g->table_w, g->ids };
    g->rmsnorm = (rmsnorm_args){ make(g, ROWS, IN), make(g, ROWS, IN), make(g, 1, IN / 2), 1e-5f };
    g->linear = (linear_args){ .y = { make(g, ROWS, OUT) }, .x = make(g, ROWS, IN), .w = { &g->w }, .n = 1 };
    g->linear_heads = (linear_heads_args){ .y = make(g, ROWS, 2 * 3), .x = make(g, ROWS, 2 * IN), .w = &g->heads_w, .row0 = 2, .n_rows = 3,
                                           .y_step = 3, .x_step = IN };
    g->rope = (rope_args){ make(g, ROWS, 2 * 5), &g->b, g->tables, 2, 5, 1, 2 };
    g->pack = (pack_args){ make(g, ROWS, 8), make(g, ROWS, 9), 2, 3, 4, 1, 5, 1 };
    g->swiglu = (swiglu_args){ make(g, ROWS, IN), make(g, ROWS, IN), make(g, ROWS, IN) };
    g->add = (add_args){ make(g, ROWS, IN), make(g, ROWS, IN), make(g, ROWS, IN) };
    g->gather = (gather_args){ make(g, 2, IN), make(g, ROWS, IN), g->rows };
    g->xent = (xent_args){ make(g, ROWS, 1), make(g, ROWS, VOCAB), g->ids };
}

static good *new_good(void) {
    good *g = calloc(1, sizeof *g);
    assert_non_null(g);
    fill_tables(g);
    fill_simple(g);
    g->attn = (attn_args){ .y = make(g, ROWS, HEADS * V_HEAD), .q = make(g, ROWS, HEADS * K_HEAD), .k = make(g, ROWS, KV_HEADS * K_HEAD),
                           .v = make(g, ROWS, KV_HEADS * V_HEAD), .b = &g->b, .kv = &g->kv, .layer = 1, .heads = HEADS, .kv_heads = KV_HEADS,
                           .k_head = K_HEAD, .v_head = V_HEAD, .scale = 1 };
    g->moe_route = (moe_route_args){ make(g, ROWS, TOP_K), g->experts, make(g, ROWS, EXPERTS), NULL, &g->spec };
    g->moe_linear = (moe_linear_args){ .y = { make(g, ROWS * TOP_K, OUT) }, .x = make(g, ROWS, IN), .w = { &g->experts_w }, .ids = g->experts, .top_k = TOP_K, .n = 1 };
    g->moe_combine = (moe_combine_args){ make(g, ROWS, IN), make(g, ROWS * TOP_K, IN), make(g, ROWS, TOP_K) };
    return g;
}

/* X(op, name, what breaks the arguments g->op) */
#define MISTAKES(X)                                                                                                    \
    X(embed, token_beyond_the_vocabulary, g->ids[2] = VOCAB)                                                           \
    X(embed, token_below_zero, g->ids[0] = -1)                                                                         \
    X(embed, narrow_output, g->embed.y->cols--)                                                                        \
    X(embed, stacked_table, g->table_w.w.n = 2)                                                                        \
    X(embed, table_without_memory, g->table_w.w.data = NULL)                                                           \
    X(embed, output_in_half_precision, g->embed.y->type = DTYPE_F16)                                                   \
    X(embed, no_tokens, g->embed.id = NULL)                                                                            \
    X(rmsnorm, width_no_multiple_of_the_group, g->rmsnorm.y->cols = g->rmsnorm.x->cols = IN - 1)                       \
    X(rmsnorm, fewer_rows_out, g->rmsnorm.y->rows--)                                                                   \
    X(rmsnorm, norm_of_two_rows, ((tensor *)g->rmsnorm.w)->rows = 2)                                                   \
    X(rmsnorm, empty_norm, ((tensor *)g->rmsnorm.w)->cols = 0)                                                         \
    X(rmsnorm, in_place, g->rmsnorm.y = g->rmsnorm.x)                                                                  \
    X(rmsnorm, input_in_half_precision, g->rmsnorm.x->type = DTYPE_F16)                                                \
    X(rmsnorm, norm_in_half_precision, ((tensor *)g->rmsnorm.w)->type = DTYPE_F16)                                     \
    X(linear, no_output, g->linear.n = 0)                                                                              \
    X(linear, more_outputs_than_fit, g->linear.n = LINEAR_MAX + 1)                                                     \
    X(linear, narrow_input, g->linear.x->cols--)                                                                       \
    X(linear, narrow_output, g->linear.y[0]->cols--)                                                                      \
    X(linear, fewer_rows_out, g->linear.y[0]->rows--)                                                                     \
    X(linear, activations_in_half_precision, g->linear.x->type = DTYPE_F16)                                            \
    X(linear, rows_that_overlap, g->linear.x->stride -= sizeof(float))                                                 \
    X(linear, stacked_weight, g->w.w.n = 2)                                                                            \
    X(linear, weight_without_memory, g->w.w.data = NULL)                                                               \
    X(linear, output_in_half_precision, g->linear.y[0]->type = DTYPE_F16)                                                 \
    X(linear, in_place, (g->w.w.rows = IN, g->linear.y[0] = g->linear.x))                                                 \
    X(linear_heads, rows_beyond_the_matrix, g->linear_heads.row0 = 3)                                                  \
    X(linear_heads, narrow_input, g->linear_heads.x->cols--)                                                           \
    X(linear_heads, output_beyond_its_row, g->linear_heads.y_off = 1)                                                  \
    X(linear_heads, transposed_input_beyond_its_row, (g->linear_heads.transposed = true, g->linear_heads.x_off = 4))   \
    X(linear_heads, heads_that_overlap, g->linear_heads.y_step = 2)                                                    \
    X(linear_heads, bias, g->heads_w.bias = g->memory[0])                                                              \
    X(linear_heads, fewer_rows_out, g->linear_heads.y->rows--)                                                         \
    X(linear_heads, input_in_half_precision, g->linear_heads.x->type = DTYPE_F16)                                      \
    X(linear_heads, output_in_half_precision, g->linear_heads.y->type = DTYPE_F16)                                     \
    X(linear_heads, weight_without_memory, g->heads_w.w.data = NULL)                                                   \
    X(linear_heads, gradient_of_a_bias, g->heads_w.bias_grad = g->memory[0])                                           \
    X(linear_heads, in_place, g->linear_heads.y = g->linear_heads.x)                                                   \
    X(rope, heads_beyond_the_row, g->rope.heads = 3)                                                                   \
    X(rope, pairs_beyond_the_row, g->tables[0].pairs = 3)                                                              \
    X(rope, second_table_beyond_the_row, g->tables[1].pairs = 3)                                                       \
    X(rope, heads_that_overlap, g->rope.step = 3)                                                                      \
    X(rope, third_table, g->rope_choice[1] = 2)                                                                        \
    X(rope, batch_of_other_length, g->b.T--)                                                                           \
    X(rope, input_in_half_precision, g->rope.x->type = DTYPE_F16)                                                      \
    X(rope, no_batch, g->rope.b = NULL)                                                                                \
    X(pack, input_beyond_its_row, g->pack.x_off = 2)                                                                   \
    X(pack, output_beyond_its_row, g->pack.y_off = 2)                                                                  \
    X(pack, heads_that_overlap, g->pack.y_step = 2)                                                                    \
    X(pack, fewer_rows_out, g->pack.y->rows--)                                                                         \
    X(pack, no_heads, g->pack.heads = 0)                                                                               \
    X(pack, input_in_half_precision, g->pack.x->type = DTYPE_F16)                                                      \
    X(pack, output_in_half_precision, g->pack.y->type = DTYPE_F16)                                                     \
    X(pack, in_place, g->pack.y = g->pack.x)                                                                           \
    X(attn, heads_no_multiple_of_kv_heads, g->attn.heads = 3)                                                          \
    X(attn, no_kv_heads, g->attn.kv_heads = 0)                                                                         \
    X(attn, narrow_queries, g->attn.q->cols--)                                                                         \
    X(attn, narrow_keys, g->attn.k->cols--)                                                                            \
    X(attn, narrow_values, g->attn.v->cols--)                                                                          \
    X(attn, narrow_output, g->attn.y->cols--)                                                                          \
    X(attn, fewer_keys_than_rows, g->attn.k->rows--)                                                                   \
    X(attn, values_beside_shared_ones, g->attn.shared_v = g->kv.shared_v = true)                                       \
    X(attn, no_values, g->attn.v = NULL)                                                                               \
    X(attn, batch_of_other_length, g->b.T--)                                                                           \
    X(attn, position_left_out, g->pos[3] = 4)                                                                          \
    X(attn, position_below_zero, for (int i = 0; i < ROWS; i++) g->pos[i]--)                                           \
    X(attn, layer_beyond_the_cache, g->attn.layer = 2)                                                                 \
    X(attn, cache_of_other_keys, g->kv.k_head++)                                                                       \
    X(attn, cache_of_other_values, g->kv.v_head++)                                                                     \
    X(attn, cache_of_other_heads, g->kv.n_heads++)                                                                     \
    X(attn, cache_without_pages, g->b.pages = NULL)                                                                    \
    X(attn, no_batch, g->attn.b = NULL)                                                                                \
    X(attn, cache_of_shared_values, g->kv.shared_v = true)                                                             \
    X(attn, shared_values_wider_than_keys,                                                                             \
      (g->attn.shared_v = g->kv.shared_v = true, g->attn.v = NULL, g->attn.v_head = g->kv.v_head = 4,                  \
       g->attn.y->cols = HEADS * 4, g->attn.y->stride = HEADS * 16))                                                   \
    X(attn, five_heads_for_two,                                                                                        \
      (g->attn.heads = 5, g->attn.q->cols = 5 * K_HEAD, g->attn.q->stride = g->attn.q->cols * 4,                       \
       g->attn.y->cols = 5 * V_HEAD, g->attn.y->stride = g->attn.y->cols * 4))                                         \
    X(swiglu, narrow_gate, g->swiglu.gate->cols--)                                                                     \
    X(swiglu, fewer_rows_up, g->swiglu.up->rows--)                                                                     \
    X(swiglu, taped_in_place, (g->swiglu.y = g->swiglu.gate)->grad = g->memory[0])                                     \
    X(swiglu, output_in_half_precision, g->swiglu.y->type = DTYPE_F16)                                                 \
    X(swiglu, taped_in_place_of_up, (g->swiglu.y = g->swiglu.up)->grad = g->memory[0])                                 \
    X(add, narrow_a, g->add.a->cols--)                                                                                 \
    X(add, fewer_rows_of_b, g->add.b->rows--)                                                                          \
    X(add, taped_in_place, (g->add.y = g->add.a)->grad = g->memory[0])                                                 \
    X(add, output_in_half_precision, g->add.y->type = DTYPE_F16)                                                       \
    X(add, taped_in_place_of_b, (g->add.y = g->add.b)->grad = g->memory[0])                                            \
    X(gather, row_beyond_the_input, g->rows[1] = ROWS)                                                                 \
    X(gather, row_below_zero, g->rows[0] = -1)                                                                         \
    X(gather, narrow_output, g->gather.y->cols--)                                                                      \
    X(gather, input_in_half_precision, g->gather.x->type = DTYPE_F16)                                                  \
    X(gather, in_place, g->gather.y = g->gather.x)                                                                     \
    X(gather, no_rows, g->gather.rows = NULL)                                                                          \
    X(moe_route, logits_of_fewer_experts, g->moe_route.logits->cols--)                                                 \
    X(moe_route, weights_of_fewer_experts, g->moe_route.weight->cols--)                                                \
    X(moe_route, none_chosen, g->spec.top_k = 0)                                                                       \
    X(moe_route, groups_of_unequal_size, g->spec.groups = 3)                                                           \
    X(moe_route, more_best_groups_than_groups, g->spec.top_groups = 5)                                                 \
    X(moe_route, no_best_groups, g->spec.top_groups = 0)                                                               \
    X(moe_route, best_groups_of_too_few_experts,                                                                       \
      (g->spec.groups = 8, g->spec.top_groups = 1, g->spec.group_top2 = false))                                        \
    X(moe_route, two_best_of_groups_of_one, g->spec.groups = 8)                                                        \
    X(moe_route, logits_in_half_precision, g->moe_route.logits->type = DTYPE_F16)                                      \
    X(moe_route, nowhere_to_choose, g->moe_route.ids = NULL)                                                           \
    X(moe_route, none_chosen_of_none, (g->spec.top_k = 0, g->moe_route.weight->cols = 0))                              \
    X(moe_route, more_chosen_than_experts,                                                                             \
      (g->spec.groups = 0, g->spec.top_k = 9, g->moe_route.weight->cols = 9, g->moe_route.weight->stride = 36))        \
    X(moe_route, too_many_groups,                                                                                      \
      (g->spec.groups = g->spec.top_groups = g->spec.experts = 300, g->spec.group_top2 = false,                        \
       g->moe_route.logits->cols = 300, g->moe_route.logits->stride = 1200))                                           \
    X(moe_linear, no_output, g->moe_linear.n = 0)                                                                      \
    X(moe_linear, expert_beyond_the_last, g->experts[3] = EXPERTS)                                                     \
    X(moe_linear, expert_below_zero, g->experts[0] = -1)                                                               \
    X(moe_linear, rows_of_neither_kind, g->moe_linear.x->rows = ROWS - 1)                                              \
    X(moe_linear, no_experts_per_row, g->moe_linear.top_k = 0)                                                         \
    X(moe_linear, narrow_input, g->moe_linear.x->cols--)                                                               \
    X(moe_linear, narrow_output, g->moe_linear.y[0]->cols--)                                                              \
    X(moe_linear, input_in_half_precision, g->moe_linear.x->type = DTYPE_F16)                                          \
    X(moe_linear, output_in_half_precision, g->moe_linear.y[0]->type = DTYPE_F16)                                         \
    X(moe_linear, no_experts, g->moe_linear.ids = NULL)                                                                \
    X(moe_linear, output_of_half_a_row, g->moe_linear.x->rows = g->moe_linear.y[0]->rows = ROWS * TOP_K - 1)              \
    X(moe_linear, in_place,                                                                                            \
      (g->experts_w.w.rows = IN, g->moe_linear.y[0]->cols = IN, g->moe_linear.y[0]->stride = IN * 4,                         \
       g->moe_linear.x = g->moe_linear.y[0]))                                                                             \
    X(moe_combine, rows_not_k_per_row, g->moe_combine.x->rows--)                                                       \
    X(moe_combine, narrow_input, g->moe_combine.x->cols--)                                                             \
    X(moe_combine, fewer_rows_out, g->moe_combine.y->rows--)                                                           \
    X(moe_combine, output_in_half_precision, g->moe_combine.y->type = DTYPE_F16)                                       \
    X(moe_combine, weights_in_half_precision, g->moe_combine.weight->type = DTYPE_F16)                                 \
    X(xent, target_beyond_the_vocabulary, g->ids[3] = VOCAB)                                                           \
    X(xent, wide_loss, g->xent.loss->cols = 2)                                                                         \
    X(xent, fewer_losses, g->xent.loss->rows--)                                                                        \
    X(xent, input_in_half_precision, g->xent.x->type = DTYPE_F16)                                                      \
    X(xent, no_targets, g->xent.target = NULL)

#define X(OP_NAME, NAME, BREAK)                                                                                        \
    static void OP_NAME##_##NAME(good *g) { BREAK; }
MISTAKES(X)
#undef X

typedef struct mistake {
    const char *name;
    op_id op;
    void (*make)(good *g);
} mistake;

static const mistake mistakes[] = {
#define X(OP_NAME, NAME, BREAK) { #OP_NAME ": " #NAME, OP_ID_##OP_NAME, OP_NAME##_##NAME },
    MISTAKES(X)
#undef X
};
enum { N_MISTAKES = sizeof mistakes / sizeof *mistakes };

static void check_op(op_id op, const good *g) {
    switch (op) {
#define OP(NAME)                                                                                                       \
    case OP_ID_##NAME: op_##NAME##_check(&g->NAME); break;
#include "op/ops.def"
#undef OP
    case OP_COUNT: break;
    }
}

/* Whether a child that runs this dies of SIGABRT, as a failed assert does. */
static bool aborts(void (*run)(op_id op, const good *g), op_id op, const good *g) {
    fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        if (!freopen("/dev/null", "w", stderr)) _exit(2);
        signal(SIGABRT, SIG_DFL);
        run(op, g);
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

static void right_arguments_pass(void **state) {
    (void)state;
    good *g = new_good();
    for (int op = 0; op < OP_COUNT; op++) check_op((op_id)op, g);
    g->xent.target = memcpy(g->rows, (int32_t[ROWS]){ -1, 0, 1, -1 }, sizeof g->rows); /* no target: no loss */
    check_op(OP_ID_xent, g);
    g->moe_linear.x->rows = ROWS * TOP_K; /* a row for each expert of a row */
    check_op(OP_ID_moe_linear, g);
    g->attn.kv = NULL; /* training */
    g->b.pages = NULL;
    g->seq[2] = g->seq[3] = 1;
    g->pos[2] = 0;
    g->pos[3] = 1;
    check_op(OP_ID_attn, g);
    free(g);
}

static void every_mistake_stops_the_program(void **state) {
    (void)state;
    for (size_t i = 0; i < N_MISTAKES; i++) {
        good *g = new_good();
        mistakes[i].make(g);
        if (!aborts(check_op, mistakes[i].op, g)) fail_msg("%s: the check let it pass, or crashed", mistakes[i].name);
        free(g);
    }
    printf("%d mistakes\n", N_MISTAKES);
}

static void every_op_has_mistakes(void **state) {
    (void)state;
    size_t n[OP_COUNT] = { 0 };
    for (size_t i = 0; i < N_MISTAKES; i++) n[mistakes[i].op]++;
    for (int op = 0; op < OP_COUNT; op++)
        if (n[op] < 3) fail_msg("%s has %zu mistakes here, 3 is the least", op_name((op_id)op), n[op]);
}

static void run_grad(op_id op, const good *g) {
    fwd f = { .mem = arena_new(0) };
    switch (op) {
#define OP(NAME)                                                                                                       \
    case OP_ID_##NAME: op_##NAME##_grad(&f, &g->NAME); break;
#include "op/ops.def"
#undef OP
    case OP_COUNT: break;
    }
}

/* A way back over the cache would read what other passes wrote. */
static void attention_over_a_cache_has_no_gradient(void **state) {
    (void)state;
    good *g = new_good();
    g->attn.y->grad = g->memory[47];
    assert_true(aborts(run_grad, OP_ID_attn, g));
    free(g);
}

/* Where the output has no gradient there is nothing to pass back: the op was not recorded. (rope's output is its input,
 * whose gradient may be unwanted.) */
static void outputs_without_a_gradient_stop_the_way_back(void **state) {
    (void)state;
    good *g = new_good();
    g->attn.kv = NULL;
    for (int op = 0; op < OP_COUNT; op++)
        if (aborts(run_grad, (op_id)op, g) != (op != OP_ID_rope)) fail_msg("%s", op_name((op_id)op));
    free(g);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(right_arguments_pass),
        cmocka_unit_test(every_mistake_stops_the_program),
        cmocka_unit_test(every_op_has_mistakes),
        cmocka_unit_test(attention_over_a_cache_has_no_gradient),
        cmocka_unit_test(outputs_without_a_gradient_stop_the_way_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
