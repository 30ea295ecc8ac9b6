#include "convert/to_hf.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/outfile.h"
#include "convert/carried.h"
#include "convert/cut.h"
#include "convert/originals.h"
#include "format/safetensors_write.h"
#include "model/arch.h"
#include "tensor/quant.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

typedef struct back {
    plan *p;
    const model_source *s;
    const model_spec *spec;
    const arch *arch;         /* whose names are used: Mixtral's for a llama with experts */
    const to_hf_options *o;
    bool halved, fused, carried;
    const expert_names *experts;
    err *e;
} back;

/* Every value of a small tensor is one of `to`. */
static bool holds(const named_tensor *t, dtype to) {
    uint64_t n = t->bytes / sizeof(float);
    const float *x = t->data;
    bool same = true;
    for (uint64_t i = 0; i < n && same; i++) {
        float v = to == DTYPE_BF16 ? bf16_to_f32(f32_to_bf16(x[i])) : f16_to_f32(f32_to_f16(x[i]));
        same = memcmp(&v, &x[i], sizeof v) == 0;
    }
    return same;
}

/* The format of most weights. */
static dtype main_type(const model_source *s) {
    const named_tensor *t = tensor_set_find(s->tensors, NAME_EMBED.gguf);
    return t ? t->type : DTYPE_F32;
}

/* What it was in the directory; for files that do not say, vectors that lie in F32 take the format of the matrices where that loses nothing. */
static bool set_type(const back *b, plan_tensor *t, const char *gguf_name) {
    dtype told, most = main_type(b->s);
    if (dtype_block_elems(t->from) > 1) {
        if (!b->o->dequantize)
            return err_set(b->e, ERR_USAGE, "tensor '%s' is stored as %s, which safetensors has no form for", gguf_name, dtype_name(t->from)) || err_where(b->e, "%s", b->s->path) ||
                   err_hint(b->e, "--dequantize writes its values in 16 bits; what quantizing lost does not come back");
        t->to = b->o->type >= 0 ? (dtype)b->o->type : DTYPE_BF16;
        return true;
    }
    t->to = t->from;
    if (b->carried) {
        if (originals_type(b->s->gguf, gguf_name, &told) && safetensors_has(told) && told != DTYPE_F8_E4M3) t->to = told;
        return true;
    }
    bool small = t->n_dims == 1 && t->from == DTYPE_F32 && (most == DTYPE_BF16 || most == DTYPE_F16);
    if (small && !t->values && holds(t->parts->from, most)) t->to = most;
    return true;
}

static bool add_named(back *b, const tensor_names *n, const named_tensor *t, int layer) {
    char name[256];
    tensor_name_fill(n->hf, layer, 0, name);
    plan_tensor *out = plan_add(b->p, name, t);
    bool q = n == &NAME_Q || n == &NAME_Q_BIAS, k = n == &NAME_K || n == &NAME_K_BIAS;
    if (b->halved && (q || k)) {
        if (out->n_dims == 1) out->rows = out->part_rows = out->cols, out->cols = 1;
        out->order = PLAN_HALVED;
        out->head = b->spec->head_dim;
    }
    return set_type(b, out, t->name);
}

/* Expert e of a stack becomes a tensor of its own. */
static bool add_stack(back *b, const char *pattern, const named_tensor *t, int layer) {
    char name[256];
    for (uint64_t i = 0; i < t->dims[0]; i++) {
        plan_part part = { .from = t, .first = i * t->dims[1] };
        tensor_name_fill(pattern, layer, (int)i, name);
        plan_tensor *out = plan_add_parts(b->p, name, &part, 1, t->dims[1], t->dims[2]);
        out->n_dims = 2;
        out->dims[0] = t->dims[1];
        out->dims[1] = t->dims[2];
        if (!set_type(b, out, t->name)) return false;
    }
    return true;
}

/* gate and up of every expert side by side: [E, 2 ff, d]. */
static bool add_fused(back *b, const named_tensor *gate, int layer) {
    char name[256];
    tensor_name_fill("blk.%d.ffn_up_exps.weight", layer, 0, name);
    const named_tensor *up = tensor_set_find(b->s->tensors, name);
    if (!up || up->type != gate->type) return err_set(b->e, ERR_FORMAT, "layer %d lacks some of its expert tensors, or stores them in different formats", layer);
    uint64_t n = gate->dims[0], ff = gate->dims[1];
    plan_part *parts = mem_must(2 * n, sizeof *parts);
    for (uint64_t i = 0; i < 2 * n; i++) parts[i] = (plan_part){ .from = i % 2 ? up : gate, .first = i / 2 * ff };
    tensor_name_fill(b->experts->fused_gate_up, layer, 0, name);
    plan_tensor *out = plan_add_parts(b->p, name, parts, 2 * n, ff, gate->dims[2]);
    out->dims[0] = n;
    out->dims[1] = 2 * ff;
    free(parts);
    return set_type(b, out, gate->name);
}

/* kv_b from its two halves, the first of which is turned. */
static bool add_kv_b(back *b, const named_tensor *k, int layer) {
    const model_spec *s = b->spec;
    char name[256];
    tensor_name_fill(NAME_V_B.gguf, layer, 0, name);
    const named_tensor *v = tensor_set_find(b->s->tensors, name);
    if (!v || v->type != k->type) return err_set(b->e, ERR_FORMAT, "the split kv_b tensors of layer %d are stored in different formats", layer);
    uint64_t step = s->nope + s->v_dim, rows = s->heads * step;
    plan_part *parts = mem_must(rows, sizeof *parts);
    for (uint64_t r = 0; r < rows; r++) {
        uint64_t h = r / step, i = r % step;
        if (i < s->nope) parts[r] = (plan_part){ .from = k, .first = h * s->kv_lora, .is_column = true, .column = i };
        else parts[r] = (plan_part){ .from = v, .first = h * s->v_dim + i - s->nope };
    }
    tensor_name_fill(NAME_KV_B.hf, layer, 0, name);
    plan_tensor *out = plan_add_parts(b->p, name, parts, rows, 1, s->kv_lora);
    out->order = PLAN_ROWS;
    out->n_dims = 2;
    out->dims[0] = rows;
    out->dims[1] = s->kv_lora;
    free(parts);
    return set_type(b, out, k->name);
}

/* 1: done; 0: no expert tensor; -1: an error. */
static int try_experts(back *b, const named_tensor *t) {
    const expert_names *x = b->experts;
    if (!x) return 0;
    const struct { const char *gguf, *stack, *single, *whole; } rows[] = {
        { "blk.%d.ffn_gate_exps.weight", x->gate, NULL, x->fused_gate_up },   { "blk.%d.ffn_up_exps.weight", x->up, NULL, "" },
        { "blk.%d.ffn_down_exps.weight", x->down, NULL, x->fused_down },      { "blk.%d.ffn_gate_inp.weight", NULL, x->router, NULL },
        { "blk.%d.exp_probs_b.bias", NULL, x->router_bias, NULL },            { "blk.%d.exp_probs_b", NULL, x->router_bias, NULL },
        { "blk.%d.ffn_gate_shexp.weight", NULL, x->shared_gate, NULL },       { "blk.%d.ffn_up_shexp.weight", NULL, x->shared_up, NULL },
        { "blk.%d.ffn_down_shexp.weight", NULL, x->shared_down, NULL },       { "blk.%d.ffn_gate.%d.weight", NULL, x->gate, NULL },
        { "blk.%d.ffn_up.%d.weight", NULL, x->up, NULL },                     { "blk.%d.ffn_down.%d.weight", NULL, x->down, NULL },
    };
    int layer, expert;
    char name[256];
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (!tensor_name_fits(rows[i].gguf, t->name, &layer, &expert)) continue;
        if (rows[i].stack && !b->fused) return add_stack(b, rows[i].stack, t, layer) ? 1 : -1;
        if (rows[i].stack && i == 0) return add_fused(b, t, layer) ? 1 : -1;
        if (rows[i].stack && i == 1) return 1; /* it went with the gates */
        const char *pattern = rows[i].stack ? rows[i].whole : rows[i].single;
        if (!pattern) return 0;
        tensor_name_fill(pattern, layer, expert, name);
        return set_type(b, plan_add(b->p, name, t), t->name) ? 1 : -1;
    }
    return 0;
}

/* "X.scale" goes into the values of "X.weight", and "X.input_scale" is not used (model/bind.c). */
static bool belongs_to_a_weight(const back *b, const named_tensor *t) {
    char name[256];
    return (tensor_name_beside(t->name, ".scale", ".weight", name) || tensor_name_beside(t->name, ".input_scale", ".weight", name)) && tensor_set_find(b->s->tensors, name);
}

/* The numbers beside a weight, one for each of its matrices. *out NULL: none. */
static bool factor_of(const back *b, const named_tensor *t, const float **out) {
    char name[256];
    uint64_t n = t->n_dims == 3 ? t->dims[0] : 1;
    const named_tensor *f = tensor_name_beside(t->name, ".weight", ".scale", name) ? tensor_set_find(b->s->tensors, name) : NULL;
    *out = NULL;
    if (!f) return true;
    if (f->type != DTYPE_F32 || f->bytes != n * sizeof(float))
        return err_set(b->e, ERR_UNSUPPORTED, "tensor '%s' does not fit its weight", f->name) || err_where(b->e, "%s", b->s->path) ||
               err_expected(b->e, "F32, %llu of them", (unsigned long long)n) || err_got(b->e, "%s, %llu bytes", dtype_name(f->type), (unsigned long long)f->bytes);
    float *values = arena_must(b->p->mem, n, sizeof *values);
    memcpy(values, f->data, f->bytes);
    *out = values;
    return true;
}

/* Neighbours come from one weight, or in turn from two. */
static bool add_factors(const back *b, plan_tensor *t) {
    plan_part *part = (plan_part *)(uintptr_t)t->parts;
    for (size_t i = 0; i < t->n_parts; i++) {
        const plan_part *same = i && part[i - 1].from == part[i].from ? &part[i - 1] : i > 1 && part[i - 2].from == part[i].from ? &part[i - 2] : NULL;
        if (same) part[i].factor = same->factor;
        else if (!factor_of(b, part[i].from, &part[i].factor)) return false;
        t->factored = t->factored || part[i].factor;
    }
    return true;
}

static bool add_tensor(back *b, const named_tensor *t) {
    int layer, expert, done = try_experts(b, t);
    bool fused = b->arch->bind_ffn == bind_fused_ffn;
    if (done) return done > 0;
    if (belongs_to_a_weight(b, t)) return true;
    if (strncmp(t->name, "rope_f", 6) == 0) return true; /* config.json has them */
    if (tensor_name_fits(NAME_K_B.gguf, t->name, &layer, &expert)) return add_kv_b(b, t, layer);
    if (tensor_name_fits(NAME_V_B.gguf, t->name, &layer, &expert)) return true;
    for (size_t i = 0; i < tensor_names_count(); i++) {
        const tensor_names *n = tensor_names_at(i);
        if (!n->hf || !tensor_name_fits(n->gguf, t->name, &layer, &expert)) continue;
        if ((n == &NAME_UP && fused) || (n == &NAME_GATE_UP && !fused)) continue;
        return add_named(b, n, t, layer);
    }
    return err_set(b->e, ERR_UNSUPPORTED, "tensor '%s' has no Hugging Face name", t->name) || err_where(b->e, "%s", b->s->path);
}

bool plan_to_hf(plan *p, const model_source *s, const to_hf_options *o, model_spec *spec, err *e) {
    model *m = model_open(s, e);
    char experts[16];
    if (!m) return false;
    back b = { .p = p, .s = s, .spec = spec, .arch = m->arch, .o = o, .carried = originals_carried(s->gguf), .halved = strcmp(s->arch, "llama") == 0, .e = e };
    *spec = m->spec;
    model_close(m);
    plan_init(p, s);
    if (b.halved && spec->router.experts) b.arch = arch_for_hf("mixtral");
    originals_experts(s->gguf, experts);
    b.experts = b.arch->experts;
    b.fused = strcmp(experts, "fused") == 0 && b.experts && b.experts->fused_gate_up;
    if (b.experts && b.experts->newer && *experts) b.experts = b.experts->newer;
    for (size_t i = 0; i < s->tensors->n; i++)
        if (!add_tensor(&b, &s->tensors->items[i])) return false;
    for (size_t i = 0; i < p->n; i++)
        if (!add_factors(&b, &p->tensors[i])) return false;
    return true;
}

typedef struct shards {
    size_t *of, n;  /* shard of each tensor */
    uint64_t total;
} shards;

static shards cut(const plan *p, uint64_t most) {
    shards s = { .of = mem_must(p->n ? p->n : 1, sizeof *s.of) };
    uint64_t here = 0;
    for (size_t i = 0; i < p->n; i++) {
        uint64_t bytes = plan_tensor_bytes(&p->tensors[i], p->tensors[i].to);
        if (most && here && here + bytes > most) s.n++, here = 0;
        s.of[i] = s.n;
        here += bytes;
        s.total += bytes;
    }
    s.n++;
    return s;
}

static void describe(const plan *p, safetensors_entry *out) {
    for (size_t i = 0; i < p->n; i++) {
        const plan_tensor *t = &p->tensors[i];
        out[i] = (safetensors_entry){ t->name, t->to, t->n_dims, t->dims, 0, plan_tensor_bytes(t, t->to) };
    }
}

typedef struct shard_progress {
    const plan_write_options *o;
    uint64_t before, total;
} shard_progress;

static void on_progress(void *ctx, uint64_t done, uint64_t total) {
    shard_progress *s = ctx;
    (void)total;
    if (s->o->progress) s->o->progress(s->o->progress_ctx, s->before + done, s->total);
}

static plan_stop on_stop(void *ctx) {
    shard_progress *s = ctx;
    return s->o->stop ? s->o->stop(s->o->progress_ctx) : PLAN_GO_ON;
}

static bool write_shard(const plan *p, safetensors_entry *all, const shards *s, size_t k, const char *dir, const plan_write_options *w, plan_written *done, err *e) {
    char name[64], *path;
    size_t n = 0, *tensors = mem_must(p->n, sizeof *tensors);
    uint64_t *at = mem_must(p->n, sizeof *at), bytes = 0;
    safetensors_entry *entries = mem_must(p->n, sizeof *entries);
    buf head = { 0 };
    for (size_t i = 0; i < p->n; i++) {
        if (s->of[i] != k) continue;
        all[i].at = bytes;
        entries[n] = all[i];
        tensors[n] = i;
        at[n++] = bytes;
        bytes += all[i].bytes;
    }
    safetensors_shard_name(k, s->n, name);
    path = file_join(dir, name);
    bool ok = safetensors_header(entries, n, &head) || err_set(e, ERR_UNSUPPORTED, "safetensors has no form for a format of this model");
    plan_layout l = { head.data, head.len, tensors, at, n, bytes };
    ok = ok && plan_write_file(p, &l, path, w, done, e);
    buf_free(&head);
    free(path);
    free(entries);
    free(at);
    free(tensors);
    return ok;
}

/* FP8 became 16 bits on the way to GGUF: the config must not say FP8 of them. NULL: it does not. */
static char *plain_config(const char *data, size_t n) {
    json_t *config = js_parse(data, n, "config.json", NULL);
    char *text = config && json_object_del(config, "quantization_config") == 0 ? json_dumps(config, JSON_INDENT(2)) : NULL;
    json_decref(config);
    return text;
}

static bool write_originals(const gguf *g, const char *dir, err *e) {
    for (size_t i = 0; i < originals_count(); i++) {
        const char *data;
        size_t n;
        if (!originals_find(g, i, &data, &n)) continue;
        char *path = file_join(dir, originals_name(i)), *plain = strcmp(originals_name(i), "config.json") == 0 ? plain_config(data, n) : NULL;
        bool ok = outfile_put(path, plain ? plain : data, plain ? strlen(plain) : n, e);
        free(plain);
        free(path);
        if (!ok) return false;
    }
    return true;
}

static bool make_dir(const char *dir, err *e) {
    if (mkdir(dir, 0777) == 0 || (errno == EEXIST && file_is_dir(dir))) return true;
    return err_set(e, ERR_IO, "the directory '%s' cannot be made", dir) || err_got(e, "%s", strerror(errno));
}

static bool write_index(const buf *text, const char *dir, err *e) {
    char *path = file_join(dir, SAFETENSORS_INDEX);
    bool ok = outfile_put(path, text->data, text->len, e);
    free(path);
    return ok;
}

static bool write_small_files(const plan *p, const model_spec *spec, const char *dir, err *e) {
    const gguf *g = p->source->gguf;
    if (originals_carried(g)) return write_originals(g, dir, e);
    return to_hf_config(g, spec, dir, p->tensors[0].to, e) && to_hf_tokenizer(g, dir, e);
}

bool to_hf_write(const plan *p, const model_spec *spec, const char *dir, const to_hf_options *o, const plan_write_options *w, plan_written *done, err *e) {
    shards s = cut(p, o->shard_bytes);
    safetensors_entry *all = mem_must(p->n ? p->n : 1, sizeof *all);
    shard_progress progress = { w, 0, 0 };
    plan_write_options own = *w;
    buf index = { 0 };
    bool ok = carried_may_fill(p->source, dir, e) && make_dir(dir, e) && carried_write(p->source, dir, e);
    own.progress = on_progress;
    own.stop = on_stop;
    own.progress_ctx = &progress;
    *done = (plan_written){ 0 };
    describe(p, all);
    if (s.n > 1) safetensors_index(all, s.of, p->n, s.n, s.total, &index);
    for (size_t i = 0; i < p->n; i++) progress.total += plan_tensor_bytes(&p->tensors[i], p->tensors[i].from);
    ok = ok && write_small_files(p, spec, dir, e) && carried_write(p->source, dir, e) && cut_drop_index(dir, s.n > 1 ? &index : NULL, e);
    for (size_t k = 0; k < s.n && ok; k++) {
        plan_written one;
        ok = write_shard(p, all, &s, k, dir, &own, &one, e);
        done->bytes += ok ? one.bytes : 0;
        done->resumed_bytes += ok ? one.resumed_bytes : 0;
        progress.before += ok ? one.source_bytes : 0;
    }
    ok = ok && (s.n == 1 || write_index(&index, dir, e)) && cut_drop_others(dir, s.n, &done->removed, e);
    done->source_bytes = progress.before;
    buf_free(&index);
    free(all);
    free(s.of);
    return ok;
}
