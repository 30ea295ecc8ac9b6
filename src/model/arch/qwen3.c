/* Qwen3: an RMSNorm on each head of q and k before rope; the head size is explicit. */
#include "model/arch/qwen3.h"

bool qwen3_read_hf(const json_t *config, model_spec *s, bool all_layers_slide, err *e) {
    if (!spec_read_hf(config, s, e) || !js_bool(config, "attention_bias", &s->qkv_bias, e)) return false;
    s->o_bias = s->qkv_bias;
    s->qk_norm = true;
    return spec_read_hf_windows(config, s, all_layers_slide, e);
}

static bool read_hf(const json_t *config, model_spec *s, err *e) { return qwen3_read_hf(config, s, false, e); }

bool qwen3_read_gguf(const gguf *g, const char *name, model_spec *s, err *e) {
    s->qk_norm = true;
    s->qkv_bias = tensor_set_find(gguf_tensors(g), "blk.0.attn_q.bias") != NULL;
    s->o_bias = tensor_set_find(gguf_tensors(g), "blk.0.attn_output.bias") != NULL;
    return spec_read_gguf(g, name, s, e) && spec_read_gguf_windows(g, name, s, e);
}

const arch arch_qwen3 = {
    .name = "qwen3",
    .hf_types = { "qwen3" },
    .gguf_names = { "qwen3" },
    .read_hf = read_hf,
    .read_gguf = qwen3_read_gguf,
    .bind_attention = bind_qkv,
    .bind_ffn = bind_gated_ffn,
};
