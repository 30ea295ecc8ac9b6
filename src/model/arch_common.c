/* What families share: finding one by name, and reading the numbers that all spell alike. */
#include "model/arch.h"
#include "format/hfquant.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

static const arch *const all[] = {
#define ARCH(symbol) &symbol,
#include "model/arch.def"
#undef ARCH
};

const expert_names expert_names_usual = { EXPERT_NAMES_USUAL };

size_t arch_count(void) { return sizeof all / sizeof *all; }
const arch *arch_at(size_t i) { return i < arch_count() ? all[i] : NULL; }

static bool listed(const char *const names[4], const char *name) {
    for (int i = 0; i < 4 && names[i]; i++)
        if (strcmp(names[i], name) == 0) return true;
    return false;
}

const arch *arch_for_hf(const char *model_type) {
    for (size_t i = 0; i < arch_count(); i++)
        if (listed(all[i]->hf_types, model_type)) return all[i];
    return NULL;
}

const arch *arch_for_gguf(const char *name) {
    for (size_t i = 0; i < arch_count(); i++)
        if (listed(all[i]->gguf_names, name)) return all[i];
    return NULL;
}

const char *arch_list(char *out, size_t cap) {
    size_t n = 0;
    out[0] = 0;
    for (size_t i = 0; i < arch_count() && n < cap; i++) n += (size_t)snprintf(out + n, cap - n, "%s%s", i ? ", " : "", all[i]->name);
    return out;
}

bool hf_u32(const json_t *config, const char *key, uint32_t *out, err *e) {
    int64_t v = *out;
    if (!js_int(config, key, 0, 1 << 30, &v, e)) return err_context(e, "config.json");
    *out = (uint32_t)v;
    return true;
}

static bool required_u32(const json_t *config, const char *key, uint32_t *out, err *e) {
    if (!js_get(config, key)) return err_set(e, ERR_FORMAT, "config.json has no '%s'", key);
    return hf_u32(config, key, out, e);
}

static bool known_activation(const json_t *config, err *e) {
    const char *act = "silu";
    if (!js_str(config, "hidden_act", &act, e)) return false;
    if (strcmp(act, "silu") == 0 || strcmp(act, "swish") == 0) return true;
    return err_set(e, ERR_UNSUPPORTED, "activation '%s' is not computed", act) || err_expected(e, "silu");
}

bool spec_read_hf(const json_t *config, model_spec *s, err *e) {
    double eps = 1e-6;
    const char *name = "";
    s->context = 2048;
    if (!known_activation(config, e) || !hfquant_read(config, &(hfquant){ 0 }, e)) return false;
    if (!required_u32(config, "hidden_size", &s->d, e) || !required_u32(config, "num_hidden_layers", &s->layers, e) ||
        !required_u32(config, "num_attention_heads", &s->heads, e) || !required_u32(config, "vocab_size", &s->vocab, e) ||
        !hf_u32(config, "intermediate_size", &s->ff, e) || !hf_u32(config, "max_position_embeddings", &s->context, e))
        return false;
    if (!s->heads || s->layers > SPEC_MAX_LAYERS) return spec_check(s, e);
    s->kv_heads = s->heads;
    s->head_dim = s->d / s->heads;
    if (!hf_u32(config, "num_key_value_heads", &s->kv_heads, e) || !hf_u32(config, "head_dim", &s->head_dim, e) ||
        !js_real(config, "rms_norm_eps", &eps, e) || !js_bool(config, "tie_word_embeddings", &s->tied, e) ||
        !js_str(config, "_name_or_path", &name, e))
        return false;
    s->eps = (float)eps;
    snprintf(s->name, sizeof s->name, "%s", name);
    s->attn_scale = (float)(1 / sqrt((double)(s->head_dim ? s->head_dim : 1)));
    return spec_read_hf_rope(config, s, s->head_dim, e);
}

static bool read_factors(const json_t *rope, const char *key, float *out, uint32_t *n, err *e) {
    const json_t *list = js_get(rope, key);
    size_t count = json_array_size(list);
    if (!list) return true;
    if (!json_is_array(list) || count == 0 || count > SPEC_MAX_PAIRS)
        return err_set(e, ERR_FORMAT, "rope factors '%s' are not a list of up to %d numbers", key, SPEC_MAX_PAIRS);
    for (size_t i = 0; i < count; i++) {
        const json_t *v = json_array_get(list, i);
        if (!json_is_number(v) || !(json_number_value(v) > 0)) return err_set(e, ERR_FORMAT, "rope factor '%s'[%zu] is not a positive number", key, i);
        out[i] = (float)json_number_value(v);
    }
    if (*n && *n != count) return err_set(e, ERR_FORMAT, "short_factor and long_factor have different lengths");
    *n = (uint32_t)count;
    return true;
}

static bool rope_kind_of(const char *name, rope_kind *kind, err *e) {
    static const struct { const char *name; rope_kind kind; } kinds[] = {
        { "default", ROPE_DEFAULT }, { "linear", ROPE_LINEAR }, { "dynamic", ROPE_DYNAMIC }, { "llama3", ROPE_LLAMA3 },
        { "yarn", ROPE_YARN },       { "longrope", ROPE_LONGROPE }, { "su", ROPE_LONGROPE },
    };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(kinds[i].name, name) == 0) return *kind = kinds[i].kind, true;
    return err_set(e, ERR_UNSUPPORTED, "rope type '%s' is not computed", name) || err_expected(e, "default, linear, dynamic, llama3, yarn or longrope");
}

static bool read_rope_numbers(const json_t *rope, rope_spec *r, err *e) {
    r->theta = 10000;
    r->low_freq = 1;
    r->high_freq = 4;
    r->beta_fast = 32;
    r->beta_slow = 1;
    r->truncate = true;
    return js_real(rope, "rope_theta", &r->theta, e) && js_real(rope, "factor", &r->factor, e) &&
           js_real(rope, "original_max_position_embeddings", &r->original, e) &&
           js_real(rope, "attention_factor", &r->attention_factor, e) && js_real(rope, "low_freq_factor", &r->low_freq, e) &&
           js_real(rope, "high_freq_factor", &r->high_freq, e) && js_real(rope, "beta_fast", &r->beta_fast, e) &&
           js_real(rope, "beta_slow", &r->beta_slow, e) && js_real(rope, "mscale", &r->mscale, e) &&
           js_real(rope, "mscale_all_dim", &r->mscale_all_dim, e) && js_bool(rope, "truncate", &r->truncate, e) &&
           read_factors(rope, "short_factor", r->short_factor, &r->n_factors, e) &&
           read_factors(rope, "long_factor", r->long_factor, &r->n_factors, e);
}

/* YaRN that names both its original context and its factor says how long sessions may be, whatever else the file says: Qwen2.5's way
 * to 131072 tokens is to add it to a config whose max_position_embeddings stays 32768. */
static void stretch_yarn(model_spec *s) {
    rope_spec *r = &s->rope;
    if (r->kind != ROPE_YARN || !(r->original > 0)) return;
    if (!(r->factor > 0)) r->factor = s->context / r->original; /* as published: the factor may be left to the two lengths */
    double stretched = fmin(r->original * r->factor, 1u << 30);
    if (stretched > s->context) s->context = (uint32_t)stretched;
}

static bool check_rope(model_spec *s, err *e) {
    rope_spec *r = &s->rope;
    stretch_yarn(s);
    bool scaled = r->kind == ROPE_LINEAR || r->kind == ROPE_DYNAMIC || r->kind == ROPE_YARN || r->kind == ROPE_LLAMA3;
    if (!(r->theta > 0)) return err_set(e, ERR_FORMAT, "rope_theta is not positive") || err_got(e, "%g", r->theta);
    if (scaled && !(r->factor > 0)) return err_set(e, ERR_FORMAT, "rope scaling without a positive factor") || err_got(e, "%g", r->factor);
    if (!(r->original > 0)) r->original = s->context;
    return true;
}

bool spec_read_hf_rope(const json_t *config, model_spec *s, uint32_t head, err *e) {
    json_t *rope = hfconfig_rope(config, e);
    if (!rope) return false;
    const char *type = "default";
    double partial = 1, own;
    bool ok = js_real(config, "partial_rotary_factor", &partial, e) && js_real(rope, "partial_rotary_factor", &partial, e) &&
              js_str(rope, "rope_type", &type, e) && rope_kind_of(type, &s->rope.kind, e) && read_rope_numbers(rope, &s->rope, e) &&
              js_real(config, "original_max_position_embeddings", &s->rope.original, e) && check_rope(s, e);
    json_decref(rope);
    own = head * partial;
    s->rope.dims = own > 0 && own < 1e6 ? (uint32_t)own : 0;
    if (s->rope.dims % 2) s->rope.dims--; /* as torch.arange(0, dim, 2) does for odd head sizes below */
    return ok;
}

bool gguf_arch_int(const gguf *g, const char *arch_name, const char *key, int64_t max, uint32_t *out, err *e) {
    char name[160];
    int64_t v = *out;
    snprintf(name, sizeof name, "%s.%s", arch_name, key);
    if (!gguf_int(g, name, 0, max, &v, e)) return false;
    *out = (uint32_t)v;
    return true;
}

bool gguf_arch_real(const gguf *g, const char *arch_name, const char *key, double *out, err *e) {
    char name[160];
    snprintf(name, sizeof name, "%s.%s", arch_name, key);
    return gguf_real(g, name, out, e);
}

static bool gguf_required(const gguf *g, const char *arch_name, const char *key, uint32_t *out, err *e) {
    char name[160];
    snprintf(name, sizeof name, "%s.%s", arch_name, key);
    if (!gguf_has(g, name)) return err_set(e, ERR_FORMAT, "the file has no '%s'", name);
    return gguf_arch_int(g, arch_name, key, 1 << 30, out, e);
}

/* In GGUF attn_factor multiplies what YaRN's own rule gives; elsewhere it is all there is. yarn_ext_factor says how much of YaRN is
 * wanted: in published files all of it. */
static bool read_gguf_yarn(const gguf *g, const char *arch_name, rope_spec *r, err *e) {
    double more = 1, ext = 1, log_multiplier = 0;
    if (!gguf_arch_real(g, arch_name, "rope.scaling.yarn_log_multiplier", &log_multiplier, e) || !gguf_arch_real(g, arch_name, "rope.scaling.yarn_attn_factor", &more, e) ||
        !gguf_arch_real(g, arch_name, "rope.scaling.yarn_ext_factor", &ext, e) || !gguf_arch_real(g, arch_name, "rope.scaling.yarn_beta_fast", &r->beta_fast, e) ||
        !gguf_arch_real(g, arch_name, "rope.scaling.yarn_beta_slow", &r->beta_slow, e))
        return false;
    r->mscale = r->mscale_all_dim = log_multiplier * 10; /* 0.1 * mscale_all_dim is what the key holds */
    if (r->kind != ROPE_YARN) return true;
    if (ext >= 0 && ext != 1)
        return err_set(e, ERR_UNSUPPORTED, "YaRN in part is not computed") || err_where(e, "%s.rope.scaling.yarn_ext_factor", arch_name) || err_expected(e, "1") || err_got(e, "%g", ext);
    r->attention_scale = (r->attention_factor > 0 ? r->attention_factor : 1) * (more > 0 ? more : 1);
    r->attention_factor = 0;
    return true;
}

static bool read_gguf_rope(const gguf *g, const char *arch_name, model_spec *s, err *e) {
    char key[160];
    gguf_text type = { "none", 4 };
    rope_spec *r = &s->rope;
    *r = (rope_spec){ .theta = 10000, .low_freq = 1, .high_freq = 4, .beta_fast = 32, .beta_slow = 1, .truncate = true, .dims = s->head_dim };
    snprintf(key, sizeof key, "%s.rope.scaling.type", arch_name);
    if (!gguf_arch_real(g, arch_name, "rope.freq_base", &r->theta, e) || !gguf_str(g, key, &type, e) ||
        !gguf_arch_int(g, arch_name, "rope.dimension_count", 1 << 20, &r->dims, e) ||
        !gguf_arch_real(g, arch_name, "rope.scaling.factor", &r->factor, e) ||
        !gguf_arch_real(g, arch_name, "rope.scaling.attn_factor", &r->attention_factor, e))
        return false;
    uint32_t original = 0;
    if (!gguf_arch_int(g, arch_name, "rope.scaling.original_context_length", 1 << 30, &original, e)) return false;
    r->original = original;
    char name[32];
    snprintf(name, sizeof name, "%.*s", (int)(type.len < 31 ? type.len : 31), type.data);
    if (strcmp(name, "none") != 0 && !rope_kind_of(name, &r->kind, e)) return false;
    return read_gguf_yarn(g, arch_name, r, e) && check_rope(s, e);
}

static bool read_gguf_vocab(const gguf *g, model_spec *s, err *e) {
    const named_tensor *t = tensor_set_find(gguf_tensors(g), "token_embd.weight");
    if (!t || t->n_dims != 2 || t->dims[0] > 1 << 24)
        return err_set(e, ERR_FORMAT, "the file has no usable tensor 'token_embd.weight'") ||
               err_hint(e, "a vocabulary-only file can be used with `pingti tokenize` and `pingti inspect`");
    s->vocab = (uint32_t)t->dims[0];
    return true;
}

bool spec_read_gguf(const gguf *g, const char *arch_name, model_spec *s, err *e) {
    double eps = 1e-5;
    gguf_text name = { "", 0 };
    if (!read_gguf_vocab(g, s, e) || !gguf_required(g, arch_name, "embedding_length", &s->d, e) ||
        !gguf_required(g, arch_name, "block_count", &s->layers, e) ||
        !gguf_required(g, arch_name, "attention.head_count", &s->heads, e) ||
        !gguf_required(g, arch_name, "context_length", &s->context, e))
        return false;
    if (!s->heads || s->layers > SPEC_MAX_LAYERS) return spec_check(s, e);
    s->kv_heads = s->heads;
    s->head_dim = s->d / s->heads;
    if (!gguf_arch_int(g, arch_name, "feed_forward_length", 1 << 24, &s->ff, e) ||
        !gguf_arch_int(g, arch_name, "attention.head_count_kv", 1 << 14, &s->kv_heads, e) ||
        !gguf_arch_int(g, arch_name, "attention.key_length", 1 << 20, &s->head_dim, e) ||
        !gguf_arch_real(g, arch_name, "attention.layer_norm_rms_epsilon", &eps, e) || !gguf_str(g, "general.name", &name, e))
        return false;
    s->eps = (float)eps;
    snprintf(s->name, sizeof s->name, "%.*s", (int)(name.len < 127 ? name.len : 127), name.data);
    s->attn_scale = (float)(1 / sqrt((double)(s->head_dim ? s->head_dim : 1)));
    return read_gguf_rope(g, arch_name, s, e);
}

static bool slides_by_name(const json_t *types, model_spec *s, err *e) {
    if (json_array_size(types) != s->layers)
        return err_set(e, ERR_FORMAT, "layer_types does not name every layer") || err_expected(e, "%u names", s->layers) || err_got(e, "%zu", json_array_size(types));
    for (uint32_t i = 0; i < s->layers; i++) {
        const char *type = json_string_value(json_array_get(types, i));
        bool slides = type && strcmp(type, "sliding_attention") == 0;
        if (!type || (!slides && strcmp(type, "full_attention") != 0))
            return err_set(e, ERR_UNSUPPORTED, "layer_types names a kind of attention that is not computed") || err_got(e, "'%s' for layer %u", type ? type : "no text", i);
        s->slides[i] = slides && s->window;
    }
    return true;
}

bool spec_read_hf_windows(const json_t *config, model_spec *s, bool all_layers, err *e) {
    bool on = false;
    uint32_t window = 4096, from = 28; /* the config classes' defaults */
    const json_t *types = js_get(config, "layer_types");
    if (!js_bool(config, "use_sliding_window", &on, e) || !hf_u32(config, "sliding_window", &window, e) || !hf_u32(config, "max_window_layers", &from, e)) return false;
    s->window = on ? window : 0;
    if (!all_layers && json_is_array(types)) return slides_by_name(types, s, e);
    for (uint32_t i = 0; i < s->layers; i++) s->slides[i] = s->window && (all_layers || i >= from);
    return true;
}

bool spec_read_gguf_windows(const gguf *g, const char *arch_name, model_spec *s, err *e) {
    char key[160];
    int32_t *pattern;
    size_t n;
    snprintf(key, sizeof key, "%s.attention.sliding_window_pattern", arch_name);
    if (!gguf_arch_int(g, arch_name, "attention.sliding_window", 1 << 30, &s->window, e) || !gguf_i32s(g, key, &pattern, &n, e)) return false;
    bool fits = !pattern || n == s->layers;
    for (uint32_t i = 0; fits && i < s->layers; i++) s->slides[i] = s->window && (!pattern || pattern[i]);
    free(pattern);
    return fits || err_set(e, ERR_FORMAT, "key '%s' does not name every layer", key) || err_expected(e, "%u values", s->layers) || err_got(e, "%zu", n);
}
