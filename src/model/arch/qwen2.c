/* Qwen2, Qwen2.5, R1-Distill-Qwen: biases on q, k, v; upper layers may slide. */
#include "model/arch.h"

static bool read_hf(const json_t *config, model_spec *s, err *e) {
    bool use_window = false;
    uint32_t window = 0, from = s->layers;
    if (!spec_read_hf(config, s, e) || !js_bool(config, "use_sliding_window", &use_window, e)) return false;
    from = s->layers;
    if (!hf_u32(config, "sliding_window", &window, e) || !hf_u32(config, "max_window_layers", &from, e)) return false;
    s->qkv_bias = true;
    s->window = use_window ? window : 0;
    for (uint32_t i = 0; i < s->layers; i++) s->slides[i] = s->window && i >= from;
    return true;
}

static bool read_gguf(const gguf *g, const char *name, model_spec *s, err *e) {
    s->qkv_bias = tensor_set_find(gguf_tensors(g), "blk.0.attn_q.bias") != NULL;
    return spec_read_gguf(g, name, s, e);
}

const arch arch_qwen2 = {
    .name = "qwen2",
    .hf_types = { "qwen2" },
    .gguf_names = { "qwen2" },
    .read_hf = read_hf,
    .read_gguf = read_gguf,
    .bind_attention = bind_qkv,
    .bind_ffn = bind_gated_ffn,
};
