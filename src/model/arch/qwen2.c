/* Qwen2, Qwen2.5, R1-Distill-Qwen: biases on q, k, v; upper layers may slide. */
#include "model/arch.h"

static bool read_hf(const json_t *config, model_spec *s, err *e) {
    s->qkv_bias = true;
    return spec_read_hf(config, s, e) && spec_read_hf_windows(config, s, false, e);
}

static bool read_gguf(const gguf *g, const char *name, model_spec *s, err *e) {
    s->qkv_bias = tensor_set_find(gguf_tensors(g), "blk.0.attn_q.bias") != NULL;
    return spec_read_gguf(g, name, s, e) && spec_read_gguf_windows(g, name, s, e);
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
