/* Tensors of a Hugging Face directory under their GGUF names: q and k of llama with neighbouring pairs, experts stacked, DeepSeek's kv_b in
 * its two halves, norms and routers in F32. */
#include "convert/hf.h"
#include "base/mem.h"
#include "model/arch.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct hf_tensors {
    plan *p;
    const model_source *s;
    const model_spec *spec;
    const arch *arch;
    bool paired;          /* llama */
    dtype eight;          /* what FP8 becomes */
    int type;
    bool *taken;          /* [tensors->n]: part of a stack that is planned already */
    err *e;
} hf_tensors;

static bool ends_with(const char *s, const char *end) {
    size_t n = strlen(s), m = strlen(end);
    return n >= m && strcmp(s + n - m, end) == 0;
}

static bool is_left_out(const hf_tensors *h, const char *name) {
    int layer;
    if (ends_with(name, "_scale_inv") || strstr(name, "rotary_emb.inv_freq")) return true;
    if (strcmp(name, "lm_head.weight") == 0 && h->spec->tied) return true;
    return h->arch->mtp_layers && sscanf(name, "model.layers.%d.", &layer) == 1 && layer >= (int)h->spec->layers;
}

static const named_tensor *scale_of(const hf_tensors *h, const named_tensor *t) {
    char name[300];
    if (t->type != DTYPE_F8_E4M3) return NULL;
    snprintf(name, sizeof name, "%.250s_scale_inv", t->name);
    return tensor_set_find(h->s->tensors, name);
}

/* What a matrix is stored as: vectors, norms and routers in F32, everything else as wanted. */
static void set_type(const hf_tensors *h, plan_tensor *t) {
    dtype own = t->from == DTYPE_F8_E4M3 ? h->eight : t->from;
    bool f32 = t->n_dims <= 1 || ends_with(t->name, "_norm.weight") || strstr(t->name, "ffn_gate_inp.weight") || !ends_with(t->name, ".weight");
    t->to = f32 ? DTYPE_F32 : h->type >= 0 ? (dtype)h->type : own;
}

static bool add_part(const hf_tensors *h, plan_part *part, const named_tensor *t, uint64_t first) {
    *part = (plan_part){ .from = t, .scale = scale_of(h, t), .first = first };
    return t->type != DTYPE_F8_E4M3 || part->scale || err_set(h->e, ERR_FORMAT, "FP8 tensor '%s' has no block scales", t->name);
}

static plan_tensor *add_whole(hf_tensors *h, const char *name, const named_tensor *t) {
    plan_tensor *out = plan_add(h->p, name, t);
    if (!add_part(h, (plan_part *)(uintptr_t)out->parts, t, 0)) return NULL;
    set_type(h, out);
    return out;
}

static bool add_renamed(hf_tensors *h, const tensor_names *n, const named_tensor *t, int layer) {
    char name[256];
    tensor_name_fill(n->gguf, layer, 0, name);
    plan_tensor *out = add_whole(h, name, t);
    bool q = n == &NAME_Q || n == &NAME_Q_BIAS, k = n == &NAME_K || n == &NAME_K_BIAS;
    if (!out || !h->paired || !(q || k)) return out != NULL;
    if (out->n_dims == 1) out->rows = out->part_rows = out->cols, out->cols = 1;
    out->order = PLAN_PAIRED;
    out->head = h->spec->head_dim;
    return true;
}

/* kv_b[heads * (nope + v), rank] -> k_b[heads, rank, nope] and v_b[heads, v, rank]. */
static bool add_kv_b(hf_tensors *h, const named_tensor *t, int layer) {
    const model_spec *s = h->spec;
    uint32_t heads = s->heads, step = s->nope + s->v_dim;
    plan_part *parts = mem_must(heads, sizeof *parts);
    char name[256];
    bool ok = true;
    for (int half = 0; half < 2 && ok; half++) {
        for (uint32_t i = 0; i < heads && ok; i++) ok = add_part(h, &parts[i], t, (uint64_t)i * step + (half ? s->nope : 0));
        if (!ok) break;
        tensor_name_fill(half ? NAME_V_B.gguf : NAME_K_B.gguf, layer, 0, name);
        plan_tensor *out = half ? plan_add_parts(h->p, name, parts, heads, s->v_dim, s->kv_lora) : plan_add_parts(h->p, name, parts, heads, s->kv_lora, s->nope);
        if (!half) out->order = PLAN_ACROSS;
        set_type(h, out);
    }
    free(parts);
    return ok;
}

/* All experts of one kind and layer, from wherever the first of them was met. */
static bool add_experts(hf_tensors *h, const char *pattern, const char *gguf, int layer) {
    uint32_t n = h->spec->router.experts;
    plan_part *parts = mem_must(n, sizeof *parts);
    char name[256];
    bool ok = true;
    for (uint32_t i = 0; i < n && ok; i++) {
        tensor_name_fill(pattern, layer, (int)i, name);
        const named_tensor *t = tensor_set_find(h->s->tensors, name);
        ok = (t && t->n_dims == 2) || err_set(h->e, ERR_FORMAT, "the model has no tensor '%s'", name) || err_where(h->e, "%s", h->s->path);
        ok = ok && (!i || t->type == parts[0].from->type || err_set(h->e, ERR_UNSUPPORTED, "experts of layer %d are stored in different formats", layer));
        ok = ok && add_part(h, &parts[i], t, 0);
        if (ok) h->taken[t - h->s->tensors->items] = true;
    }
    if (ok) {
        tensor_name_fill(gguf, layer, 0, name);
        set_type(h, plan_add_parts(h->p, name, parts, n, parts[0].from->dims[0], parts[0].from->dims[1]));
    }
    free(parts);
    return ok;
}

/* [E, 2 ff, d] -> gate and up. */
static bool add_fused_experts(hf_tensors *h, const named_tensor *t, int layer) {
    uint32_t n = h->spec->router.experts;
    plan_part *parts = mem_must(n, sizeof *parts);
    char name[256];
    bool ok = true;
    for (int half = 0; half < 2 && ok; half++) {
        for (uint32_t i = 0; i < n && ok; i++) ok = add_part(h, &parts[i], t, (2ull * i + (uint64_t)half) * h->spec->expert_ff);
        tensor_name_fill(half ? "blk.%d.ffn_up_exps.weight" : "blk.%d.ffn_gate_exps.weight", layer, 0, name);
        if (ok) set_type(h, plan_add_parts(h->p, name, parts, n, h->spec->expert_ff, h->spec->d));
    }
    free(parts);
    return ok;
}

/* 1: it was one and is planned; 0: it is none; -1: an error. */
static int try_experts(hf_tensors *h, const expert_names *x, const named_tensor *t) {
    const struct { const char *hf, *gguf; } stacked[] = {
        { x->gate, "blk.%d.ffn_gate_exps.weight" }, { x->up, "blk.%d.ffn_up_exps.weight" }, { x->down, "blk.%d.ffn_down_exps.weight" },
    }, single[] = {
        { x->router, "blk.%d.ffn_gate_inp.weight" },        { x->router_bias, "blk.%d.exp_probs_b.bias" },
        { x->shared_gate, "blk.%d.ffn_gate_shexp.weight" }, { x->shared_up, "blk.%d.ffn_up_shexp.weight" },
        { x->shared_down, "blk.%d.ffn_down_shexp.weight" }, { x->fused_down, "blk.%d.ffn_down_exps.weight" },
    };
    int layer, expert;
    for (size_t i = 0; i < sizeof stacked / sizeof *stacked; i++)
        if (tensor_name_fits(stacked[i].hf, t->name, &layer, &expert)) return add_experts(h, stacked[i].hf, stacked[i].gguf, layer) ? 1 : -1;
    for (size_t i = 0; i < sizeof single / sizeof *single; i++) {
        char name[256];
        if (!tensor_name_fits(single[i].hf, t->name, &layer, &expert)) continue;
        tensor_name_fill(single[i].gguf, layer, 0, name);
        return add_whole(h, name, t) ? 1 : -1;
    }
    if (tensor_name_fits(x->fused_gate_up, t->name, &layer, &expert)) return add_fused_experts(h, t, layer) ? 1 : -1;
    return 0;
}

static bool add_tensor(hf_tensors *h, const named_tensor *t) {
    int layer, expert, done = 0;
    for (const expert_names *x = h->arch->experts; x && !done; x = x->newer) done = try_experts(h, x, t);
    if (done) return done > 0;
    if (spec_is_mla(h->spec) && tensor_name_fits(NAME_KV_B.hf, t->name, &layer, &expert)) return add_kv_b(h, t, layer);
    for (size_t i = 0; i < tensor_names_count(); i++) {
        const tensor_names *n = tensor_names_at(i);
        if (n->hf && tensor_name_fits(n->hf, t->name, &layer, &expert)) return add_renamed(h, n, t, layer);
    }
    return err_set(h->e, ERR_UNSUPPORTED, "tensor '%s' has no name in GGUF", t->name) || err_where(h->e, "%s", h->s->path);
}

/* Llama 3.1's rule as a divisor for every rotated pair. */
static void add_llama3(hf_tensors *h) {
    const rope_spec *r = &h->spec->rope;
    float factors[SPEC_MAX_PAIRS];
    double old = r->original > 0 ? r->original : 8192, longest = old / r->low_freq, shortest = old / r->high_freq;
    for (uint32_t i = 0; i < r->dims / 2; i++) {
        double wave = 2 * M_PI * pow(r->theta, 2.0 * i / r->dims), smooth = (old / wave - r->low_freq) / (r->high_freq - r->low_freq);
        double f = wave < shortest ? 1 : wave > longest ? r->factor : 1 / ((1 - smooth) / r->factor + smooth);
        factors[i] = (float)f;
    }
    plan_add_values(h->p, NAME_ROPE_FREQS.gguf, factors, r->dims / 2);
}

static void add_rope(hf_tensors *h) {
    const rope_spec *r = &h->spec->rope;
    if (r->kind == ROPE_LLAMA3) add_llama3(h);
    if (r->kind != ROPE_LONGROPE || !r->n_factors) return;
    plan_add_values(h->p, NAME_ROPE_LONG.gguf, r->long_factor, r->n_factors);
    plan_add_values(h->p, NAME_ROPE_SHORT.gguf, r->short_factor, r->n_factors);
}

bool hf_plan_tensors(plan *p, const model_source *s, const model_spec *spec, const char *arch_name, int type, err *e) {
    hf_tensors h = { .p = p, .s = s, .spec = spec, .arch = arch_for_hf(s->arch), .paired = strcmp(arch_name, "llama") == 0, .eight = DTYPE_BF16, .type = type, .e = e };
    bool ok = true;
    h.taken = mem_must(s->tensors->n, sizeof *h.taken);
    add_rope(&h);
    for (size_t i = 0; i < s->tensors->n && ok; i++)
        if (!h.taken[i] && !is_left_out(&h, s->tensors->items[i].name)) ok = add_tensor(&h, &s->tensors->items[i]);
    free(h.taken);
    return ok;
}

bool gguf_name_of(const arch *a, const char *name, char out[256]) {
    static const struct { const char *old, *now; } apart[] = {
        { "blk.%d.ffn_gate.%d.weight", "blk.%d.ffn_gate_exps.weight" }, { "blk.%d.ffn_up.%d.weight", "blk.%d.ffn_up_exps.weight" }, { "blk.%d.ffn_down.%d.weight", "blk.%d.ffn_down_exps.weight" },
    };
    int layer, expert;
    for (size_t i = 0; i < sizeof apart / sizeof *apart; i++)
        if (tensor_name_fits(apart[i].old, name, &layer, &expert)) return tensor_name_fill(apart[i].now, layer, 0, out), true;
    if (strncmp(name, "model.", 6) != 0 && strcmp(name, NAME_OUTPUT.hf) != 0) return snprintf(out, 256, "%.255s", name) > 0; /* it is one already */
    for (const expert_names *x = a->experts; x; x = x->newer) {
        const struct { const char *hf, *gguf; } rows[] = {
            { x->gate, "blk.%d.ffn_gate_exps.weight" },         { x->up, "blk.%d.ffn_up_exps.weight" },
            { x->down, "blk.%d.ffn_down_exps.weight" },         { x->fused_down, "blk.%d.ffn_down_exps.weight" },
            { x->router, "blk.%d.ffn_gate_inp.weight" },        { x->shared_gate, "blk.%d.ffn_gate_shexp.weight" },
            { x->shared_up, "blk.%d.ffn_up_shexp.weight" },     { x->shared_down, "blk.%d.ffn_down_shexp.weight" },
        };
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
            if (tensor_name_fits(rows[i].hf, name, &layer, &expert)) return tensor_name_fill(rows[i].gguf, layer, 0, out), true;
    }
    for (size_t i = 0; i < tensor_names_count(); i++) {
        const tensor_names *n = tensor_names_at(i);
        if (n->hf && n->gguf && tensor_name_fits(n->hf, name, &layer, &expert)) return tensor_name_fill(n->gguf, layer, 0, out), true;
    }
    return false;
}
