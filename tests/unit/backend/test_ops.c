/* The ops that are not linear layers: the cpu backend against the scalar reference, bit for bit, on every instruction set of this
 * machine, over random shapes, strides, cache formats, batches of several sequences and threads. */
#include "unit/check.h"
#include "backend/backend.h"
#include "base/cpu.h"
#include "base/mem.h"
#include "base/rng.h"
#include "tensor/quant.h"
#include <math.h>

enum { MAX_T = 90, MAX_PAGES = 64, SEQS = 3 };

static uint64_t draws;
static uint32_t below(uint32_t n) { return (uint32_t)(rng_uniform(29, draws++, 0) * n); }
static uint32_t between(uint32_t a, uint32_t b) { return a + below(b - a + 1); }
static float value(void) { return (float)((rng_uniform(31, draws++, 0) - 0.5) * 3); }

typedef struct bench {
    fwd want, got;
    const char *isa;
} bench;

static tensor *random_tensor(const bench *b, uint64_t rows, uint64_t cols) {
    tensor *t = arena_must(b->want.mem, 1, sizeof *t);
    uint64_t wide = cols + below(5);
    *t = tensor_view_f32(arena_must(b->want.mem, rows * wide + 1, sizeof(float)), rows, cols);
    t->stride = wide * sizeof(float);
    for (uint64_t i = 0; i < rows * wide; i++) ((float *)t->data)[i] = value();
    return t;
}

static tensor *copy_of(const bench *b, const tensor *x) {
    tensor *t = arena_must(b->want.mem, 1, sizeof *t);
    *t = *x;
    t->data = arena_must(b->want.mem, x->rows * x->stride + 4, 1);
    memcpy(t->data, x->data, x->rows * x->stride);
    return t;
}

static void same(const bench *b, const tensor *want, const tensor *got, const char *what) {
    for (uint64_t t = 0; t < want->rows; t++)
        for (uint64_t i = 0; i < want->cols; i++) {
            float x = tensor_f32(want, t)[i], y = tensor_f32(got, t)[i];
            if (memcmp(&x, &y, sizeof x) != 0 && !(x != x && y != y))
                fail_msg("%s on %s: row %d of %d, column %d of %d is %a, by the reference %a", what, b->isa, (int)t, (int)want->rows, (int)i, (int)want->cols, (double)y, (double)x);
        }
}

/* Rows of up to SEQS sequences, each a chunk from some position on. */
static batch *random_batch(const bench *b, uint32_t T, uint32_t furthest) {
    batch *rows = arena_must(b->want.mem, 1, sizeof *rows);
    int32_t *pos = arena_must(b->want.mem, T, sizeof *pos), *seq = arena_must(b->want.mem, T, sizeof *seq);
    uint8_t *rope = arena_must(b->want.mem, T, 1);
    for (uint32_t t = 0, s = 0, end; t < T; t = end, s++) {
        end = s + 1 < SEQS && T - t > 1 ? t + between(1, T - t) : T;
        uint32_t at = below(furthest - (end - t) + 1);
        for (uint32_t i = t; i < end; i++) {
            pos[i] = (int32_t)(at + i - t);
            seq[i] = (int32_t)s;
            rope[i] = (uint8_t)(s % 2);
        }
    }
    *rows = (batch){ .T = T, .pos = pos, .seq = seq, .rope = below(2) ? rope : NULL };
    return rows;
}

static void fill_cache(const kv_view *kv, uint32_t pages) { /* every slot holds something sane, as earlier rows would have left it */
    float *x = mem_must(kv->k_head > kv->v_head ? kv->k_head : kv->v_head, sizeof *x);
    for (uint32_t p = 0; p < pages; p++)
        for (uint32_t l = 0; l < kv->n_layers; l++)
            for (uint32_t h = 0; h < kv->n_heads; h++)
                for (uint32_t s = 0; s < kv->page_tokens; s++) {
                    for (uint32_t i = 0; i < kv->k_head; i++) x[i] = value();
                    kv_put_k(kv, kv_k(kv, p, l, h), s, x);
                    for (uint32_t i = 0; i < kv->v_head; i++) x[i] = value();
                    if (!kv->shared_v) kv_put_v(kv, kv_v(kv, p, l, h), s, x);
                }
    free(x);
}

/* Slots behind each sequence's last row hold not numbers but what memory held: nothing of it may be felt. */
static void spoil(const kv_view *kv, const batch *b, uint32_t per_seq) {
    float *x = mem_must(kv->k_head > kv->v_head ? kv->k_head : kv->v_head, sizeof *x);
    for (uint32_t i = 0; i < kv->k_head || i < kv->v_head; i++) x[i] = i % 2 ? INFINITY : NAN;
    for (size_t t = 0; t < b->T; t++) {
        if (t + 1 < b->T && b->seq[t + 1] == b->seq[t]) continue;
        for (uint32_t p = (uint32_t)b->pos[t] + 1; p < per_seq * kv->page_tokens; p++)
            for (uint32_t h = 0; h < kv->n_heads; h++) {
                uint32_t page = b->pages[b->seq[t]][p / kv->page_tokens];
                kv_put_k(kv, kv_k(kv, page, kv->n_layers - 1, h), p % kv->page_tokens, x);
                if (!kv->shared_v) kv_put_v(kv, kv_v(kv, page, kv->n_layers - 1, h), p % kv->page_tokens, x);
            }
    }
    free(x);
}

/* kv: its shape; rows: positions and sequences of the batch, each sequence with per_seq pages. */
static void compare_attention(bench *b, kv_view kv, batch *rows, uint32_t group, uint32_t window, uint32_t per_seq) {
    precision p = below(2) ? PRECISION_FAST : PRECISION_EXACT;
    kv.pairs = !kv.shared_v && below(3) && b->got.backend->kv_pairs(kv.type, p);
    assert_true(kv_view_layout(&kv));
    kv.data = aligned_alloc(64, (MAX_PAGES * kv.page_bytes + 63) / 64 * 64);
    fill_cache(&kv, per_seq * SEQS);
    uint32_t numbers[MAX_PAGES], T = (uint32_t)rows->T;
    const uint32_t *pages[SEQS];
    for (uint32_t i = 0; i < MAX_PAGES; i++) numbers[i] = per_seq * SEQS - 1 - i;
    for (uint32_t s = 0; s < SEQS; s++) pages[s] = numbers + s * per_seq;
    rows->pages = pages;
    spoil(&kv, rows, per_seq);
    tensor *y = random_tensor(b, T, kv.n_heads * group * kv.v_head), *other = copy_of(b, y);
    attn_args a = { .y = y, .q = random_tensor(b, T, kv.n_heads * group * kv.k_head), .k = random_tensor(b, T, kv.n_heads * kv.k_head),
                    .v = kv.shared_v ? NULL : random_tensor(b, T, kv.n_heads * kv.v_head), .b = rows, .kv = &kv, .layer = 1, .heads = kv.n_heads * group,
                    .kv_heads = kv.n_heads, .k_head = kv.k_head, .v_head = kv.v_head, .shared_v = kv.shared_v, .scale = 0.3f, .window = window };
    b->want.precision = b->got.precision = p;
    op_attn(&b->want, a);
    a.y = other;
    fwd planned = b->got; /* in no more memory than is planned for it */
    planned.mem = arena_new(b->got.backend->attn_scratch(&kv, a.heads, T, (uint32_t)pool_threads(b->got.pool)));
    op_attn(&planned, a);
    arena_free(planned.mem);
    same(b, y, other, b->want.precision == PRECISION_FAST ? "fast attention" : "attention");
    b->want.precision = b->got.precision = PRECISION_EXACT;
    free(kv.data);
}

static const dtype cache_types[] = { DTYPE_F16, DTYPE_Q8_0, DTYPE_F32 };

static void attention(bench *b) {
    bool shared = below(4) == 0, deep = below(3) == 0;
    uint32_t kv_heads = shared ? 1 : between(1, 3), group = between(1, shared ? 33 : 8), T = below(3) ? between(1, 8) : between(1, MAX_T);
    uint32_t k_head = between(1, shared ? 150 : 100), v_head = shared ? between(1, k_head) : between(1, 100), per_seq = deep ? MAX_PAGES / SEQS : 3;
    kv_view kv = { .type = cache_types[below(3)], .page_tokens = ATTN_SPLIT, .n_layers = 2, .n_heads = kv_heads, .k_head = k_head, .v_head = v_head, .shared_v = shared };
    compare_attention(b, kv, random_batch(b, T, per_seq * ATTN_SPLIT), group, below(3) ? 0 : between(1, below(2) ? 100 : 900), per_seq);
}

/* Rows of one tile of which only some see a segment: the later ones none of the first segment (their window has left it), or the
 * earlier ones none of the second. */
static void edges_of_segments(bench *b) {
    static const struct { uint32_t first, window; } edges[] = { { ATTN_SEGMENT + 93, 100 }, { ATTN_SEGMENT - 7, 0 }, { ATTN_SEGMENT - 7, 3 } };
    for (size_t i = 0; i < sizeof edges / sizeof *edges; i++) {
        int32_t pos[16], seq[16] = { 0 };
        for (int t = 0; t < 16; t++) pos[t] = (int32_t)edges[i].first + t;
        kv_view kv = { .type = cache_types[below(3)], .page_tokens = ATTN_SPLIT, .n_layers = 2, .n_heads = 1, .k_head = 24, .v_head = 40 };
        compare_attention(b, kv, &(batch){ .T = 16, .pos = pos, .seq = seq }, 2, edges[i].window, MAX_PAGES / SEQS);
    }
}

static void rotation(const bench *b) {
    uint32_t T = between(1, MAX_T), heads = between(1, 5), pairs = between(1, 40), off = below(4), step = 2 * pairs + off + below(3);
    float freq[40];
    for (uint32_t i = 0; i < pairs; i++) freq[i] = powf(10000, -(float)i / (float)pairs) * (below(50) ? 1 : 1e4f); /* beyond VMATH_TURN_MAX too */
    rope_table r[2] = { { pairs, freq, 1, below(2) }, { (pairs + 1) / 2, freq, 1.2f, below(2) } };
    tensor *x = random_tensor(b, T, heads * step), *other = copy_of(b, x);
    rope_args a = { .x = x, .b = random_batch(b, T, 3000), .tables = r, .heads = heads, .step = step, .off = off, .n_tables = 2 };
    op_rope(&b->want, a);
    a.x = other;
    op_rope(&b->got, a);
    same(b, x, other, "rope");
}

static void along_rows(const bench *b) {
    uint32_t T = between(1, MAX_T), groups = between(1, 4), n = between(1, 300), top_k = between(1, 8);
    tensor *x = random_tensor(b, T, groups * n), *z = random_tensor(b, T, groups * n), *y = random_tensor(b, T, groups * n), *other = copy_of(b, y);
    tensor *w = random_tensor(b, 1, n), *many = random_tensor(b, T * top_k, groups * n), *weights = random_tensor(b, T, top_k);
    op_rmsnorm(&b->want, (rmsnorm_args){ y, x, w, 1e-5f });
    op_rmsnorm(&b->got, (rmsnorm_args){ other, x, w, 1e-5f });
    same(b, y, other, "rmsnorm");
    op_swiglu(&b->want, (swiglu_args){ y, x, z });
    op_swiglu(&b->got, (swiglu_args){ other, x, z });
    same(b, y, other, "swiglu");
    op_add(&b->want, (add_args){ y, x, z });
    op_add(&b->got, (add_args){ other, x, z });
    same(b, y, other, "add");
    op_moe_combine(&b->want, (moe_combine_args){ y, many, weights });
    op_moe_combine(&b->got, (moe_combine_args){ other, many, weights });
    same(b, y, other, "moe_combine");
    op_pack(&b->want, (pack_args){ y, x, groups, n / 2, n, n / 3, n, 0 });
    op_pack(&b->got, (pack_args){ other, x, groups, n / 2, n, n / 3, n, 0 });
    same(b, y, other, "pack");
}

static void routing(const bench *b) {
    uint32_t T = between(1, MAX_T), groups = between(1, 4), experts = groups * between(2, 40), top_k = between(1, experts / groups);
    router_spec s = { .experts = experts, .top_k = top_k, .groups = groups, .top_groups = between(1, groups), .sigmoid = below(2), .group_top2 = below(2),
                      .normalize = below(2), .scale = 1.5f };
    tensor *logits = random_tensor(b, T, experts), *y = random_tensor(b, T, top_k), *other = copy_of(b, y), *bias = random_tensor(b, 1, experts);
    int32_t *ids = arena_must(b->want.mem, T * top_k, sizeof *ids), *other_ids = arena_must(b->want.mem, T * top_k, sizeof *ids);
    const float *biases = below(2) ? tensor_f32(bias, 0) : NULL;
    op_moe_route(&b->want, (moe_route_args){ y, ids, logits, biases, &s });
    op_moe_route(&b->got, (moe_route_args){ other, other_ids, logits, biases, &s });
    same(b, y, other, "moe_route");
    assert_memory_equal(ids, other_ids, T * top_k * sizeof *ids);
}

static weight random_weight(const bench *b, dtype type, uint32_t n, uint64_t rows, uint64_t cols) {
    weight w = { .w = { .type = type, .n = n, .rows = rows, .cols = cols } };
    float *x = arena_must(b->want.mem, cols, sizeof *x);
    assert_true(dtype_row_bytes(type, cols, &w.w.stride));
    w.w.data = arena_must(b->want.mem, n * rows, w.w.stride);
    for (uint64_t r = 0; r < n * rows; r++) {
        for (uint64_t i = 0; i < cols; i++) x[i] = value();
        quant_of(type)->from_f32(x, (char *)w.w.data + r * w.w.stride, cols);
    }
    return w;
}

static void weights_of_heads_and_tokens(const bench *b) {
    static const dtype types[] = { DTYPE_F32, DTYPE_BF16, DTYPE_F16, DTYPE_Q8_0, DTYPE_Q4_0 };
    dtype type = types[below(5)];
    uint32_t block = (uint32_t)dtype_block_elems(type), T = between(1, 40), heads = between(1, 5), n_rows = between(1, 130), row0 = below(3);
    uint32_t cols = block * between(1, block > 1 ? 5 : 150);
    weight w = random_weight(b, type, heads, row0 + n_rows, cols);
    for (int turned = 0; turned < 2; turned++) {
        uint32_t in = turned ? n_rows : cols, out = turned ? cols : n_rows;
        tensor *x = random_tensor(b, T, heads * (in + 3)), *y = random_tensor(b, T, heads * (out + 2)), *other = copy_of(b, y);
        linear_heads_args a = { .y = y, .x = x, .w = &w, .row0 = row0, .n_rows = n_rows, .y_step = out + 2, .y_off = 1, .x_step = in + 3, .x_off = 2, .transposed = turned };
        op_linear_heads(&b->want, a);
        a.y = other;
        op_linear_heads(&b->got, a);
        same(b, y, other, turned ? "linear_heads, transposed" : "linear_heads");
    }
    weight table = w;
    table.w.n = 1;
    int32_t ids[40];
    for (uint32_t t = 0; t < T; t++) ids[t] = (int32_t)below((uint32_t)table.w.rows);
    tensor *y = random_tensor(b, T, cols), *other = copy_of(b, y);
    op_embed(&b->want, (embed_args){ y, &table, ids });
    op_embed(&b->got, (embed_args){ other, &table, ids });
    same(b, y, other, "embed");
}

static void the_cpu_backend_is_the_reference(void **state) {
    (void)state;
    for (int isa = CPU_SCALAR; isa < CPU_ISA_COUNT; isa++) {
        if (!cpu_has_isa((cpu_isa)isa)) continue;
        setenv("PINGTI_ISA", cpu_isa_name((cpu_isa)isa), 1);
        for (int i = 0; i < check_rounds(25); i++) {
            bench b = { .want = { .backend = backend_find("cpu_ref"), .mem = arena_new(0) }, .isa = cpu_isa_name((cpu_isa)isa) };
            b.got = (fwd){ .backend = backend_find("cpu"), .mem = b.want.mem, .pool = pool_new(1 + (int)below(4)) };
            attention(&b);
            if (i < 4) edges_of_segments(&b);
            rotation(&b);
            along_rows(&b);
            routing(&b);
            weights_of_heads_and_tokens(&b);
            pool_free(b.got.pool);
            arena_free(b.want.mem);
        }
    }
    unsetenv("PINGTI_ISA");
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(the_cpu_backend_is_the_reference) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
