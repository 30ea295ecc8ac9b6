/* Attention over pages: how the work of a batch is cut. */
#include "backend/cpu/attn.h"
#include "backend/cpu/ref/ref.h"
#include <assert.h>
#include <string.h>

enum {
    TILE_ROWS = 112,          /* rows of a tile at most: a page's K and V, read once, serve them from the nearest cache */
    FAST_ROWS = 224,          /* and its operands, made once */
    TILE_HEADS = 28,
    TILE_BYTES = 256 << 10,   /* of one thread's queries and results, to stay in its own cache */
    PARTS_BYTES = 32 << 20,   /* of results of single segments */
    PART_LISTS = 256,         /* bytes beside a result: its place in lists, alignment */
    ALONE = 20000,            /* fused multiply-adds of 16 lanes below which waking threads costs more than it gives */
};

static uint32_t at_least_one(uint32_t n) { return n ? n : 1; }

/* Heads and tokens of a tile: as many as memory allows, fewer when that leaves threads without work. */
static void tile_size(const attn_job *j, uint32_t threads, uint32_t *heads, uint32_t *tokens) {
    const attn_args *a = j->a;
    uint32_t group = a->heads / a->kv_heads, T = (uint32_t)a->q->rows, most = TILE_HEADS;
    while (most > 7 && (uint64_t)T * a->kv_heads * ((group + most - 1) / most) < threads) most /= 2;
    uint32_t parts = (group + most - 1) / most, row_bytes = (uint32_t)sizeof(float) * (j->k_chunks * STRIP_DEPTH + 2 * j->v_pad);
    uint32_t rows = j->fast ? FAST_ROWS : TILE_ROWS;
    if (rows > TILE_BYTES / row_bytes) rows = TILE_BYTES / row_bytes;
    *heads = (group + parts - 1) / parts;
    *tokens = at_least_one(rows / *heads);
    if (*tokens > ATTN_SPLIT) *tokens = ATTN_SPLIT;
    while (*tokens > 2 && (uint64_t)((T + *tokens - 1) / *tokens) * a->kv_heads * parts < 4 * (uint64_t)threads) *tokens /= 2;
}

static void add_tiles(attn_job *j, uint32_t token, uint32_t n_tokens, uint32_t heads) {
    const attn_args *a = j->a;
    uint32_t group = a->heads / a->kv_heads, first = attn_first_key(a, (uint32_t)a->b->pos[token]) / ATTN_SEGMENT;
    uint32_t last = (uint32_t)a->b->pos[token + n_tokens - 1] / ATTN_SEGMENT;
    for (uint32_t h = 0; h < a->kv_heads; h++)
        for (uint32_t g = 0; g < group; g += heads) {
            uint32_t n = group - g < heads ? group - g : heads;
            j->tiles[j->n_tiles++] = (attn_tile){ token, n_tokens, h, h * group + g, n, first, last - first + 1, NULL };
        }
}

static void make_tiles(attn_job *j, const fwd *f, uint32_t threads) {
    const attn_args *a = j->a;
    uint32_t heads, tokens, T = (uint32_t)a->q->rows;
    tile_size(j, threads, &heads, &tokens);
    uint32_t group = a->heads / a->kv_heads, per_token = a->kv_heads * ((group + heads - 1) / heads);
    j->tiles = arena_must_raw(f->mem, (size_t)T * per_token, sizeof *j->tiles);
    for (uint32_t t = 0, end; t < T; t = end) {
        for (end = t + 1; end < T && end < t + tokens && a->b->seq[end] == a->b->seq[t];) end++;
        add_tiles(j, t, end - t, heads);
    }
    j->rows = heads * tokens;
}

static attn_partial new_partial(const fwd *f, uint32_t rows, uint32_t v_pad) {
    return (attn_partial){ arena_must_raw(f->mem, rows, sizeof(float)), arena_must_raw(f->mem, rows, sizeof(float)), arena_must_raw(f->mem, (size_t)rows * v_pad, sizeof(float)) };
}

/* Threads take pieces in turn: interleaved so that each of them mostly gets those that lie one after another, as it fetches ahead. */
static void interleave(attn_job *j, const fwd *f, uint32_t threads) {
    uint32_t(*in_order)[2] = j->pieces;
    size_t n = j->n_pieces, to = 0;
    j->pieces = arena_must_raw(f->mem, n, sizeof *j->pieces);
    for (size_t i = 0; to < n; i++)
        for (uint32_t t = 0; t < threads; t++)
            if (n * t / threads + i < n * (t + 1) / threads) memcpy(j->pieces[to++], in_order[n * t / threads + i], sizeof *j->pieces);
}

/* Few tiles with long histories: their segments are handed out one by one, if the results find room. */
static void make_pieces(attn_job *j, const fwd *f, uint32_t threads) {
    uint64_t segments = 0, bytes = 0;
    for (size_t i = 0; i < j->n_tiles; i++) {
        segments += j->tiles[i].n_segments;
        bytes += j->tiles[i].n_segments * ((uint64_t)attn_rows(&j->tiles[i]) * (j->v_pad + 2) * sizeof(float) + PART_LISTS);
    }
    bool split = threads > 1 && j->n_tiles < 8 * (size_t)threads && segments > j->n_tiles && bytes <= PARTS_BYTES;
    j->pieces = arena_must_raw(f->mem, split ? segments : j->n_tiles, sizeof *j->pieces);
    for (size_t i = j->n_tiles; i-- > 0;) { /* the last rows see most keys: they are begun first */
        attn_tile *t = &j->tiles[i];
        if (split) t->parts = arena_must(f->mem, t->n_segments, sizeof *t->parts);
        for (uint32_t s = 0; s < (split ? t->n_segments : 1); s++) {
            if (split) t->parts[s] = new_partial(f, attn_rows(t), j->v_pad);
            j->pieces[j->n_pieces][0] = (uint32_t)i;
            j->pieces[j->n_pieces++][1] = split ? s : ATTN_WHOLE;
        }
    }
    if (split) interleave(j, f, threads);
}

static attn_scratch new_scratch(const attn_job *j, const fwd *f) {
    size_t blocks = (j->rows + STRIP_ROWS - 1) / STRIP_ROWS;
    attn_scratch s = { .pos = arena_must_raw(f->mem, j->rows, sizeof *s.pos), .q = arena_must_raw(f->mem, blocks * j->k_chunks * STRIP_ROWS * STRIP_DEPTH, j->element),
                       .score = arena_must_raw(f->mem, STRIP_ROWS * ATTN_SPLIT, sizeof(float)),
                       .lane = arena_must_raw(f->mem, (size_t)j->rows * ATTN_LANES, sizeof(float)),
                       .all = new_partial(f, j->rows, j->v_pad), .part = new_partial(f, j->rows, j->v_pad) };
    s.weight = j->element == sizeof(float) ? (char *)s.score : arena_must_raw(f->mem, STRIP_ROWS * ATTN_SPLIT, j->element);
    if (j->a->shared_v) s.turned = arena_must_raw(f->mem, (size_t)ATTN_SPLIT * j->v_pad, sizeof(float));
    if (j->fast && j->rows > j->direct_rows) {
        s.keys = arena_must_raw(f->mem, ATTN_SPLIT / STRIP, j->key.strip_bytes);
        s.values = arena_must_raw(f->mem, j->v_strips, j->value.strip_bytes);
    }
    return s;
}

/* As much as the largest tiles take in every thread, and tiles of one row and head each. */
uint64_t cpu_attn_scratch(const kv_view *kv, uint32_t heads, uint64_t rows, uint32_t threads) {
    const uint64_t tile = FAST_ROWS > TILE_ROWS ? FAST_ROWS : TILE_ROWS, v_pad = ((uint64_t)kv->v_head + STRIP - 1) / STRIP * STRIP;
    const uint64_t k_pad = ((uint64_t)kv->k_head + STRIP_DEPTH - 1) / STRIP_DEPTH * STRIP_DEPTH;
    uint64_t per_row = k_pad + ATTN_LANES + 2 * (v_pad + 2) + 1, blocks = STRIP_ROWS * (k_pad + 2 * ATTN_SPLIT), page = ATTN_SPLIT * (k_pad + 2 * v_pad);
    uint64_t lists = rows * heads * (sizeof(attn_tile) + sizeof(uint32_t[2])) + rows * sizeof(uint32_t[2]);
    return PARTS_BYTES + lists + threads * ((tile * per_row + blocks + page) * sizeof(float) + sizeof(attn_scratch) + 4096);
}

/* Roughly: what the products of all rows take, in 16 lanes. */
static uint64_t work_of(const attn_args *a) {
    uint64_t keys = 0;
    for (size_t t = 0; t < a->b->T; t++) keys += (uint64_t)a->b->pos[t] + 1 - attn_first_key(a, (uint32_t)a->b->pos[t]);
    return keys * a->heads * (a->k_head + a->v_head) / 16;
}

static attn_operand stored(const attn_job *j, strip_kind kind, size_t strip_bytes, size_t chunk_bytes) {
    return (attn_operand){ kind, j->fast ? j->fast->direct[kind] : j->k->strip[kind], strip_bytes, chunk_bytes };
}

bool cpu_kv_pairs(dtype cache, precision p) { return cache == DTYPE_F16 && p == PRECISION_FAST && attn_fast_for(cpu_chosen_isa())->halves; }

/* How K and V are stored and multiplied. */
static void choose_operands(attn_job *j, bool fast) {
    const attn_args *a = j->a;
    dtype t = a->kv->type;
    strip_kind k = t == DTYPE_F32 ? STRIP_F32 : t == DTYPE_F16 ? STRIP_F16 : STRIP_Q8_K, v = a->shared_v ? STRIP_F32 : k == STRIP_Q8_K ? STRIP_Q8_V : k;
    j->k = vector_active();
    j->fast = fast ? attn_fast_for(cpu_chosen_isa()) : NULL;
    j->element = fast ? j->fast->bytes : sizeof(float);
    j->stored_key = stored(j, k, a->kv->k_strip_bytes, dtype_block_bytes(t) * STRIP * STRIP_DEPTH / dtype_block_elems(t));
    j->stored_value = stored(j, v, a->shared_v ? (size_t)ATTN_SPLIT * STRIP * sizeof(float) : a->kv->v_strip_bytes, 0);
    assert(fast || !a->kv->pairs);
    if (!fast) return;
    j->shrinks = j->fast->shrinks;
    strip_fn multiply = j->fast->multiply ? j->fast->multiply : j->k->strip[STRIP_F32];
    size_t chunk = (size_t)STRIP * STRIP_DEPTH * j->element;
    j->direct_rows = j->stored_key.multiply && j->stored_value.multiply ? ATTN_DIRECT_ROWS : 0;
    if (a->kv->pairs) { /* operands are what is stored */
        assert(j->fast->halves);
        j->stored_key = (attn_operand){ STRIP_F32, multiply, a->kv->k_strip_bytes, chunk };
        j->stored_value = (attn_operand){ STRIP_F32, multiply, a->kv->v_strip_bytes, chunk };
        j->direct_rows = UINT32_MAX;
    }
    j->key = (attn_operand){ STRIP_F32, multiply, chunk * j->k_chunks, chunk };
    j->value = (attn_operand){ STRIP_F32, multiply, chunk, chunk };
}

void cpu_attn(const fwd *f, const attn_args *a) {
    if (!a->kv) { /* training: the reference's own pass over the batch */
        ref_attn(f, a);
        return;
    }
    arena_mark mark = arena_mark_now(f->mem);
    attn_job j = { .a = a, .k_chunks = (a->k_head + STRIP_DEPTH - 1) / STRIP_DEPTH, .v_strips = (a->v_head + STRIP - 1) / STRIP };
    j.v_pad = j.v_strips * STRIP;
    choose_operands(&j, f->precision == PRECISION_FAST);
    attn_store(f, a, j.k, j.fast);
    bool alone = work_of(a) < ALONE;
    uint32_t threads = alone ? 1 : (uint32_t)pool_threads(f->pool);
    make_tiles(&j, f, threads);
    make_pieces(&j, f, threads);
    j.scratch = arena_must(f->mem, threads, sizeof *j.scratch);
    for (uint32_t i = 0; i < threads; i++) j.scratch[i] = new_scratch(&j, f);
    pool_run(alone ? NULL : f->pool, j.n_pieces, attn_piece, &j);
    if (j.n_pieces > j.n_tiles) pool_run(a->q->rows > 4 ? f->pool : NULL, j.n_tiles, attn_merge, &j);
    arena_release(f->mem, mark);
}
