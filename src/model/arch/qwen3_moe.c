/* Qwen3-MoE: Qwen3 with softmax-routed experts in most layers. */
#include "model/arch/qwen3.h"
#include <stdio.h>

static bool read_layers(const json_t *config, model_spec *s, err *e) {
    uint32_t step = 1;
    const json_t *dense = js_get(config, "mlp_only_layers");
    if (!hf_u32(config, "decoder_sparse_step", &step, e)) return false;
    for (uint32_t i = 0; i < s->layers; i++) s->sparse[i] = step && (i + 1) % step == 0;
    for (size_t i = 0; i < json_array_size(dense); i++) {
        json_int_t il = json_integer_value(json_array_get(dense, i));
        if (il >= 0 && il < s->layers) s->sparse[il] = false;
    }
    return true;
}

static bool read_hf(const json_t *config, model_spec *s, err *e) {
    s->router = (router_spec){ .experts = 128, .top_k = 8, .scale = 1 };
    s->expert_ff = 768;
    return qwen3_read_hf(config, s, true, e) && /* every layer slides, unlike Qwen3 */ hf_u32(config, "num_experts", &s->router.experts, e) &&
           hf_u32(config, "num_local_experts", &s->router.experts, e) &&
           hf_u32(config, "num_experts_per_tok", &s->router.top_k, e) && hf_u32(config, "moe_intermediate_size", &s->expert_ff, e) &&
           js_bool(config, "norm_topk_prob", &s->router.normalize, e) && read_layers(config, s, e);
}

static bool read_gguf(const gguf *g, const char *name, model_spec *s, err *e) {
    s->router = (router_spec){ .scale = 1, .normalize = true }; /* every published Qwen3-MoE normalizes; the file does not say */
    if (!qwen3_read_gguf(g, name, s, e) || !gguf_arch_int(g, name, "expert_count", 1 << 14, &s->router.experts, e) ||
        !gguf_arch_int(g, name, "expert_used_count", 1 << 14, &s->router.top_k, e) ||
        !gguf_arch_int(g, name, "expert_feed_forward_length", 1 << 24, &s->expert_ff, e))
        return false;
    char key[96];
    snprintf(key, sizeof key, "%s.expert_weights_norm", name);
    if (!gguf_bool(g, key, &s->router.normalize, e)) return false;
    for (uint32_t i = 0; i < s->layers; i++) {
        snprintf(key, sizeof key, "blk.%u.ffn_gate_inp.weight", i);
        s->sparse[i] = tensor_set_find(gguf_tensors(g), key) != NULL;
    }
    return true;
}

static bool bind_ffn(binder *b, int il, layer *l) {
    return b->m->spec.sparse[il] ? bind_experts(b, il, &expert_names_usual, l) : bind_gated_ffn(b, il, l);
}

const arch arch_qwen3_moe = {
    .name = "qwen3_moe",
    .hf_types = { "qwen3_moe" },
    .gguf_names = { "qwen3moe" },
    .read_hf = read_hf,
    .read_gguf = read_gguf,
    .bind_attention = bind_qkv,
    .bind_ffn = bind_ffn,
    .experts = &expert_names_usual,
};
