/* Qwen3: an RMSNorm on each head of q and k before rope; the head size is explicit. */
#include "model/arch/qwen3.h"

bool qwen3_read_hf(const json_t *config, model_spec *s, err *e) {
    bool use_window = false;
    uint32_t window = 0, from;
    if (!spec_read_hf(config, s, e) || !js_bool(config, "attention_bias", &s->qkv_bias, e) || !js_bool(config, "use_sliding_window", &use_window, e))
        return false;
    from = s->layers;
    if (!hf_u32(config, "sliding_window", &window, e) || !hf_u32(config, "max_window_layers", &from, e)) return false;
    s->o_bias = s->qkv_bias;
    s->qk_norm = true;
    s->window = use_window ? window : 0;
    for (uint32_t i = 0; i < s->layers; i++) s->slides[i] = s->window && i >= from;
    return true;
}

bool qwen3_read_gguf(const gguf *g, const char *name, model_spec *s, err *e) {
    s->qk_norm = true;
    s->qkv_bias = tensor_set_find(gguf_tensors(g), "blk.0.attn_q.bias") != NULL;
    s->o_bias = tensor_set_find(gguf_tensors(g), "blk.0.attn_output.bias") != NULL;
    return spec_read_gguf(g, name, s, e);
}

const arch arch_qwen3 = {
    .name = "qwen3",
    .hf_types = { "qwen3" },
    .gguf_names = { "qwen3" },
    .read_hf = qwen3_read_hf,
    .read_gguf = qwen3_read_gguf,
    .bind_attention = bind_qkv,
    .bind_ffn = bind_gated_ffn,
};
