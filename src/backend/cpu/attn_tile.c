/* One tile of attention: page after page, STRIP_ROWS rows at a time. A step (a page) is two products with a softmax between them;
 * rows that see the whole page go through both together, the others (its own tokens, the edge of a window) one token at a time in the
 * second, so that a key which a row does not see never touches its sum. */
#include "backend/cpu/attn.h"
#include "tensor/vmath.h"
#include <string.h>

/* What one block of rows of a tile sees of a step. */
typedef struct block {
    uint32_t row, n;                          /* rows of the tile */
    bool same;                                /* all see the slots of the first */
    uint32_t lo[STRIP_ROWS], hi[STRIP_ROWS];  /* slots; lo >= hi: none */
} block;

typedef struct pages_of {
    const char *k, *v, *next_k, *next_v; /* this page's head, and the next one's to be fetched meanwhile */
    const attn_operand *key, *value;     /* what these are */
    const char *beside[4];               /* the halves of the next page's K and of its V, fetched meanwhile where nothing else does it */
    size_t stride;
    size_t share, calls_before; /* many rows: bytes for a product, products of the blocks before; 0: few rows */
} pages_of;

/* What the call-th product over a page fetches of the next one: the same share of each stream or, where many rows pass over the page block
 * by block, of the whole. */
static void fetch_beside(const pages_of *p, strip_args *a, size_t call) {
    for (int i = 0; i < 4; i++) a->beside[i] = p->beside[i] + call * (STRIP_DEPTH / 4) * p->stride;
    a->stride = p->stride;
}

static void fetch_share(const attn_job *j, const pages_of *p, strip_args *a, size_t call) {
    size_t at = (p->calls_before + call) * p->share;
    a->ahead = at < j->a->kv->k_bytes ? p->next_k + at : p->next_v + (at - j->a->kv->k_bytes);
    a->stride = p->share / (STRIP_DEPTH / 2);
    for (int i = 0; i < 4; i++) a->beside[i] = a->ahead;
}

/* What fast attention fetches meanwhile: few rows a share of the next page, and a second time what is multiplied next, as a processor with
 * too many requests under way drops some; many rows their share. */
static void fetch(const attn_job *j, const pages_of *p, strip_args *a, size_t call, const char *next) {
    if (p->share) {
        fetch_share(j, p, a, call);
        return;
    }
    fetch_beside(p, a, call);
    a->ahead = next;
}

static uint32_t chunk_rows(const attn_job *j, uint32_t chunk) {
    uint32_t left = j->a->k_head - chunk * STRIP_DEPTH;
    return left < STRIP_DEPTH ? left : STRIP_DEPTH;
}

static void positions(const attn_job *j, const attn_tile *t, uint32_t *pos) {
    for (uint32_t i = 0, r = 0; i < t->n_tokens; i++)
        for (uint32_t h = 0; h < t->n_heads; h++) pos[r++] = (uint32_t)j->a->b->pos[t->token + i];
}

/* Keys [from, to) as far as a row at pos sees them. */
static bool sees(const attn_job *j, uint32_t pos, uint32_t from, uint32_t to, uint32_t *lo, uint32_t *hi) {
    uint32_t first = attn_first_key(j->a, pos);
    *lo = first > from ? first : from;
    *hi = pos + 1 < to ? pos + 1 : to;
    return *lo < *hi;
}

static void pack_queries(const attn_job *j, const attn_tile *t, char *to) {
    const attn_args *a = j->a;
    size_t chunk = STRIP_ROWS * STRIP_DEPTH * j->element;
    float scale = j->fast ? a->scale * VMATH_LOG2E : a->scale;
    for (uint32_t r = 0; r < attn_rows(t); r++) {
        const float *q = tensor_f32(a->q, t->token + r / t->n_heads) + (t->head + r % t->n_heads) * a->k_head;
        char *row = to + r / STRIP_ROWS * j->k_chunks * chunk + r % STRIP_ROWS * STRIP_DEPTH * j->element;
        for (uint32_t c = 0; c < j->k_chunks; c++) {
            if (j->fast) j->fast->row(q + c * STRIP_DEPTH, scale, chunk_rows(j, c), row + c * chunk);
            else j->k->scale(q + c * STRIP_DEPTH, scale, (float *)(void *)(row + c * chunk), chunk_rows(j, c));
        }
    }
}

/* q[n, k_head] K[k_head, 64] -> score[n, 64], of the strips that some row sees. */
static void scores(const attn_job *j, const block *b, const attn_scratch *s, const pages_of *p) {
    uint32_t lo = ATTN_SPLIT, hi = 0;
    for (uint32_t r = 0; r < (b->same ? 1 : b->n); r++)
        if (b->lo[r] < b->hi[r]) {
            lo = b->lo[r] < lo ? b->lo[r] : lo;
            hi = b->hi[r] > hi ? b->hi[r] : hi;
        }
    size_t chunk = STRIP_ROWS * STRIP_DEPTH * j->element;
    const char *q = s->q + b->row / STRIP_ROWS * j->k_chunks * chunk;
    for (uint32_t strip = lo / STRIP; strip * STRIP < hi; strip++)
        for (uint32_t c = 0; c < j->k_chunks; c++) {
            size_t at = strip * p->key->strip_bytes + c * p->key->chunk_bytes;
            strip_args one = { .a = (const float *)(const void *)(q + c * chunk), .b = p->k + at, .ahead = p->next_k + at, .c = s->score + strip * STRIP,
                               .rows = b->n, .c_stride = ATTN_SPLIT, .from = 0, .to = chunk_rows(j, c), .fresh = c == 0 };
            bool last = strip * STRIP + STRIP >= hi && c + 1 == j->k_chunks;
            if (j->fast) fetch(j, p, &one, strip * j->k_chunks + c, last ? p->v : one.b + p->key->chunk_bytes);
            p->key->multiply(&one);
        }
}

/* y[n, v_head] += w[n, lo..hi) V[lo..hi), v_head] for rows that see the same slots. */
static void values(const attn_job *j, const block *b, uint32_t first, uint32_t n, const attn_scratch *s, const attn_partial *out, const pages_of *p, const float *shrink) {
    const char *w = s->weight + first * ATTN_SPLIT * j->element;
    for (uint32_t i = 0; i < j->v_strips; i++) {
        strip_args one = { .a = (const float *)(const void *)w, .b = p->v + i * p->value->strip_bytes, .ahead = p->next_v + i * p->value->strip_bytes,
                           .c = out->y + (size_t)(b->row + first) * j->v_pad + i * STRIP, .rows = n, .c_stride = j->v_pad, .from = b->lo[first], .to = b->hi[first], .shrink = shrink };
        if (j->fast) fetch(j, p, &one, ATTN_SPLIT / STRIP * j->k_chunks + i, i + 1 < j->v_strips ? one.b + p->value->strip_bytes : p->next_k);
        p->value->multiply(&one);
    }
}

/* Scores of rows that see the same slots become weights; what those rows have summed up so far shrinks with the maximum that rises, here
 * or while the values are added. */
static void weigh(const attn_job *j, const block *b, uint32_t first, uint32_t n, const attn_scratch *s, const attn_partial *out, float *shrink) {
    float *score = s->score + first * ATTN_SPLIT, *max = &out->max[b->row + first], *lane = s->lane + (b->row + first) * ATTN_LANES;
    uint32_t lo = b->lo[first], hi = b->hi[first];
    if (j->fast) j->fast->weigh(score, s->weight + first * ATTN_SPLIT * j->element, n, lo, hi, max, lane, shrink);
    else
        for (uint32_t r = 0; r < n; r++) shrink[r] = j->k->weigh(score + r * ATTN_SPLIT, lo, hi, max + r, lane + r * ATTN_LANES);
    for (uint32_t r = 0; !j->shrinks && r < n; r++) {
        float *y = out->y + (size_t)(b->row + first + r) * j->v_pad;
        if (shrink[r] != 1) j->k->scale(y, shrink[r], y, j->v_pad);
    }
}

static void block_step(const attn_job *j, const block *b, const attn_scratch *s, const attn_partial *out, const pages_of *p) {
    float shrink[STRIP_ROWS];
    scores(j, b, s, p);
    for (uint32_t r = 0, n; r < b->n; r += n) {
        for (n = b->same ? b->n : 1; r + n < b->n && b->lo[r + n] == b->lo[r] && b->hi[r + n] == b->hi[r];) n++;
        if (b->lo[r] >= b->hi[r]) continue;
        weigh(j, b, r, n, s, out, shrink);
        values(j, b, r, n, s, out, p, j->shrinks ? shrink : NULL);
    }
}

/* MLA: the page's K, [element][slot], as strips of V, [slot][32 elements] in f32. */
static void turn_page(const attn_job *j, const char *k, float *to) {
    const kv_view *kv = j->a->kv;
    for (uint32_t slot = 0; slot < ATTN_SPLIT; slot += STRIP)
        for (uint32_t i = 0; i < j->v_strips; i++) {
            uint32_t n = j->a->v_head - i * STRIP < STRIP ? j->a->v_head - i * STRIP : STRIP;
            j->k->transpose[j->stored_key.kind](k + slot / STRIP * kv->k_strip_bytes, i * STRIP, n, to + ((size_t)i * ATTN_SPLIT + slot) * STRIP);
        }
}

/* Fast: the first `slots` slots of a page as operands. */
static void make_operands(const attn_job *j, pages_of *p, uint32_t slots, const attn_scratch *s) {
    const kv_view *kv = j->a->kv;
    size_t chunk = j->stored_key.chunk_bytes, v_bytes = j->stored_value.strip_bytes;
    for (uint32_t strip = 0; strip * STRIP < slots; strip++)
        for (uint32_t c = 0; c < j->k_chunks; c++) {
            size_t at = strip * kv->k_strip_bytes + c * chunk;
            j->fast->strip[j->stored_key.kind](p->k + at, p->next_k + at, chunk_rows(j, c), s->keys + strip * j->key.strip_bytes + c * j->key.chunk_bytes);
        }
    for (uint32_t i = 0; i < j->v_strips; i++)
        j->fast->strip[j->stored_value.kind](p->v + i * v_bytes, p->next_v + i * v_bytes, slots, s->values + i * j->value.strip_bytes);
    p->k = p->next_k = s->keys;
    p->v = p->next_v = s->values;
    p->key = &j->key;
    p->value = &j->value;
}

/* The pages of a step and of the one after it, for keys up to `seen`; without one there, nothing is fetched that is not there already. */
static pages_of step_pages(const attn_job *j, const attn_tile *t, uint32_t step, uint32_t seen, const attn_scratch *s) {
    const attn_args *a = j->a;
    const uint32_t *pages = a->b->pages[a->b->seq[t->token]];
    uint32_t left = seen - step * ATTN_SPLIT, slots = left < ATTN_SPLIT ? left : ATTN_SPLIT, page = pages[step], next = pages[left > ATTN_SPLIT ? step + 1 : step];
    pages_of p = { .k = kv_k(a->kv, page, a->layer, t->kv_head), .next_k = kv_k(a->kv, next, a->layer, t->kv_head),
                   .key = &j->stored_key, .value = &j->stored_value };
    if (a->shared_v) {
        turn_page(j, p.k, s->turned);
        p.v = p.next_v = (const char *)s->turned;
    } else {
        p.v = kv_v(a->kv, page, a->layer, t->kv_head);
        p.next_v = kv_v(a->kv, next, a->layer, t->kv_head);
    }
    p.beside[0] = p.next_k;
    p.beside[1] = p.next_k + a->kv->k_bytes / 2;
    p.beside[2] = a->shared_v ? p.beside[0] : p.next_v;
    p.beside[3] = a->shared_v ? p.beside[1] : p.next_v + a->kv->v_bytes / 2;
    p.stride = STRIP * dtype_block_bytes(a->kv->type) / dtype_block_elems(a->kv->type);
    uint32_t rows = attn_rows(t), blocks = (rows + STRIP_ROWS - 1) / STRIP_ROWS;
    if (rows > ATTN_DIRECT_ROWS) p.share = (a->kv->k_bytes + a->kv->v_bytes) / (blocks * (ATTN_SPLIT / STRIP * j->k_chunks + j->v_strips));
    if (j->fast && rows > j->direct_rows) make_operands(j, &p, slots, s);
    return p;
}

static void tile_step(const attn_job *j, const attn_tile *t, uint32_t step, const attn_scratch *s, const attn_partial *out, pages_of *p) {
    uint32_t rows = attn_rows(t), from = step * ATTN_SPLIT;
    bool whole = s->pos[0] + 1 >= from + ATTN_SPLIT && attn_first_key(j->a, s->pos[rows - 1]) <= from; /* as nearly all pages of a long context */
    for (uint32_t row = 0; row < rows; row += STRIP_ROWS) {
        block b = { .row = row, .n = rows - row < STRIP_ROWS ? rows - row : STRIP_ROWS, .same = whole, .hi[0] = ATTN_SPLIT };
        bool any = whole;
        p->calls_before = row / STRIP_ROWS * (ATTN_SPLIT / STRIP * j->k_chunks + j->v_strips);
        for (uint32_t r = 0; !whole && r < b.n; r++) {
            if (sees(j, s->pos[row + r], from, from + ATTN_SPLIT, &b.lo[r], &b.hi[r])) any = true;
            else b.lo[r] = b.hi[r] = from;
            b.lo[r] -= from;
            b.hi[r] -= from;
        }
        if (any) block_step(j, &b, s, out, p);
    }
}

/* e^x; fast, where scores count powers of two, 2^x. Of two maxima one is the higher: half of all calls are for 0. */
static float power(const attn_job *j, float x) { return x == 0 ? 1 : j->fast ? vmath_weight(x) : vmath_exp(x); }

static float fold(float *lane) {
    for (int half = ATTN_LANES / 2; half; half /= 2)
        for (int i = 0; i < half; i++) lane[i] += lane[i + half];
    return lane[0];
}

/* One segment of a tile, into out. */
static void segment(const attn_job *j, const attn_tile *t, uint32_t segment, const attn_scratch *s, const attn_partial *out) {
    uint32_t rows = attn_rows(t), from = segment * ATTN_SEGMENT, to = from + ATTN_SEGMENT;
    uint32_t first = attn_first_key(j->a, s->pos[0]), end = s->pos[rows - 1] + 1;
    if (first > from) from = first;
    if (end < to) to = end;
    for (uint32_t r = 0; r < rows; r++) out->max[r] = -INFINITY;
    memset(out->y, 0, (size_t)rows * j->v_pad * sizeof(float));
    memset(s->lane, 0, (size_t)rows * ATTN_LANES * sizeof(float));
    for (uint32_t step = from / ATTN_SPLIT; step * ATTN_SPLIT < to; step++) {
        pages_of p = step_pages(j, t, step, end, s);
        tile_step(j, t, step, s, out, &p);
    }
    for (uint32_t r = 0; r < rows; r++) out->sum[r] = fold(s->lane + r * ATTN_LANES);
}

static void begin(const attn_job *j, const attn_tile *t, const attn_partial *all) {
    for (uint32_t r = 0; r < attn_rows(t); r++) all->max[r] = -INFINITY;
    memset(all->sum, 0, attn_rows(t) * sizeof(float));
    memset(all->y, 0, (size_t)attn_rows(t) * j->v_pad * sizeof(float));
}

/* Adds a segment to what came before it, for the rows that see some of it. */
static void merge_segment(const attn_job *j, const attn_tile *t, uint32_t segment, const attn_scratch *s, const attn_partial *part) {
    const attn_partial *all = &s->all;
    for (uint32_t r = 0, lo, hi; r < attn_rows(t); r++) {
        if (!sees(j, s->pos[r], segment * ATTN_SEGMENT, (segment + 1) * ATTN_SEGMENT, &lo, &hi)) continue;
        float max = part->max[r] > all->max[r] ? part->max[r] : all->max[r], a = power(j, all->max[r] - max), b = power(j, part->max[r] - max);
        all->sum[r] = fmaf(part->sum[r], b, all->sum[r] * a);
        j->k->blend(all->y + (size_t)r * j->v_pad, a, part->y + (size_t)r * j->v_pad, b, j->a->v_head);
        all->max[r] = max;
    }
}

static void finish(const attn_job *j, const attn_tile *t, const attn_partial *all) {
    const attn_args *a = j->a;
    for (uint32_t r = 0; r < attn_rows(t); r++) {
        float *y = tensor_f32(a->y, t->token + r / t->n_heads) + (t->head + r % t->n_heads) * a->v_head;
        j->k->divide(all->y + (size_t)r * j->v_pad, all->sum[r], y, a->v_head);
    }
}

void attn_piece(void *ctx, size_t piece, int worker) {
    const attn_job *j = ctx;
    const attn_tile *t = &j->tiles[j->pieces[piece][0]];
    const attn_scratch *s = &j->scratch[worker];
    uint32_t part = j->pieces[piece][1];
    positions(j, t, s->pos);
    pack_queries(j, t, s->q);
    if (part != ATTN_WHOLE) {
        segment(j, t, t->segment + part, s, &t->parts[part]);
        return;
    }
    begin(j, t, &s->all);
    for (uint32_t i = t->segment; i < t->segment + t->n_segments; i++) {
        segment(j, t, i, s, &s->part);
        merge_segment(j, t, i, s, &s->part);
    }
    finish(j, t, &s->all);
}

void attn_merge(void *ctx, size_t tile, int worker) {
    const attn_job *j = ctx;
    const attn_tile *t = &j->tiles[tile];
    const attn_scratch *s = &j->scratch[worker];
    positions(j, t, s->pos);
    begin(j, t, &s->all);
    for (uint32_t i = 0; i < t->n_segments; i++) merge_segment(j, t, t->segment + i, s, &t->parts[i]);
    finish(j, t, &s->all);
}
