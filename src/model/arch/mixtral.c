/* Mixtral: Llama's attention, softmax routing over all experts, the chosen weights renormalized. */
#include "model/arch/mixtral.h"

static void all_sparse(model_spec *s) {
    s->router.normalize = true;
    s->router.scale = 1;
    for (uint32_t i = 0; i < s->layers; i++) s->sparse[i] = s->router.experts > 0;
}

static bool read_hf(const json_t *config, model_spec *s, err *e) {
    s->router.experts = 8;
    s->router.top_k = 2;
    if (!spec_read_hf(config, s, e) || !hf_u32(config, "num_local_experts", &s->router.experts, e) ||
        !hf_u32(config, "num_experts_per_tok", &s->router.top_k, e) || !hf_u32(config, "sliding_window", &s->window, e))
        return false;
    for (uint32_t i = 0; i < s->layers; i++) s->slides[i] = s->window > 0;
    s->expert_ff = s->ff;
    all_sparse(s);
    return true;
}

bool mixtral_read_gguf_experts(const gguf *g, const char *name, model_spec *s, err *e) {
    if (!gguf_arch_int(g, name, "expert_count", 1 << 14, &s->router.experts, e) ||
        !gguf_arch_int(g, name, "expert_used_count", 1 << 14, &s->router.top_k, e))
        return false;
    s->expert_ff = s->ff;
    if (!gguf_arch_int(g, name, "expert_feed_forward_length", 1 << 24, &s->expert_ff, e)) return false;
    all_sparse(s);
    return true;
}

/* As published; newer transformers saves the usual names. */
const expert_names mixtral_expert_names = {
    .router = "model.layers.%d.block_sparse_moe.gate.weight",
    .gate = "model.layers.%d.block_sparse_moe.experts.%d.w1.weight",
    .up = "model.layers.%d.block_sparse_moe.experts.%d.w3.weight",
    .down = "model.layers.%d.block_sparse_moe.experts.%d.w2.weight",
    .fused_gate_up = "model.layers.%d.mlp.experts.gate_up_proj",
    .fused_down = "model.layers.%d.mlp.experts.down_proj",
    .newer = &expert_names_usual,
};

bool mixtral_bind_experts(binder *b, int il, layer *l) {
    bool newer = !b->gguf && bind_find(b, (tensor_names){ expert_names_usual.router, NULL }, il);
    return bind_experts(b, il, newer ? &expert_names_usual : &mixtral_expert_names, l);
}

static bool no_gguf(const gguf *g, const char *name, model_spec *s, err *e) {
    (void)g, (void)s;
    return err_set(e, ERR_UNSUPPORTED, "GGUF architecture '%s'", name);
}

const arch arch_mixtral = {
    .name = "mixtral",
    .hf_types = { "mixtral" },
    .read_hf = read_hf,
    .read_gguf = no_gguf, /* GGUF files of Mixtral say "llama" */
    .bind_attention = bind_qkv,
    .bind_ffn = mixtral_bind_experts,
    .experts = &mixtral_expert_names,
};
