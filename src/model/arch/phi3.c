/* Phi-3, 3.5, Phi-4, Phi-4-mini: fused qkv and gate_up, partial rotation, longrope, sliding window. */
#include "model/arch.h"

static bool read_hf(const json_t *config, model_spec *s, err *e) {
    if (!spec_read_hf(config, s, e) || !hf_u32(config, "sliding_window", &s->window, e)) return false;
    for (uint32_t i = 0; i < s->layers; i++) s->slides[i] = s->window > 0;
    return true;
}

static bool read_gguf(const gguf *g, const char *name, model_spec *s, err *e) {
    if (!spec_read_gguf(g, name, s, e) || !gguf_arch_int(g, name, "attention.sliding_window", 1 << 30, &s->window, e)) return false;
    for (uint32_t i = 0; i < s->layers; i++) s->slides[i] = s->window > 0;
    return true;
}

const arch arch_phi3 = {
    .name = "phi3",
    .hf_types = { "phi3" },
    .gguf_names = { "phi3" },
    .read_hf = read_hf,
    .read_gguf = read_gguf,
    .bind_attention = bind_fused_qkv,
    .bind_ffn = bind_fused_ffn,
};
