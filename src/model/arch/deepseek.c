/* DeepSeek-V2, V2-Lite, V3 and R1: multi-head latent attention (DeepSeek-AI 2024, arXiv 2405.04434), experts with a shared
 * one, and from V3 on (arXiv 2412.19437) sigmoid scores with a selection bias in groups. */
#include "model/arch.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

/* Longer contexts sharpen attention: the scale is multiplied by m(factor, mscale_all_dim)^2. */
static void scale_attention(model_spec *s) {
    double m = 1;
    if (s->rope.kind == ROPE_YARN && s->rope.mscale_all_dim && s->rope.factor > 1) m = 0.1 * s->rope.mscale_all_dim * log(s->rope.factor) + 1;
    s->attn_scale = (float)(m * m / sqrt((double)s->nope + s->rope_dim));
}

static void dense_first(model_spec *s, uint32_t dense) {
    for (uint32_t i = 0; i < s->layers; i++) s->sparse[i] = s->router.experts && i >= dense;
}

static bool read_hf_mla(const json_t *config, model_spec *s, err *e) {
    bool v3 = s->router.sigmoid, interleave = true;
    s->kv_lora = 512;
    s->latent_eps = 1e-6f; /* the published code and transformers leave these norms at their default, whatever rms_norm_eps says */
    s->rope_dim = 64;
    s->nope = s->v_dim = 128;
    if (!hf_u32(config, "q_lora_rank", &s->q_lora, e) || !hf_u32(config, "kv_lora_rank", &s->kv_lora, e) ||
        !hf_u32(config, "qk_nope_head_dim", &s->nope, e) || !hf_u32(config, "qk_rope_head_dim", &s->rope_dim, e) ||
        !hf_u32(config, "v_head_dim", &s->v_dim, e) || !js_bool(config, "attention_bias", &s->o_bias, e))
        return false;
    s->qkv_bias = s->o_bias;
    s->head_dim = s->nope + s->rope_dim;
    s->kv_heads = s->heads;
    if (!spec_read_hf_rope(config, s, s->rope_dim, e) || (v3 && !js_bool(config, "rope_interleave", &interleave, e))) return false;
    s->rope.dims = s->rope_dim;
    s->rope.interleaved = interleave;
    scale_attention(s);
    return true;
}

static bool read_hf_experts(const json_t *config, model_spec *s, err *e) {
    double scale = 1;
    uint32_t shared = 0, dense = 0;
    const char *method = "greedy", *scoring = s->router.sigmoid ? "sigmoid" : "softmax";
    router_spec *r = &s->router;
    if (!hf_u32(config, "n_routed_experts", &r->experts, e) || !hf_u32(config, "num_local_experts", &r->experts, e) ||
        !hf_u32(config, "num_experts_per_tok", &r->top_k, e) ||
        !hf_u32(config, "n_group", &r->groups, e) || !hf_u32(config, "topk_group", &r->top_groups, e) ||
        !hf_u32(config, "moe_intermediate_size", &s->expert_ff, e) || !hf_u32(config, "n_shared_experts", &shared, e) ||
        !hf_u32(config, "first_k_dense_replace", &dense, e) || !js_real(config, "routed_scaling_factor", &scale, e) ||
        !js_bool(config, "norm_topk_prob", &r->normalize, e) || !js_str(config, "topk_method", &method, e) ||
        !js_str(config, "scoring_func", &scoring, e))
        return false;
    if (strcmp(scoring, r->sigmoid ? "sigmoid" : "softmax") != 0)
        return err_set(e, ERR_UNSUPPORTED, "scoring '%s' is not computed for this family", scoring);
    if (!r->sigmoid && strcmp(method, "greedy") == 0) r->groups = 0;
    r->scale = (float)scale;
    r->group_top2 = r->sigmoid;
    s->router_bias = r->sigmoid;
    s->shared_ff = shared * s->expert_ff;
    dense_first(s, dense);
    return true;
}

static bool read_hf(const json_t *config, model_spec *s, err *e) {
    const char *type = "";
    js_str(config, "model_type", &type, NULL);
    s->router.sigmoid = strcmp(type, "deepseek_v3") == 0;
    s->router.normalize = s->router.sigmoid;
    if (!spec_read_hf(config, s, e) || !read_hf_mla(config, s, e) || !read_hf_experts(config, s, e)) return false;
    if (!s->router.sigmoid) s->router.normalize = false; /* V2's published code and transformers never divide by the sum */
    return true;
}

static bool read_gguf_mla(const gguf *g, const char *name, model_spec *s, err *e) {
    uint32_t key = 0, value = 0;
    if (!gguf_arch_int(g, name, "attention.q_lora_rank", 1 << 20, &s->q_lora, e) ||
        !gguf_arch_int(g, name, "attention.kv_lora_rank", 1 << 16, &s->kv_lora, e) ||
        !gguf_arch_int(g, name, "attention.key_length", 1 << 16, &key, e) || !gguf_arch_int(g, name, "attention.value_length", 1 << 16, &value, e) ||
        !gguf_arch_int(g, name, "attention.key_length_mla", 1 << 16, &key, e) ||
        !gguf_arch_int(g, name, "attention.value_length_mla", 1 << 16, &value, e))
        return false;
    s->latent_eps = s->eps; /* GGUF knows one eps */
    s->rope_dim = s->rope.dims;
    if (key <= s->rope_dim || !value)
        return err_set(e, ERR_FORMAT, "the head sizes of latent attention do not fit") || err_got(e, "key %u, value %u, rope %u", key, value, s->rope_dim);
    s->nope = key - s->rope_dim;
    s->v_dim = value;
    s->head_dim = key;
    s->kv_heads = s->heads;
    s->rope.interleaved = true;
    s->qkv_bias = tensor_set_find(gguf_tensors(g), "blk.0.attn_kv_a_mqa.bias") != NULL;
    s->o_bias = tensor_set_find(gguf_tensors(g), "blk.0.attn_output.bias") != NULL;
    scale_attention(s);
    return true;
}

static bool read_gguf_experts(const gguf *g, const char *name, model_spec *s, err *e) {
    uint32_t dense = 0, shared = 0, gating = 1;
    double scale = 1;
    router_spec *r = &s->router;
    char key[96];
    if (!gguf_arch_int(g, name, "expert_count", 1 << 14, &r->experts, e) || !gguf_arch_int(g, name, "expert_used_count", 1 << 14, &r->top_k, e) ||
        !gguf_arch_int(g, name, "expert_feed_forward_length", 1 << 24, &s->expert_ff, e) ||
        !gguf_arch_int(g, name, "expert_shared_count", 1 << 10, &shared, e) || !gguf_arch_int(g, name, "leading_dense_block_count", 1 << 10, &dense, e) ||
        !gguf_arch_int(g, name, "expert_gating_func", 8, &gating, e) || !gguf_arch_int(g, name, "expert_group_count", 1 << 10, &r->groups, e) ||
        !gguf_arch_int(g, name, "expert_group_used_count", 1 << 10, &r->top_groups, e) || !gguf_arch_real(g, name, "expert_weights_scale", &scale, e))
        return false;
    snprintf(key, sizeof key, "%s.expert_weights_norm", name);
    if (!gguf_bool(g, key, &r->normalize, e)) return false;
    if (gating != 1 && gating != 2) return err_set(e, ERR_UNSUPPORTED, "expert gating function %u is not computed", gating);
    r->sigmoid = r->group_top2 = gating == 2;
    r->scale = (float)scale;
    s->shared_ff = shared * s->expert_ff;
    snprintf(key, sizeof key, "blk.%u.exp_probs_b", dense);
    s->router_bias = tensor_set_find(gguf_tensors(g), key) != NULL;
    snprintf(key, sizeof key, "blk.%u.exp_probs_b.bias", dense);
    s->router_bias |= tensor_set_find(gguf_tensors(g), key) != NULL;
    dense_first(s, dense);
    return true;
}

static bool read_gguf(const gguf *g, const char *name, model_spec *s, err *e) {
    return spec_read_gguf(g, name, s, e) && read_gguf_mla(g, name, s, e) && read_gguf_experts(g, name, s, e);
}

static const expert_names names = {
    EXPERT_NAMES_USUAL,
    .router_bias = "model.layers.%d.mlp.gate.e_score_correction_bias",
    .shared_gate = "model.layers.%d.mlp.shared_experts.gate_proj.weight",
    .shared_up = "model.layers.%d.mlp.shared_experts.up_proj.weight",
    .shared_down = "model.layers.%d.mlp.shared_experts.down_proj.weight",
};

static bool bind_ffn(binder *b, int il, layer *l) {
    return b->m->spec.sparse[il] ? bind_experts(b, il, &names, l) : bind_gated_ffn(b, il, l);
}

const arch arch_deepseek = {
    .name = "deepseek",
    .hf_types = { "deepseek_v2", "deepseek_v3" },
    .gguf_names = { "deepseek2" },
    .read_hf = read_hf,
    .read_gguf = read_gguf,
    .bind_attention = bind_mla,
    .bind_ffn = bind_ffn,
    .experts = &names,
    .mtp_layers = true,
};
