/* config.json and generation_config.json from the metadata of a GGUF file. */
#include "base/file.h"
#include "base/mem.h"
#include "base/outfile.h"
#include "convert/to_hf.h"
#include "model/names.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

static bool write_json(const char *dir, const char *name, json_t *j, err *e) {
    char *text = json_dumps(j, JSON_INDENT(2) | JSON_REAL_PRECISION(17)), *path = file_join(dir, name);
    bool ok = text && outfile_put(path, text, strlen(text), e);
    free(text);
    free(path);
    json_decref(j);
    return ok;
}

static void put_int(json_t *j, const char *key, int64_t v) { json_object_set_new(j, key, json_integer(v)); }
/* The shortest number that is this float: 1e-6, not 9.99999997e-07. */
static void put_real(json_t *j, const char *key, double v) {
    char text[40];
    for (int digits = 6; digits <= 9; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, v);
        if ((float)strtod(text, NULL) == (float)v) break;
    }
    json_object_set_new(j, key, json_real(strtod(text, NULL)));
}
static void put_bool(json_t *j, const char *key, bool v) { json_object_set_new(j, key, json_boolean(v)); }
static void put_str(json_t *j, const char *key, const char *v) { json_object_set_new(j, key, json_string(v)); }

static json_t *factors(const float *v, uint32_t n) {
    json_t *list = json_array();
    for (uint32_t i = 0; i < n; i++) {
        char text[40];
        snprintf(text, sizeof text, "%.9g", (double)v[i]);
        json_array_append_new(list, json_real(strtod(text, NULL)));
    }
    return list;
}

static double llama3_factor(double wave, double factor, double original) {
    double smooth = (original / wave - 1) / 3;
    return wave < original / 4 ? 1 : wave > original ? factor : 1 / ((1 - smooth) / factor + smooth);
}

/* Llama 3.1's rule (low 1, high 4) as its numbers, found from the factors and believed only if they give all of them. */
static bool llama3_numbers(const model_spec *s, double *factor, double *original, err *e) {
    const rope_spec *r = &s->rope;
    *factor = 1;
    *original = 8192;
    for (uint32_t i = 0; i < r->n_factors; i++) /* no fmax: gcc 12 for aarch64 ends with an internal error on the largest of floats as doubles */
        if ((double)r->short_factor[i] > *factor) *factor = (double)r->short_factor[i];
    for (uint32_t i = 0; i < r->n_factors; i++) {
        double wave = 2 * M_PI * pow(r->theta, 2.0 * i / r->dims), f = (double)r->short_factor[i];
        if (f > 1.0001 && f < *factor * 0.9999) *original = rint(wave * (1 + 3 * (1 / f - 1 / *factor) / (1 - 1 / *factor)));
    }
    for (uint32_t i = 0; i < r->n_factors; i++) {
        double f = llama3_factor(2 * M_PI * pow(r->theta, 2.0 * i / r->dims), *factor, *original), own = (double)r->short_factor[i];
        if (fabs(f - own) > 1e-3 * f)
            return err_set(e, ERR_UNSUPPORTED, "the rope factors follow no rule that config.json has a word for") || err_where(e, "rope_freqs.weight") ||
                   err_expected(e, "Llama 3.1's rule, with factor %g and %g positions", *factor, *original) || err_got(e, "%g for pair %u, not %g", own, i, f);
    }
    return true;
}

static bool put_rope(json_t *j, const model_spec *s, const gguf *g, const char *arch_name, err *e) {
    const rope_spec *r = &s->rope;
    json_t *x = json_object();
    double factor = r->factor, original = 0, beta = 0;
    char key[160];
    put_real(j, "rope_theta", r->theta);
    bool ok = r->kind != ROPE_LLAMA3 || llama3_numbers(s, &factor, &original, e);
    static const char *const names[] = { "default", "linear", "dynamic", "llama3", "yarn", "longrope" };
    if (r->kind != ROPE_DEFAULT) put_str(x, "rope_type", names[r->kind]);
    if (r->kind != ROPE_DEFAULT && r->kind != ROPE_LONGROPE) put_real(x, "factor", factor);
    if (r->kind == ROPE_LLAMA3) {
        put_real(x, "low_freq_factor", 1);
        put_real(x, "high_freq_factor", 4);
        put_int(x, "original_max_position_embeddings", (int64_t)original);
    }
    if (r->kind == ROPE_YARN) put_int(x, "original_max_position_embeddings", (int64_t)r->original);
    for (int i = 0; r->kind == ROPE_YARN && i < 2; i++) {
        snprintf(key, sizeof key, "%s.rope.scaling.yarn_beta_%s", arch_name, i ? "slow" : "fast");
        if (gguf_has(g, key) && gguf_real(g, key, &beta, NULL)) put_real(x, i ? "beta_slow" : "beta_fast", beta);
    }
    if (r->kind == ROPE_YARN && spec_is_mla(s) && r->mscale_all_dim != 0) {
        put_real(x, "mscale", r->mscale_all_dim);
        put_real(x, "mscale_all_dim", r->mscale_all_dim);
    }
    if (r->kind == ROPE_LONGROPE) {
        if (r->attention_factor > 0) put_real(x, "attention_factor", r->attention_factor);
        json_object_set_new(x, "short_factor", factors(r->short_factor, r->n_factors));
        json_object_set_new(x, "long_factor", factors(r->long_factor, r->n_factors));
    }
    if (strcmp(arch_name, "phi3") == 0) put_int(j, "original_max_position_embeddings", r->original > 0 ? (int64_t)r->original : s->context);
    if (json_object_size(x)) json_object_set_new(j, "rope_scaling", x);
    else json_decref(x);
    if (r->dims < s->head_dim && !spec_is_mla(s)) put_real(j, "partial_rotary_factor", (double)r->dims / s->head_dim);
    return ok;
}

typedef struct family {
    const char *type, *class_name;
} family;

static family family_of(const model_spec *s, const char *arch_name) {
    static const struct { const char *arch; family f; } rows[] = {
        { "qwen2", { "qwen2", "Qwen2ForCausalLM" } },       { "qwen3", { "qwen3", "Qwen3ForCausalLM" } },
        { "qwen3moe", { "qwen3_moe", "Qwen3MoeForCausalLM" } }, { "phi3", { "phi3", "Phi3ForCausalLM" } },
    };
    if (strcmp(arch_name, "deepseek2") == 0) return s->router.sigmoid ? (family){ "deepseek_v3", "DeepseekV3ForCausalLM" } : (family){ "deepseek_v2", "DeepseekV2ForCausalLM" };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strcmp(rows[i].arch, arch_name) == 0) return rows[i].f;
    if (s->router.experts) return (family){ "mixtral", "MixtralForCausalLM" };
    return s->window ? (family){ "mistral", "MistralForCausalLM" } : (family){ "llama", "LlamaForCausalLM" };
}

static void put_windows(json_t *j, const model_spec *s, const char *type) {
    bool qwen = strncmp(type, "qwen", 4) == 0;
    if (qwen) put_bool(j, "use_sliding_window", s->window > 0);
    if (s->window) put_int(j, "sliding_window", s->window);
    else if (!qwen && strcmp(type, "llama") != 0) json_object_set_new(j, "sliding_window", json_null());
    if (!qwen || !s->window || strcmp(type, "qwen3_moe") == 0) return;
    json_t *types = json_array();
    for (uint32_t i = 0; i < s->layers; i++) json_array_append_new(types, json_string(s->slides[i] ? "sliding_attention" : "full_attention"));
    json_object_set_new(j, "layer_types", types);
}

static void put_experts(json_t *j, const model_spec *s, const char *type) {
    const router_spec *r = &s->router;
    if (!r->experts) return;
    bool deepseek = strncmp(type, "deepseek", 8) == 0, qwen = strcmp(type, "qwen3_moe") == 0;
    put_int(j, deepseek ? "n_routed_experts" : qwen ? "num_experts" : "num_local_experts", r->experts);
    put_int(j, "num_experts_per_tok", r->top_k);
    if (deepseek || qwen) {
        put_int(j, "moe_intermediate_size", s->expert_ff);
        put_bool(j, "norm_topk_prob", r->normalize);
    }
    if (qwen) {
        json_t *dense = json_array();
        for (uint32_t i = 0; i < s->layers; i++)
            if (!s->sparse[i]) json_array_append_new(dense, json_integer(i));
        put_int(j, "decoder_sparse_step", 1);
        json_object_set_new(j, "mlp_only_layers", dense);
    }
}

static void put_deepseek(json_t *j, const model_spec *s) {
    const router_spec *r = &s->router;
    uint32_t dense = 0;
    while (dense < s->layers && !s->sparse[dense]) dense++;
    json_object_set_new(j, "q_lora_rank", s->q_lora ? json_integer(s->q_lora) : json_null());
    put_int(j, "kv_lora_rank", s->kv_lora);
    put_int(j, "qk_nope_head_dim", s->nope);
    put_int(j, "qk_rope_head_dim", s->rope_dim);
    put_int(j, "v_head_dim", s->v_dim);
    put_int(j, "first_k_dense_replace", dense);
    put_int(j, "n_shared_experts", s->expert_ff ? s->shared_ff / s->expert_ff : 0);
    put_real(j, "routed_scaling_factor", (double)r->scale);
    put_int(j, "n_group", r->groups ? r->groups : 1);
    put_int(j, "topk_group", r->top_groups ? r->top_groups : 1);
    put_str(j, "scoring_func", r->sigmoid ? "sigmoid" : "softmax");
    put_str(j, "topk_method", r->sigmoid ? "noaux_tc" : r->groups > 1 ? "group_limited_greedy" : "greedy");
    put_int(j, "moe_layer_freq", 1);
}

static void put_ids(json_t *j, const gguf *g) {
    static const struct { const char *gguf, *hf; } ids[] = { { "bos", "bos_token_id" }, { "eos", "eos_token_id" }, { "padding", "pad_token_id" } };
    char key[64];
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        int64_t id = -1;
        snprintf(key, sizeof key, "tokenizer.ggml.%s_token_id", ids[i].gguf);
        bool told = gguf_int(g, key, 0, INT32_MAX, &id, NULL) && id >= 0;
        json_object_set_new(j, ids[i].hf, told ? json_integer(id) : json_null()); /* else the class's own default would hold */
    }
}

static bool write_generation(const gguf *g, const char *dir, err *e) {
    static const struct { const char *gguf, *hf; } reals[] = {
        { "general.sampling.temp", "temperature" }, { "general.sampling.top_p", "top_p" }, { "general.sampling.min_p", "min_p" },
        { "general.sampling.penalty_repeat", "repetition_penalty" },
    };
    json_t *j = json_object();
    int64_t k = -1;
    put_ids(j, g);
    for (size_t i = 0; i < sizeof reals / sizeof *reals; i++) {
        double v = 0;
        if (gguf_has(g, reals[i].gguf) && gguf_real(g, reals[i].gguf, &v, NULL)) {
            put_real(j, reals[i].hf, v);
            put_bool(j, "do_sample", true);
        }
    }
    if (gguf_int(g, "general.sampling.top_k", 0, INT32_MAX, &k, NULL) && k >= 0) put_int(j, "top_k", k);
    return write_json(dir, "generation_config.json", j, e);
}

bool to_hf_config(const gguf *g, const model_spec *s, const char *dir, dtype main_type, err *e) {
    gguf_text name = { "", 0 };
    char arch_name[64];
    gguf_str(g, "general.architecture", &name, NULL);
    snprintf(arch_name, sizeof arch_name, "%.*s", (int)(name.len < 63 ? name.len : 63), name.data);
    family f = family_of(s, arch_name);
    json_t *j = json_object();
    json_object_set_new(j, "architectures", json_pack("[s]", f.class_name));
    put_str(j, "model_type", f.type);
    put_str(j, "torch_dtype", main_type == DTYPE_F16 ? "float16" : main_type == DTYPE_F32 ? "float32" : "bfloat16");
    put_str(j, "hidden_act", "silu");
    put_int(j, "hidden_size", s->d);
    put_int(j, "intermediate_size", s->ff);
    put_int(j, "num_hidden_layers", s->layers);
    put_int(j, "num_attention_heads", s->heads);
    put_int(j, "num_key_value_heads", s->kv_heads);
    if (!spec_is_mla(s)) put_int(j, "head_dim", s->head_dim);
    put_int(j, "vocab_size", s->vocab);
    put_int(j, "max_position_embeddings", s->context);
    put_real(j, "rms_norm_eps", (double)s->eps);
    put_bool(j, "tie_word_embeddings", s->tied);
    put_bool(j, "attention_bias", s->o_bias || (s->qkv_bias && spec_is_mla(s)));
    if (strcmp(f.type, "llama") == 0) put_bool(j, "mlp_bias", s->mlp_bias);
    put_windows(j, s, f.type);
    put_experts(j, s, f.type);
    if (spec_is_mla(s)) put_deepseek(j, s);
    put_ids(j, g);
    if (!put_rope(j, s, g, arch_name, e)) return json_decref(j), false;
    return write_json(dir, "config.json", j, e) && write_generation(g, dir, e);
}
