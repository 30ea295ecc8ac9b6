/* Llama 2, 3, 3.1, 3.2, R1-Distill-Llama, Mistral (sliding window); in GGUF also Mixtral, which is a llama with experts. */
#include "model/arch.h"
#include "model/arch/mixtral.h"

static bool read_hf(const json_t *config, model_spec *s, err *e) {
    if (!spec_read_hf(config, s, e) || !js_bool(config, "attention_bias", &s->qkv_bias, e) || !js_bool(config, "mlp_bias", &s->mlp_bias, e) ||
        !hf_u32(config, "sliding_window", &s->window, e))
        return false;
    s->o_bias = s->qkv_bias;
    for (uint32_t i = 0; i < s->layers; i++) s->slides[i] = s->window > 0;
    return true;
}

static bool read_gguf(const gguf *g, const char *name, model_spec *s, err *e) {
    if (!spec_read_gguf(g, name, s, e) || !gguf_arch_int(g, name, "attention.sliding_window", 1 << 30, &s->window, e)) return false;
    s->rope.interleaved = true; /* q and k rows of this family are permuted in GGUF files */
    const tensor_set *t = gguf_tensors(g);
    s->qkv_bias = tensor_set_find(t, "blk.0.attn_q.bias") != NULL;
    s->o_bias = tensor_set_find(t, "blk.0.attn_output.bias") != NULL;
    s->mlp_bias = tensor_set_find(t, "blk.0.ffn_gate.bias") != NULL;
    for (uint32_t i = 0; i < s->layers; i++) s->slides[i] = s->window > 0;
    return mixtral_read_gguf_experts(g, name, s, e);
}

static bool bind_ffn(binder *b, int il, layer *l) {
    return b->m->spec.sparse[il] ? mixtral_bind_experts(b, il, l) : bind_gated_ffn(b, il, l);
}

const arch arch_llama = {
    .name = "llama",
    .hf_types = { "llama", "mistral" },
    .gguf_names = { "llama" },
    .read_hf = read_hf,
    .read_gguf = read_gguf,
    .bind_attention = bind_qkv,
    .bind_ffn = bind_ffn,
    .experts = &mixtral_expert_names,
};
