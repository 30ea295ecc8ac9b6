#include "quantize/quantize.h"
#include "base/mem.h"
#include "quantize/encode.h"
#include "tensor/quant.h"
#include <sodium.h>
#include <stdatomic.h>
#include <string.h>

enum { QUANTIZATION_VERSION = 2 /* GGUF's number of the block formats as they are now */ };

uint64_t plan_bytes(const plan *p) {
    uint64_t n = 0;
    for (size_t i = 0; i < p->n; i++) n += plan_tensor_bytes(&p->tensors[i], p->tensors[i].to);
    return n;
}

uint64_t plan_parameters(const plan *p) {
    uint64_t n = 0;
    for (size_t i = 0; i < p->n; i++) n += p->tensors[i].rows * p->tensors[i].cols;
    return n;
}

static bool may_change(const plan_tensor *t, bool requantize, err *e) {
    if (t->from == t->to) return true;
    if (!encode_exists(t->to))
        return err_set(e, ERR_UNSUPPORTED, "%s cannot be written", dtype_name(t->to)) || err_where(e, "tensor '%s'", t->name) || err_hint(e, "`pingti quantize --help` lists the mixes");
    if (dtype_block_elems(t->from) == 1 || requantize) return true;
    return err_set(e, ERR_USAGE, "the model is quantized already") || err_where(e, "tensor '%s'", t->name) || err_got(e, "%s, wanted as %s", dtype_name(t->from), dtype_name(t->to)) ||
           err_hint(e, "start from the 16-bit model; --requantize takes this one, and the losses add up");
}

/* The importance of a tensor's columns; a matrix computed for another model is refused. Llama.cpp's older files know stacked experts as
 * one vector. */
static bool take_weights(quantizing *q, size_t i, err *e) {
    const plan_tensor *t = &q->p->tensors[i];
    const imatrix_entry *x = q->o.importance ? imatrix_find(q->o.importance, t->name) : NULL;
    uint64_t matrices = t->n_dims == 3 ? t->dims[0] : 1;
    if (t->to == t->from || dtype_block_elems(t->to) == 1) return true;
    if (!x) {
        q->without += q->o.importance != NULL;
        if (q->o.importance && !q->first_without) q->first_without = t->name;
        return true;
    }
    bool flat = x->matrices == 1 && x->cols == t->cols * matrices;
    if (!flat && (x->cols != t->cols || x->matrices != matrices))
        return err_set(e, ERR_FORMAT, "the importance matrix is of another model") || err_where(e, "tensor '%s'", t->name) ||
               err_expected(e, "%llu columns, %llu matrices", (unsigned long long)t->cols, (unsigned long long)matrices) ||
               err_got(e, "%llu columns, %llu matrices", (unsigned long long)x->cols, (unsigned long long)x->matrices) ||
               err_hint(e, "compute it with this model: `pingti imatrix`");
    if (!(q->weights[i] = mem_array(t->cols * matrices, sizeof(float), e))) return false;
    for (uint64_t k = 0; k < x->matrices; k++) imatrix_weights(x, k, q->weights[i] + k * x->cols);
    return true;
}

static void set_keys(const quantizing *q) {
    gguf_writer *w = q->p->keys;
    gguf_set_u32(w, "general.quantization_version", QUANTIZATION_VERSION);
    gguf_set_u32(w, "general.file_type", q->o.mix.mix->file_type);
    if (!q->o.importance) return;
    if (q->o.importance_name) gguf_set_str(w, "quantize.imatrix.file", q->o.importance_name);
    if (q->o.importance->n_datasets) gguf_set_str(w, "quantize.imatrix.dataset", q->o.importance->datasets[0]);
    gguf_set_u32(w, "quantize.imatrix.entries_count", (uint32_t)q->o.importance->n);
    if (q->o.importance->chunks) gguf_set_u32(w, "quantize.imatrix.chunks_count", q->o.importance->chunks);
}

bool quantize_start(quantizing *q, plan *p, const mix_model *m, const quantize_options *o, err *e) {
    *q = (quantizing){ .p = p, .o = *o, .model = *m, .weights = mem_must(p->n ? p->n : 1, sizeof *q->weights) };
    q->o.mix.imatrix = o->importance != NULL;
    if (!mix_rules_fit(p, &q->o.mix, e)) return quantize_end(q), false;
    mix_apply(p, m, &q->o.mix);
    for (size_t i = 0; i < p->n; i++)
        if (!may_change(&p->tensors[i], o->requantize, e) || !take_weights(q, i, e)) return quantize_end(q), false;
    set_keys(q);
    return true;
}

void quantize_end(quantizing *q) {
    for (size_t i = 0; q->weights && i < q->p->n; i++) free(q->weights[i]);
    free(q->weights);
    *q = (quantizing){ 0 };
}

static bool finite(const float *x, uint64_t n) {
    float sum = 0; /* stays 0 unless a difference is NaN */
    for (uint64_t i = 0; i < n; i++) sum += x[i] - x[i];
    return sum == 0;
}

/* One matrix after another: each expert has its own importance. */
static void encode(void *ctx, const plan_tensor *t, uint64_t first, uint64_t rows, const float *x, void *out) {
    quantizing *q = ctx;
    const float *weights = q->weights[t - q->p->tensors];
    encode_fn f = encode_find(t->to, weights != NULL);
    uint64_t per = t->n_dims == 3 ? t->dims[1] : t->rows, row_bytes = plan_tensor_bytes(t, t->to) / t->rows;
    if (!finite(x, rows * t->cols)) atomic_store((_Atomic(const char *) *)q->hole, t->name);
    if (!f) {
        quant_of(t->to)->from_f32(x, out, rows * t->cols);
        return;
    }
    for (uint64_t r = 0, n; r < rows; r += n) {
        uint64_t at = first + r, matrix = at / per;
        n = per - at % per < rows - r ? per - at % per : rows - r;
        f(x + r * t->cols, weights ? weights + matrix * t->cols : NULL, n, t->cols, (char *)out + r * row_bytes);
    }
}

typedef struct watched {
    const plan_write_options *o;
    _Atomic(const char *) hole;
} watched;

static plan_stop stop(void *ctx) {
    watched *w = ctx;
    if (atomic_load(&w->hole)) return PLAN_STOP_DROP;
    return w->o->stop ? w->o->stop(w->o->progress_ctx) : PLAN_GO_ON;
}

static void progress(void *ctx, uint64_t done, uint64_t total) {
    watched *w = ctx;
    if (w->o->progress) w->o->progress(w->o->progress_ctx, done, total);
}

bool quantize_write(quantizing *q, const char *path, const plan_write_options *o, plan_written *w, err *e) {
    watched seen = { .o = o };
    crypto_generichash_state s;
    unsigned char salt[32];
    plan_write_options own = *o;
    crypto_generichash_init(&s, NULL, 0, sizeof salt);
    for (size_t i = 0; i < q->p->n; i++) {
        const plan_tensor *t = &q->p->tensors[i];
        uint64_t n = q->weights[i] ? t->cols * (t->n_dims == 3 ? t->dims[0] : 1) * sizeof(float) : 0;
        crypto_generichash_update(&s, (const unsigned char *)&n, sizeof n);
        if (n) crypto_generichash_update(&s, (const unsigned char *)q->weights[i], n);
    }
    crypto_generichash_final(&s, salt, sizeof salt);
    q->hole = &seen.hole;
    own.encode = encode;
    own.ctx = q;
    own.salt = salt;
    own.n_salt = sizeof salt;
    own.progress = progress;
    own.stop = stop;
    own.progress_ctx = &seen;
    bool ok = plan_write_gguf(q->p, path, &own, w, e);
    const char *hole = atomic_load(&seen.hole);
    if (!hole) return ok;
    err_clear(e);
    return err_set(e, ERR_FORMAT, "tensor '%s' has values that are not finite", hole) || err_hint(e, "the model is damaged; quantized, the damage would spread over whole blocks");
}
