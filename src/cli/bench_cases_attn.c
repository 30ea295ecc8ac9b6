/* Attention cases: decoding and prompt chunks at several depths, over a cache of two formats. */
#include "cli/bench_kernels.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct head_shape {
    const char *name;
    uint32_t heads, kv_heads, k_head, v_head;
    bool shared_v;
} head_shape;

static const head_shape shapes[] = {
    { "14/2x64", 14, 2, 64, 64, false },
    { "28/4x128", 28, 4, 128, 128, false },
    { "mla 16x576", 16, 1, 576, 512, true },
};

enum { PAGE = 64, FILL_ROWS = 512 };

typedef struct attn_case {
    kernel_run *k;
    const head_shape *shape;
    kv_view kv;
    uint32_t *pages;
    int32_t *pos, *seq;
    batch b;
} attn_case;

/* Rows at positions [from, from + rows) of one sequence. */
static attn_args args_at(attn_case *c, uint32_t from, uint32_t rows, uint32_t window) {
    const head_shape *s = c->shape;
    c->pos = arena_must(kernel_memory(c->k), rows, sizeof *c->pos);
    c->seq = arena_must(kernel_memory(c->k), rows, sizeof *c->seq);
    for (uint32_t i = 0; i < rows; i++) c->pos[i] = (int32_t)(from + i);
    batch *b = arena_must(kernel_memory(c->k), 1, sizeof *b);
    const uint32_t **of_seq = arena_must(kernel_memory(c->k), 1, sizeof *of_seq);
    of_seq[0] = c->pages;
    *b = (batch){ .T = rows, .pos = c->pos, .seq = c->seq, .pages = of_seq };
    return (attn_args){ .y = kernel_floats(c->k, rows, (uint64_t)s->heads * s->v_head), .q = kernel_floats(c->k, rows, (uint64_t)s->heads * s->k_head),
                        .k = kernel_floats(c->k, rows, (uint64_t)s->kv_heads * s->k_head),
                        .v = s->shared_v ? NULL : kernel_floats(c->k, rows, (uint64_t)s->kv_heads * s->v_head), .b = b, .kv = &c->kv, .heads = s->heads,
                        .kv_heads = s->kv_heads, .k_head = s->k_head, .v_head = s->v_head, .window = window, .shared_v = s->shared_v,
                        .scale = 1 / sqrtf((float)s->k_head) };
}

/* Through the op itself, so that the cache's layout is its own affair; a window of one key makes it cheap. */
static void fill_cache(attn_case *c, uint32_t depth) {
    for (uint32_t from = 0; from < depth; from += FILL_ROWS) {
        arena_mark mark = arena_mark_now(kernel_memory(c->k));
        uint32_t rows = depth - from < FILL_ROWS ? depth - from : FILL_ROWS;
        tape_record r = { .op = OP_ID_attn, .u.attn = args_at(c, from, rows, 1) };
        fwd f = kernel_fwd(c->k, false, PRECISION_FAST);
        kernel_call(&f, &r);
        arena_release(kernel_memory(c->k), mark);
    }
}

static tensor row_of(const tensor *t, uint64_t row) {
    tensor one = *t;
    one.rows = 1;
    one.data = tensor_f32(t, row);
    return one;
}

/* The reference computes one row of the batch over the same cache. */
static void compare_row(attn_case *c, const attn_args *a, uint32_t row, kernel_cmp *cmp) {
    tensor q = row_of(a->q, row), k = row_of(a->k, row), v = a->v ? row_of(a->v, row) : q, *want = kernel_floats(c->k, 1, a->y->cols);
    batch b = *a->b;
    attn_args one = *a;
    b.T = 1;
    b.pos += row;
    b.seq += row;
    one.b = &b;
    one.y = want;
    one.q = &q;
    one.k = &k;
    one.v = a->v ? &v : NULL;
    fwd f = kernel_fwd(c->k, true, PRECISION_FAST);
    kernel_call(&f, &(tape_record){ .op = OP_ID_attn, .u.attn = one });
    kernel_compare(cmp, tensor_f32(a->y, row), tensor_f32(want, 0), a->y->cols);
}

static void one_case(kernel_run *k, const head_shape *s, dtype type, uint32_t depth, uint32_t rows, const char *name) {
    attn_case c = { .k = k, .shape = s };
    fwd f = kernel_fwd(k, false, PRECISION_FAST);
    c.kv = (kv_view){ .type = type, .page_tokens = PAGE, .n_layers = 1, .n_heads = s->kv_heads, .k_head = s->k_head, .v_head = s->v_head, .shared_v = s->shared_v,
                       .pairs = !s->shared_v && f.backend->kv_pairs && f.backend->kv_pairs(type, PRECISION_FAST) };
    kv_view_layout(&c.kv);
    uint32_t n_pages = (depth + rows + PAGE - 1) / PAGE;
    c.kv.data = arena_must(kernel_memory(k), n_pages, c.kv.page_bytes);
    c.pages = arena_must(kernel_memory(k), n_pages, sizeof *c.pages);
    for (uint32_t i = 0; i < n_pages; i++) c.pages[i] = n_pages - 1 - i; /* in no order that helps */
    fill_cache(&c, depth);
    tape_record r = { .op = OP_ID_attn, .u.attn = args_at(&c, depth, rows, 0) };
    kernel_case kc = { .name = name, .calls = &r, .n_calls = 1, .precision = PRECISION_FAST };
    kernel_call(&f, &r);
    compare_row(&c, &r.u.attn, 0, &kc.cmp);
    if (rows > 1) compare_row(&c, &r.u.attn, rows - 1, &kc.cmp);
    kernel_finish(k, &kc);
}

void kernel_cases_attention(kernel_run *k) {
    static const dtype types[] = { DTYPE_F16, DTYPE_Q8_0 };
    static const uint32_t where[][2] = { { 127, 1 }, { 2047, 1 }, { 8191, 1 }, { 0, 512 }, { 2048, 64 }, { 7680, 512 } }; /* depth, rows */
    char name[96];
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
        for (size_t t = 0; t < 2; t++)
            for (size_t w = 0; w < sizeof where / sizeof *where; w++) {
                snprintf(name, sizeof name, "attn %s %s depth=%u M=%u", dtype_name(types[t]), shapes[s].name, where[w][0], where[w][1]);
                arena_mark mark = arena_mark_now(kernel_memory(k));
                if (kernel_wanted(k, name)) one_case(k, &shapes[s], types[t], where[w][0], where[w][1], name);
                arena_release(kernel_memory(k), mark);
            }
}
