/* The numbers of a decoder as GGUF spells them. What llama.cpp's converter writes is written with the same keys and types; windows, which it
 * leaves out for some families, are written too, since pingti computes them. */
#include "convert/hf.h"
#include "convert/carried.h"
#include "convert/originals.h"
#include "model/arch.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct numbers {
    plan *p;
    const json_t *config;
    const model_spec *spec;
    const char *arch;
    json_t *rope; /* one object, old and new spelling alike */
} numbers;

static const char *key_of(const numbers *n, const char *key, char out[160]) {
    snprintf(out, 160, "%s.%s", n->arch, key);
    return out;
}

static void put_u32(const numbers *n, const char *key, uint64_t v) {
    char full[160];
    gguf_set_u32(n->p->keys, key_of(n, key, full), (uint32_t)v);
}

static void put_f32(const numbers *n, const char *key, double v) {
    char full[160];
    gguf_set_f32(n->p->keys, key_of(n, key, full), (float)v);
}

static void put_str(const numbers *n, const char *key, const char *v) {
    char full[160];
    gguf_set_str(n->p->keys, key_of(n, key, full), v);
}

/* A number of config.json under its GGUF name, where it is there. */
static void carry_u32(const numbers *n, const char *hf, const char *gguf) {
    int64_t v = -1;
    if (js_int(n->config, hf, 0, UINT32_MAX, &v, NULL) && v >= 0) put_u32(n, gguf, (uint64_t)v);
}

static void put_rope_scaling(const numbers *n) {
    const rope_spec *r = &n->spec->rope;
    static const struct { const char *hf, *gguf; } yarn[] = {
        { "extrapolation_factor", "rope.scaling.yarn_ext_factor" }, { "attention_factor", "rope.scaling.yarn_attn_factor" },
        { "beta_fast", "rope.scaling.yarn_beta_fast" },             { "beta_slow", "rope.scaling.yarn_beta_slow" },
    };
    if (r->kind == ROPE_LONGROPE && strcmp(n->arch, "phi3") != 0) put_str(n, "rope.scaling.type", "longrope"); /* there the factors say it */
    if (r->kind != ROPE_LINEAR && r->kind != ROPE_YARN) return;
    put_str(n, "rope.scaling.type", r->kind == ROPE_LINEAR ? "linear" : "yarn");
    put_f32(n, "rope.scaling.factor", r->factor);
    if (r->kind == ROPE_LINEAR) return;
    put_u32(n, "rope.scaling.original_context_length", (uint64_t)(r->original > 0 ? r->original : n->spec->context));
    for (size_t i = 0; i < sizeof yarn / sizeof *yarn; i++) {
        double v = 0;
        if (js_get(n->rope, yarn[i].hf) && js_real(n->rope, yarn[i].hf, &v, NULL)) put_f32(n, yarn[i].gguf, v);
    }
}

static void put_experts(const numbers *n) {
    const char *gating = "";
    if (!n->spec->router.experts) return;
    put_u32(n, "expert_count", n->spec->router.experts);
    put_u32(n, "expert_used_count", n->spec->router.top_k);
    carry_u32(n, "n_group", "expert_group_count");
    carry_u32(n, "topk_group", "expert_group_used_count");
    js_str(n->config, "scoring_func", &gating, NULL);
    if (*gating || n->spec->router.sigmoid) put_u32(n, "expert_gating_func", n->spec->router.sigmoid ? 2 : 1);
}

static void put_windows(const numbers *n) {
    const model_spec *s = n->spec;
    char full[160];
    bool all = true;
    uint8_t pattern[SPEC_MAX_LAYERS];
    if (!s->window) return;
    put_u32(n, "attention.sliding_window", s->window);
    for (uint32_t i = 0; i < s->layers; i++) all = all && s->slides[i], pattern[i] = s->slides[i];
    if (!all) gguf_set_array(n->p->keys, key_of(n, "attention.sliding_window_pattern", full), GGUF_BOOL, pattern, s->layers);
}

static void put_common(const numbers *n) {
    const model_spec *s = n->spec;
    bool mla = spec_is_mla(s);
    put_u32(n, "block_count", s->layers);
    put_u32(n, "context_length", s->context);
    put_u32(n, "embedding_length", s->d);
    put_u32(n, "feed_forward_length", s->ff);
    put_u32(n, "attention.head_count", s->heads);
    put_u32(n, "attention.head_count_kv", mla ? 1 : s->kv_heads); /* latent attention is one group, seen from the cache */
    put_rope_scaling(n);
    put_f32(n, "rope.freq_base", s->rope.theta);
    put_f32(n, "attention.layer_norm_rms_epsilon", (double)s->eps);
    put_experts(n);
    bool told = js_get(n->config, "head_dim") || (strcmp(n->arch, "llama") == 0 && !n->spec->router.experts) || strncmp(n->arch, "qwen3", 5) == 0;
    if (told && !mla && strcmp(n->arch, "phi3") != 0) {
        put_u32(n, "attention.key_length", s->head_dim);
        put_u32(n, "attention.value_length", s->head_dim);
    }
    put_windows(n);
}

static void put_phi3(const numbers *n) {
    const model_spec *s = n->spec;
    double original = s->rope.original > 0 ? s->rope.original : s->context, scale = s->context / original;
    put_u32(n, "rope.scaling.original_context_length", (uint64_t)original);
    put_u32(n, "rope.dimension_count", s->rope.dims);
    put_u32(n, "attention.sliding_window", s->window); /* 0 tells Phi-4 from the others */
    if (s->rope.kind != ROPE_LONGROPE) return;
    double own = s->rope.attention_factor > 0 ? s->rope.attention_factor : scale > 1 ? sqrt(1 + log(scale) / log(original)) : 1;
    put_f32(n, "rope.scaling.attn_factor", own);
}

static void put_deepseek(const numbers *n) {
    const model_spec *s = n->spec;
    double scale = 1, all_dim = 0;
    char full[160];
    int64_t shared = 0;
    uint32_t dense = 0;
    while (dense < s->layers && !s->sparse[dense]) dense++;
    put_u32(n, "leading_dense_block_count", dense);
    put_u32(n, "vocab_size", s->vocab);
    if (s->q_lora) put_u32(n, "attention.q_lora_rank", s->q_lora);
    put_u32(n, "attention.kv_lora_rank", s->kv_lora);
    put_u32(n, "attention.key_length", s->kv_lora + s->rope_dim);
    put_u32(n, "attention.value_length", s->kv_lora);
    put_u32(n, "attention.key_length_mla", s->nope + s->rope_dim);
    put_u32(n, "attention.value_length_mla", s->v_dim);
    put_u32(n, "expert_feed_forward_length", s->expert_ff ? s->expert_ff : s->ff);
    js_int(n->config, "n_shared_experts", 0, 1 << 20, &shared, NULL);
    put_u32(n, "expert_shared_count", (uint64_t)shared);
    if (js_get(n->config, "routed_scaling_factor") && js_real(n->config, "routed_scaling_factor", &scale, NULL)) put_f32(n, "expert_weights_scale", scale);
    if (s->router.normalize) gguf_set_bool(n->p->keys, key_of(n, "expert_weights_norm", full), true);
    put_u32(n, "rope.dimension_count", s->rope_dim);
    if (js_get(n->rope, "mscale_all_dim") && js_real(n->rope, "mscale_all_dim", &all_dim, NULL)) put_f32(n, "rope.scaling.yarn_log_multiplier", 0.1 * all_dim);
}

bool hf_plan_numbers(plan *p, const model_source *s, const model_spec *spec, const char *arch_name, err *e) {
    numbers n = { p, s->hf.config, spec, arch_name, hfconfig_rope(s->hf.config, e) };
    char full[160];
    if (!n.rope) return false;
    put_common(&n);
    if (strcmp(arch_name, "llama") == 0) {
        put_u32(&n, "vocab_size", spec->vocab);
        put_u32(&n, "rope.dimension_count", spec->rope.dims);
    } else if (strcmp(arch_name, "phi3") == 0) put_phi3(&n);
    else if (strcmp(arch_name, "deepseek2") == 0) put_deepseek(&n);
    else if (strcmp(arch_name, "qwen3moe") == 0) {
        put_u32(&n, "expert_feed_forward_length", spec->expert_ff);
        if (!spec->router.normalize) gguf_set_bool(p->keys, key_of(&n, "expert_weights_norm", full), false); /* every published one normalizes */
    }
    json_decref(n.rope);
    return true;
}

/* What GGUF has no word for would be computed otherwise there: refused, not left out. */
static bool has_words(const model_spec *s, const json_t *rope, hfquant_method quantized, err *e) {
    static const char *const methods[] = { [HFQUANT_GPTQ] = "weights as GPTQ packs them", [HFQUANT_AWQ] = "weights as AWQ packs them",
                                           [HFQUANT_COMPRESSED] = "weights as compressed-tensors packs them" };
    const char *what = NULL;
    if (quantized > HFQUANT_FP8) what = methods[quantized];
    else if (s->rope.kind == ROPE_DYNAMIC) what = "dynamic rope scaling";
    else if (s->rope.kind == ROPE_YARN && !s->rope.truncate) what = "yarn without truncation (\"truncate\": false)";
    else if (s->rope.kind == ROPE_YARN && js_get(rope, "attention_factor")) what = "yarn with an attention_factor of its own";
    else if (s->rope.kind == ROPE_YARN && js_get(rope, "mscale") && !spec_is_mla(s)) what = "yarn with mscale";
    else if (spec_is_mla(s) && s->rope.kind == ROPE_YARN && js_get(rope, "mscale") && s->rope.mscale != s->rope.mscale_all_dim) what = "yarn with an mscale that is not mscale_all_dim";
    else if (spec_is_mla(s) && !s->rope.interleaved) what = "latent attention whose rotated pairs are halves (\"rope_interleave\": false)";
    else if (spec_is_mla(s) && s->latent_eps != s->eps) what = "norms of latent attention with an epsilon of their own";
    if (!what) return true;
    return err_set(e, ERR_UNSUPPORTED, "GGUF has no word for %s", what) || err_where(e, "config.json") || err_hint(e, "a program that reads the file would compute something else; use the directory itself");
}

const char *hf_gguf_arch(const char *model_type) {
    const arch *a = arch_for_hf(model_type);
    if (!a) return NULL;
    return a->gguf_names[0] ? a->gguf_names[0] : "llama"; /* Mixtral */
}

static uint64_t count(const plan *p, bool experts, uint32_t n_experts) {
    uint64_t sum = 0;
    for (size_t i = 0; i < p->n; i++) {
        bool stacked = strstr(p->tensors[i].name, "_exps.") != NULL;
        uint64_t n = p->tensors[i].rows * p->tensors[i].cols;
        if (stacked && experts) sum += n / n_experts;
        else if (!experts) sum += n;
    }
    return sum;
}

static uint32_t file_type_of(const plan *p, int type) {
    dtype t = type >= 0 ? (dtype)type : DTYPE_F32;
    for (size_t i = 0; type < 0 && i < p->n; i++)
        if (p->tensors[i].n_dims > 1 && p->tensors[i].to != DTYPE_F32) t = p->tensors[i].to, type = (int)t;
    return t == DTYPE_F32 ? 0 : t == DTYPE_F16 ? 1 : t == DTYPE_BF16 ? 32 : 7;
}

/* The keys of the directory itself. */
static bool make_keys(plan *p, const model_source *s, const hf_options *o, const model_spec *spec, const char *arch_name, err *e) {
    uint32_t experts = spec->router.experts;
    uint64_t all = count(p, false, experts), each = experts ? count(p, true, experts) : 0, stacked = 0;
    for (size_t i = 0; i < p->n; i++)
        if (strstr(p->tensors[i].name, "_exps.")) stacked += p->tensors[i].rows * p->tensors[i].cols;
    hf_plan_general(p, s, o->name, experts ? all - stacked : all, each, experts);
    return hf_plan_numbers(p, s, spec, arch_name, e) && hf_plan_vocabulary(p, s, spec, o->pre, e);
}

static bool read_spec(const model_source *s, model_spec *spec, err *e) {
    model *m = model_open(s, e); /* every name and shape is checked there */
    json_t *rope = m ? hfconfig_rope(s->hf.config, e) : NULL;
    if (m) *spec = m->spec;
    bool ok = rope && has_words(spec, rope, m->quant.method, e);
    json_decref(rope);
    if (m) model_close(m);
    return ok;
}

bool plan_from_hf(plan *p, const model_source *s, const hf_options *o, model_spec *spec, bool *stale, err *e) {
    bool used = false;
    *stale = false;
    if (!read_spec(s, spec, e)) return false;
    const char *arch_name = hf_gguf_arch(s->arch);
    plan_init(p, s);
    gguf_set_str(p->keys, "general.architecture", arch_name);
    if (!hf_plan_tensors(p, s, spec, arch_name, o->type, e) || !carried_read(p, s, &used, stale, e)) return false;
    if (!used && !make_keys(p, s, o, spec, arch_name, e)) return false;
    if (used && o->pre && !hf_override_pre(p, s, spec, o->pre, e)) return false;
    if (used && o->name) gguf_set_str(p->keys, "general.name", o->name);
    if (!used || o->type >= 0) {
        gguf_set_u32(p->keys, "general.file_type", file_type_of(p, o->type));
        gguf_set_u32(p->keys, "general.quantization_version", 2);
    }
    return !o->originals || originals_keep(p, s, e);
}
