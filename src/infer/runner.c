#include "infer/runner.h"
#include "backend/backend.h"
#include "base/cpu.h"
#include "base/mem.h"
#include "infer/plan.h"
#include <assert.h>
#include <sodium.h>
#include <string.h>

/* The arrays of a batch, sized for the largest step. */
typedef struct batch_memory {
    int32_t *id, *pos, *seq, *out;
    uint8_t *rope;
    const uint32_t **pages;
} batch_memory;

struct runner {
    const model *m;
    const backend *backend;
    memory_plan plan;
    precision precision;
    dtype cache_type;
    pool *pool;
    bool own_pool;
    kv *kv;
    placement *placed; /* fast mode */
    bool (*stop)(void *ctx);
    void *stop_ctx;
    bool gave_up;
    void (*watch)(void *ctx, op_id id, const void *args);
    void *watch_ctx;
    arena *scratch;
    prof *prof;
    batch_memory rows;
    unsigned char model_digest[32];
};

/* A fingerprint of the weights: names, formats, shapes, and the first and last 4 KiB of each tensor's bytes. Enough to keep pages
 * of different models apart; not a proof of identity. */
static void digest_tensors(const tensor_set *s, crypto_generichash_state *state) {
    for (size_t i = 0; i < s->n; i++) {
        const named_tensor *t = &s->items[i];
        uint64_t part = t->bytes < 4096 ? t->bytes : 4096;
        crypto_generichash_update(state, (const unsigned char *)t->name, strlen(t->name) + 1);
        crypto_generichash_update(state, (const unsigned char *)t->dims, sizeof t->dims);
        crypto_generichash_update(state, (const unsigned char *)&t->type, sizeof t->type);
        crypto_generichash_update(state, t->data, part);
        crypto_generichash_update(state, (const unsigned char *)t->data + (t->bytes - part), part);
    }
}

static void digest_model(const model *m, unsigned char out[32]) {
    crypto_generichash_state state;
    crypto_generichash_init(&state, NULL, 0, 32);
    digest_tensors(m->source->tensors, &state);
    if (m->source->weights) digest_tensors(safetensors_others(m->source->weights), &state);
    if (m->quant.method == HFQUANT_GPTQ) crypto_generichash_update(&state, (const unsigned char *)&m->quant.zeros_stored_less_one, sizeof m->quant.zeros_stored_less_one);
    crypto_generichash_final(&state, out, 32);
}

/* Every (op, format) pair is asked for at load, so that no pass meets one it cannot compute. */
static bool backend_computes(const backend *b, const weight *w, op_id op, err *e) {
    if (!w->w.data || b->has(op, w->w.type)) return true;
    return err_set(e, ERR_UNSUPPORTED, "backend '%s' cannot compute %s with %s weights", b->name, op_name(op), dtype_name(w->w.type)) ||
           err_where(e, "tensor '%s'", w->name);
}

typedef struct fit {
    const backend *b;
    err *e;
} fit;

static bool weight_fits(void *ctx, const weight *w, op_id op) {
    const fit *f = ctx;
    return backend_computes(f->b, w, op, f->e);
}

static bool backend_fits(const backend *b, const model *m, err *e) {
    fit f = { b, e };
    if (!backend_computes(b, &m->embed, OP_ID_embed, e) || !model_each_weight(m, weight_fits, &f)) return false;
    for (uint32_t il = 0; il < m->spec.layers; il++) {
        const layer *l = &m->layers[il];
        if (!backend_computes(b, &l->router, OP_ID_linear, e) || !backend_computes(b, &l->k_b, OP_ID_linear_heads, e) ||
            !backend_computes(b, &l->v_b, OP_ID_linear_heads, e))
            return false;
    }
    return true;
}

static bool alloc_rows(batch_memory *r, uint32_t n, err *e) {
    *r = (batch_memory){ mem_array(n, sizeof *r->id, e),  mem_array(n, sizeof *r->pos, e),  mem_array(n, sizeof *r->seq, e),
                         mem_array(n, sizeof *r->out, e), mem_array(n, sizeof *r->rope, e), mem_array(n, sizeof *r->pages, e) };
    return r->id && r->pos && r->seq && r->out && r->rope && r->pages;
}

static const backend *choose_backend(const char *name, err *e) {
    const backend *b = name ? backend_find(name) : backend_at(0);
    if (!b) {
        err_set(e, ERR_USAGE, "there is no backend '%s' in this build", name);
        err_hint(e, "`pingti doctor` lists the backends");
    }
    return b;
}

/* Packed weights that were to be a file but came to lie in memory must fit there. */
static bool place(runner *r, model *m, const runner_options *o, err *e) {
    if (r->precision != PRECISION_FAST) return true;
    place_options how = o->place;
    how.large_pages = r->plan.packed_copied;
    r->placed = place_weights(m, r->backend, r->pool, r->model_digest, &how, e);
    if (!r->placed) return false;
    bool moved = r->plan.packed_in_file && r->placed->kind == PLACE_MEMORY;
    r->plan.packed_in_file = r->plan.packed_in_file && !moved;
    if (moved && !r->plan.packed_copied) {
        r->plan.total += r->plan.weights_packed;
        r->plan.weights_in_files -= r->plan.weights_packed;
    }
    r->plan.packed_copied = r->plan.packed_copied && !moved;
    if (!moved || r->plan.total <= r->plan.available) return true;
    *e = r->placed->trouble;
    return err_hint(e, "in memory the packed weights do not fit: %.1f MiB needed, %.1f MiB available", (double)r->plan.total / 1048576, (double)r->plan.available / 1048576);
}

runner *runner_new(model *m, const runner_options *o, err *e) {
    runner *r = mem_must(1, sizeof *r);
    r->m = m;
    r->precision = o->precision;
    r->prof = o->prof;
    r->cache_type = o->cache_type;
    r->scratch = arena_new(0);
    bool cache_ok = o->cache_type == DTYPE_F32 || o->cache_type == DTYPE_F16 || o->cache_type == DTYPE_Q8_0;
    if (!cache_ok) err_set(e, ERR_USAGE, "the cache cannot be stored as %s", dtype_name(o->cache_type)), err_expected(e, "f32, f16 or q8_0");
    r->backend = cache_ok ? choose_backend(o->backend, e) : NULL;
    if (!r->backend || !backend_fits(r->backend, m, e) || !memory_plan_make(&r->plan, m, o, e) || !alloc_rows(&r->rows, r->plan.batch_tokens, e) ||
        !(r->kv = kv_new(plan_view(m, r->backend, o->cache_type, o->precision), r->plan.pages, e))) {
        runner_free(r);
        return NULL;
    }
    r->own_pool = !o->pool;
    r->pool = o->pool ? o->pool : pool_new(o->threads > 0 ? o->threads : cpu_count());
    digest_model(m, r->model_digest);
    if (place(r, m, o, e)) return r;
    runner_free(r);
    return NULL;
}

void runner_free(runner *r) {
    if (!r) return;
    place_free(r->placed);
    if (r->own_pool) pool_free(r->pool);
    kv_free(r->kv);
    arena_free(r->scratch);
    free(r->rows.id);
    free(r->rows.pos);
    free(r->rows.seq);
    free(r->rows.out);
    free(r->rows.rope);
    free(r->rows.pages);
    free(r);
}

const memory_plan *runner_plan(const runner *r) { return &r->plan; }
const model *runner_model(const runner *r) { return r->m; }
const placement *runner_placement(const runner *r) { return r->placed; }
kv *runner_kv(runner *r) { return r->kv; }
const char *runner_backend_name(const runner *r) { return r->backend->name; }
int runner_threads(const runner *r) { return pool_threads(r->pool); }
pool *runner_pool(runner *r) { return r->pool; }
precision runner_precision(const runner *r) { return r->precision; }
void runner_set_prof(runner *r, prof *p) { r->prof = p; }

kv_name runner_root_name(const runner *r, uint8_t rope, const void *tenant, size_t n) {
    struct {
        unsigned char model[32], tenant[32];
        char kernels[32], build[32];
        uint32_t cache_type, precision, rope;
    } salt;
    memset(&salt, 0, sizeof salt);
    memcpy(salt.model, r->model_digest, sizeof salt.model);
    if (n) crypto_generichash(salt.tenant, sizeof salt.tenant, tenant, n, NULL, 0);
    strncpy(salt.kernels, backend_kernels_name(), sizeof salt.kernels - 1);
    strncpy(salt.build, PINGTI_VERSION, sizeof salt.build - 1);
    salt.cache_type = r->cache_type;
    salt.precision = r->precision;
    salt.rope = rope;
    return kv_name_root(&salt, sizeof salt);
}

uint8_t runner_rope_choice(const runner *r, size_t n_tokens) { return rope_tables_choose(&r->m->rope, n_tokens); }

static void add_row(runner *r, batch *b, const run_slice *slice, size_t i, size_t token) {
    r->rows.id[b->T] = slice->s->tokens[token];
    r->rows.pos[b->T] = (int32_t)token;
    r->rows.seq[b->T] = (int32_t)i;
    r->rows.rope[b->T] = slice->s->rope;
    if (slice->logits == LOGITS_ALL || (slice->logits == LOGITS_LAST && token + 1 == slice->to)) r->rows.out[b->n_out++] = (int32_t)b->T;
    b->T++;
}

static batch make_batch(runner *r, const run_slice *slices, size_t n) {
    batch b = { .id = r->rows.id, .pos = r->rows.pos, .seq = r->rows.seq, .rope = r->rows.rope, .out = r->rows.out, .pages = r->rows.pages };
    for (size_t i = 0; i < n; i++) {
        const run_slice *s = &slices[i];
        assert(s->from < s->to && s->from == s->s->n_cached && s->to <= s->s->n && b.T + (s->to - s->from) <= r->plan.batch_tokens);
        assert(s->to <= s->s->n_pages * KV_PAGE_TOKENS);
        r->rows.pages[i] = s->s->pages;
        for (size_t t = s->from; t < s->to; t++) add_row(r, &b, s, i, t);
    }
    return b;
}

void runner_set_stop(runner *r, bool (*stop)(void *ctx), void *ctx) {
    r->stop = stop;
    r->stop_ctx = ctx;
}

void runner_set_watch(runner *r, void (*watch)(void *ctx, op_id id, const void *args), void *ctx) {
    r->watch = watch;
    r->watch_ctx = ctx;
}

bool runner_gave_up(const runner *r) { return r->gave_up; }

static bool gives_up(void *ctx) {
    runner *r = ctx;
    return r->gave_up = r->stop && r->stop(r->stop_ctx);
}

float *runner_step(runner *r, const run_slice *slices, size_t n, size_t *n_rows) {
    batch b = make_batch(r, slices, n);
    arena_reset(r->scratch);
    fwd f = { .backend = r->backend, .mem = r->scratch, .kv = kv_view_of(r->kv), .pool = r->pool, .precision = r->precision, .stop = gives_up, .stop_ctx = r, .prof = r->prof, .watch = r->watch, .watch_ctx = r->watch_ctx };
    r->gave_up = false;
    if (r->prof) prof_pass_begin(r->prof, b.T);
    tensor *logits = model_forward(&f, r->m, &b);
    if (r->prof) prof_pass_end(r->prof);
    for (size_t i = 0; i < n && !r->gave_up; i++) seq_advance(slices[i].s, r->kv, slices[i].to);
    if (n_rows) *n_rows = r->gave_up ? 0 : b.n_out;
    return logits ? tensor_f32(logits, 0) : NULL;
}
