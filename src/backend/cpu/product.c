#include "backend/cpu/product.h"
#include "backend/cpu/panel.h"
#include <assert.h>
#include <stdatomic.h>
#include <string.h>

enum { EXACT_ROWS = 16, EXACT_TILE = 32, UNPACKED_PANELS = 2, /* of a task */ NEAR_BYTES = 384 << 10 /* activation rows of a block stay in the second-level cache */ };

/* The tasks that one worker takes first, one after another: then what a tile asks for ahead is what its worker multiplies next, and
 * the same worker reads the same weights at every step, which keeps them near where processors have memory of their own. */
typedef struct stretch {
    _Alignas(64) _Atomic size_t next;
    size_t end;
} stretch;

typedef struct product_job {
    stretch *stretches; /* [workers] */
    int workers;
    const cpu_kernels *k;
    const panel_kernels *tiles;
    product *p;
    size_t n;
    bool fast;
    float *rows;         /* [threads][EXACT_ROWS][most columns] f32 weights */
    uint64_t row_floats; /* of one thread */
    uint8_t *unpacked;   /* [threads][unpacked_bytes] panels of one task, and scratch */
    uint64_t unpacked_bytes;
} product_job;

/* Panels: tiles of one or two panels times a few activation rows. */

typedef struct tile_plan {
    int panels, cap; /* of a tile */
} tile_plan;

static int most_rows(const panel_kernels *k, int t, int panels) {
    int n = 0;
    while (n < PANEL_MAX_TILE && k->tile[t][panels - 1][n]) n++;
    if (n) return n;
    for (n = PANEL_MAX_TILE; n && !k->tile[t][panels - 1][n - 1];) n--; /* wide tiles begin at a few rows */
    return n;
}

/* Few rows: one panel at a time, as one stream from memory. */
static tile_plan plan_tiles(const panel_kernels *k, int t, uint64_t n) {
    int tall = most_rows(k, t, 1), wide = most_rows(k, t, 2);
    return n > (uint64_t)tall && wide ? (tile_plan){ 2, wide } : (tile_plan){ 1, tall };
}

static void call_tile(const panel_kernels *k, int t, int panels, int rows, panel_call *c);

/* Two panels one after another: wide tiles begin at a few rows, and the last block of a long batch may have fewer. */
static void call_narrow(const panel_kernels *k, int t, int rows, panel_call *c) {
    uint32_t outputs = panel_shape_of(t).rows;
    panel_call second = *c;
    second.w += second.panel_bytes;
    second.prefetch = NULL;
    if (second.bias) second.bias += outputs;
    for (int i = 0; i < rows; i++) second.y[i] += outputs;
    call_tile(k, t, 1, rows, c);
    call_tile(k, t, 1, rows, &second);
}

static void call_tile(const panel_kernels *k, int t, int panels, int rows, panel_call *c) {
    panel_fn fn = k->tile[t][panels - 1][rows - 1];
    if (fn) return fn(c);
    if (rows == 1) {
        assert(panels == 2);
        return call_narrow(k, t, rows, c);
    }
    panel_call second = *c; /* a size without a kernel: two smaller ones */
    int half = (rows + 1) / 2;
    second.prefetch = NULL;
    memmove(second.x, second.x + half, (size_t)(rows - half) * sizeof *second.x);
    memmove(second.y, second.y + half, (size_t)(rows - half) * sizeof *second.y);
    call_tile(k, t, panels, half, c);
    call_tile(k, t, panels, rows - half, &second);
}

/* The last panel of a matrix may have rows that do not exist: into a buffer first. */
static void partial_tile(const panel_kernels *k, int t, int rows, panel_call *c, uint64_t outputs) {
    float buffer[PANEL_MAX_TILE][32];
    panel_call inner = *c;
    inner.bias = NULL;
    for (int i = 0; i < rows; i++) inner.y[i] = buffer[i];
    call_tile(k, t, 1, rows, &inner);
    for (int i = 0; i < rows; i++)
        for (uint64_t o = 0; o < outputs; o++) c->y[i][o] = c->bias ? buffer[i][o] + c->bias[o] : buffer[i][o];
}

typedef struct span { uint64_t from, to; } span;

/* Products of blocks that stand for a factor's share of their values are sums first, then multiplied, then moved by the bias. */
static bool is_factored(const product_job *j, const tensor *w);

static const float *bias_of(const product_job *j, const product *p) { return is_factored(j, p->w) ? NULL : p->bias; }

static void apply_factor(const product *p, span outputs) {
    float factor = p->w->factor[p->matrix];
    for (uint64_t i = 0; i < p->n; i++)
        for (uint64_t o = outputs.from; o < outputs.to; o++) p->y[i][o] = p->bias ? p->y[i][o] * factor + p->bias[o] : p->y[i][o] * factor;
}

/* Panels of one matrix, from `from` on: those that were packed, or unpacked for this task. */
typedef struct panels {
    int format;
    uint64_t bytes, from;
    const uint8_t *data;
} panels;

/* Panels [at, at+n) against activation rows r, in tiles of about equal height. */
static void panel_rows(const product_job *j, const product *p, const panels *from, uint64_t at, int n, span r, int cap, bool prefetch) {
    const tensor *w = p->w;
    panel_shape s = panel_shape_of(from->format);
    uint64_t bytes = from->bytes, tiles = (r.to - r.from + (uint64_t)cap - 1) / (uint64_t)cap, first = at * s.rows, row = r.from;
    const uint8_t *base = from->data + (at - from->from) * bytes;
    panel_call c = { .w = base, .panel_bytes = bytes, .steps = (w->cols + s.step - 1) / s.step, .bias = bias_of(j, p) ? p->bias + first : NULL };
    uint64_t share = (uint64_t)n * bytes / tiles; /* of the next panels, asked for during each tile */
    c.prefetch_slot = (uint32_t)(((uint64_t)n * s.step_bytes * 4 / s.step + tiles - 1) / tiles);
    for (uint64_t t = 0; t < tiles; t++) {
        int rows = (int)((r.to - r.from) / tiles + (t < (r.to - r.from) % tiles));
        for (int i = 0; i < rows; i++, row++) {
            c.x[i] = p->x[row];
            c.y[i] = p->y[row] + first;
        }
        if (prefetch) c.prefetch = (const char *)base + (uint64_t)n * bytes + t * share;
        if (first + (uint64_t)n * s.rows > w->rows) partial_tile(j->tiles, from->format, rows, &c, w->rows - first);
        else call_tile(j->tiles, from->format, n, rows, &c);
    }
}

/* Panels [u.from, u.to) of one product: activation rows in blocks that stay near, so that each is read from afar once for all of them. */
static void panel_task(const product_job *j, const product *p, const panels *from, span u) {
    const tensor *w = p->w;
    tile_plan plan = plan_tiles(j->tiles, from->format, p->n);
    uint64_t whole = w->rows / panel_shape_of(from->format).rows; /* panels whose rows all exist */
    uint64_t q8_block = panel_acts_wide(from->format, j->tiles->wide) ? sizeof(act_wide) : sizeof(act_block);
    uint64_t row_bytes = panel_acts_of(w->type) == ACTS_Q8 ? act_q8_bytes(w->cols) / sizeof(act_block) * q8_block : w->cols * (panel_acts_of(w->type) == ACTS_BF16 ? 2 : 4);
    uint64_t block = NEAR_BYTES / row_bytes / (uint64_t)plan.cap * (uint64_t)plan.cap;
    if (block < (uint64_t)plan.cap) block = (uint64_t)plan.cap;
    for (uint64_t r = 0; r < p->n; r += block) {
        span rows = { r, r + block < p->n ? r + block : p->n };
        for (uint64_t at = u.from; at < u.to;) {
            int n = plan.panels == 2 && at + 2 <= u.to && at + 2 <= whole ? 2 : 1;
            panel_rows(j, p, from, at, n, rows, plan.cap, r == 0 && p->n >= (uint64_t)panel_prefetch_from(from->format));
            at += (uint64_t)n;
        }
    }
}

static void packed_task(const product_job *j, const product *p, span u) {
    panels all = { (int)p->w->type, panel_bytes(p->w), 0, p->w->packed };
    all.data += p->matrix * panel_count(p->w) * all.bytes;
    panel_task(j, p, &all, u);
}

/* Unpacked here, once for all activation rows: packed panels whose tiles are for few of them, and rows that have no panels. */
static void unpacked_task(const product_job *j, const product *p, span u, int worker) {
    const tensor *w = p->w;
    uint8_t *memory = j->unpacked + (uint64_t)worker * j->unpacked_bytes, *made = memory + (w->type == DTYPE_Q8_S ? panel_unpack_bytes(w) : 0);
    panels here = { DTYPE_UNPACKED, panel_unpacked_bytes(w), u.from, (uint8_t *)(((uintptr_t)made + 63) & ~(uintptr_t)63) };
    for (uint64_t at = u.from; at < u.to; at++) {
        uint8_t *to = (uint8_t *)(uintptr_t)here.data + (at - u.from) * here.bytes;
        if (w->type != DTYPE_Q8_S) j->tiles->unpack[w->type]((const uint8_t *)w->packed + (p->matrix * panel_count(w) + at) * panel_bytes(w), w->cols / panel_shape_of(w->type).step, to);
        else panel_unpack(w, p->matrix, at, to, memory);
    }
    panel_task(j, p, &here, u);
}

/* Rows of weights: exact products, and fast ones of weights that nobody packed. */

static void put(const product_job *j, const product *p, uint64_t first, uint64_t n, uint64_t o, const float *values) {
    for (uint64_t i = 0; i < n; i++) p->y[first + i][o] = bias_of(j, p) ? values[i] + p->bias[o] : values[i];
}

static void unpack_row(const product_job *j, const product *p, uint64_t o, float *out) {
    if (!tensor_is_plain(p->w)) tensor_row_to_f32(p->w, p->matrix, o, out);
    else j->k->to_f32[p->w->type](tensor_row(p->w, p->matrix, o), out, p->w->cols);
}

static void exact_task(const product_job *j, const product *p, span u, int worker) {
    uint64_t cols = p->w->cols;
    float *rows = j->rows + (uint64_t)worker * j->row_floats, values[EXACT_TILE];
    for (uint64_t o = u.from; o < u.to; o++) unpack_row(j, p, o, rows + (o - u.from) * cols);
    for (uint64_t t = 0; t < p->n; t += EXACT_TILE) {
        uint64_t n = p->n - t < EXACT_TILE ? p->n - t : EXACT_TILE;
        for (uint64_t o = u.from; o < u.to; o++) {
            j->k->dot_f32(rows + (o - u.from) * cols, (const float *const *)p->x + t, n, cols, values);
            put(j, p, t, n, o, values);
        }
    }
}

static void scalar_task(const product_job *j, const product *p, span u, int worker) {
    const quant_traits *q = quant_of(p->w->type);
    float *made = j->rows + (uint64_t)worker * j->row_floats;
    for (uint64_t o = u.from; o < u.to; o++) {
        const void *row = tensor_row_blocks(p->w, p->matrix, o, made);
        for (uint64_t i = 0; i < p->n; i++) {
            act_q8 x = act_q8_at((void *)(uintptr_t)p->x[i], p->w->cols);
            float v = q->dot ? q->dot(row, &x, p->w->cols) : q->dot_f32(row, p->x[i], p->w->cols);
            put(j, p, i, 1, o, &v);
        }
    }
}

static bool is_exact(const product_job *j, const tensor *w) { return !j->fast || !(quant_of(w->type)->dot || quant_of(w->type)->dot_f32); }

static bool is_factored(const product_job *j, const tensor *w) { return w->factor && !is_exact(j, w); }

static bool is_unpacked(const product_job *j, const product *p) {
    if (is_exact(j, p->w)) return false;
    return p->w->packed ? j->tiles->unpack[p->w->type] && p->n > (uint64_t)most_rows(j->tiles, (int)p->w->type, 1) : p->w->type == DTYPE_Q8_S;
}

/* The next of the worker's own stretch, else of another's. There are as many calls as tasks and each takes one, so that one is left. */
static size_t take_task(const product_job *j, int worker) {
    for (int i = worker;; i = (i + 1) % j->workers) {
        stretch *s = &j->stretches[i];
        if (atomic_load_explicit(&s->next, memory_order_relaxed) >= s->end) continue;
        size_t task = atomic_fetch_add_explicit(&s->next, 1, memory_order_relaxed);
        if (task < s->end) return task;
    }
}

static void run_task(void *ctx, size_t call, int worker) {
    (void)call;
    const product_job *j = ctx;
    const product *p = j->p;
    size_t task = take_task(j, worker);
    while (p + 1 < j->p + j->n && task >= p[1].first_task) p++;
    span u = { (task - p->first_task) * p->grain, 0 };
    u.to = u.from + p->grain < p->units ? u.from + p->grain : p->units;
    if (is_exact(j, p->w)) exact_task(j, p, u, worker);
    else if (is_unpacked(j, p)) unpacked_task(j, p, u, worker);
    else if (p->w->packed) packed_task(j, p, u);
    else scalar_task(j, p, u, worker);
    if (!is_factored(j, p->w)) return;
    uint64_t rows = is_unpacked(j, p) ? PANEL_ROWS : p->w->packed ? panel_shape_of((int)p->w->type).rows : 1;
    apply_factor(p, (span){ u.from * rows, u.to * rows < p->w->rows ? u.to * rows : p->w->rows });
}

/* A thread's panels of one task and what is needed to unpack them. */
static uint64_t unpacked_bytes(const tensor *w) {
    uint64_t bytes = (w->type == DTYPE_Q8_S ? panel_unpack_bytes(w) : 0) + UNPACKED_PANELS * panel_unpacked_bytes(w) + 64;
    return (bytes + 63) & ~UINT64_C(63);
}

uint64_t product_thread_scratch(const tensor *w, bool fast) {
    product_job j = { .tiles = panel_kernels_for(cpu_chosen_isa()), .fast = fast };
    uint64_t bytes = sizeof(stretch);
    if (is_exact(&j, w) || (w->grouped && !panel_shape_of((int)w->type).rows && w->type != DTYPE_Q8_S)) bytes += EXACT_ROWS * w->cols * sizeof(float);
    else if (w->type == DTYPE_Q8_S || j.tiles->unpack[w->type]) bytes += unpacked_bytes(w);
    return bytes;
}

/* Units of one task: enough tasks to share evenly, none too short to be worth handing out. */
static uint64_t grain_of(const fwd *f, const product_job *j, const product *p) {
    if (is_unpacked(j, p)) return UNPACKED_PANELS;
    if (is_exact(j, p->w) || !p->w->packed) return EXACT_ROWS;
    uint64_t even = p->units / (8 * (uint64_t)pool_threads(f->pool)), least = (32 << 10) / panel_bytes(p->w) / (p->n < 8 ? 1 : 4);
    uint64_t grain = even > least ? even : least;
    return grain < 2 ? 2 : (grain + 1) / 2 * 2;
}

static void share_out(const fwd *f, product_job *j, size_t tasks) {
    j->workers = pool_threads(f->pool);
    j->stretches = arena_must_raw(f->mem, (size_t)j->workers, sizeof *j->stretches);
    for (size_t i = 0, n = (size_t)j->workers; i < n; i++) {
        atomic_init(&j->stretches[i].next, tasks * i / n);
        j->stretches[i].end = tasks * (i + 1) / n;
    }
}

void product_run(const fwd *f, product *p, size_t n) {
    product_job j = { .k = cpu_active(), .tiles = panel_kernels_for(cpu_chosen_isa()), .p = p, .n = n, .fast = f->precision == PRECISION_FAST };
    size_t tasks = 0;
    for (size_t i = 0; i < n; i++) {
        bool exact = is_exact(&j, p[i].w), unpacked = is_unpacked(&j, &p[i]);
        p[i].units = unpacked ? (p[i].w->rows + PANEL_ROWS - 1) / PANEL_ROWS : exact || !p[i].w->packed ? p[i].w->rows : panel_count(p[i].w);
        p[i].grain = grain_of(f, &j, &p[i]);
        p[i].first_task = tasks;
        tasks += (p[i].units + p[i].grain - 1) / p[i].grain;
        if (unpacked && unpacked_bytes(p[i].w) > j.unpacked_bytes) j.unpacked_bytes = unpacked_bytes(p[i].w);
        if ((exact || (p[i].w->grouped && !unpacked && !p[i].w->packed)) && EXACT_ROWS * p[i].w->cols > j.row_floats) j.row_floats = EXACT_ROWS * p[i].w->cols;
    }
    if (j.row_floats) j.rows = arena_must_raw(f->mem, (size_t)pool_threads(f->pool) * j.row_floats, sizeof(float));
    if (j.unpacked_bytes) j.unpacked = arena_must_raw(f->mem, (size_t)pool_threads(f->pool), j.unpacked_bytes);
    share_out(f, &j, tasks);
    pool_run(f->pool, tasks, run_task, &j);
}
