/* A model family: how its numbers are read from either format and how its tensors are named. What families share is in
 * arch_common.c and bind.c; a family's file holds only what truly differs. */
#ifndef PINGTI_MODEL_ARCH_H
#define PINGTI_MODEL_ARCH_H
#include "model/bind.h"
#include "model/model.h"

struct arch {
    const char *name;
    const char *hf_types[4];    /* model_type values, NULL-terminated */
    const char *gguf_names[4];  /* general.architecture values */
    bool (*read_hf)(const json_t *config, model_spec *s, err *e);
    bool (*read_gguf)(const gguf *g, const char *arch_name, model_spec *s, err *e);
    bool (*bind_attention)(binder *b, int il, layer *l); /* bind_qkv, bind_fused_qkv or bind_mla */
    bool (*bind_ffn)(binder *b, int il, layer *l);
    const expert_names *experts;                         /* how Hugging Face spells them, or NULL */
    bool mtp_layers; /* published with multi-token prediction heads as layers after the last: no part of the decoder */
};

#define ARCH(symbol) extern const arch symbol;
#include "model/arch.def"
#undef ARCH

const arch *arch_for_hf(const char *model_type);
const arch *arch_for_gguf(const char *name);
/* "llama, qwen2, ..." for messages. */
const char *arch_list(char *out, size_t cap);
size_t arch_count(void);
const arch *arch_at(size_t i);

/* How most families spell their experts on Hugging Face; one that has more members adds them. */
#define EXPERT_NAMES_USUAL                                          \
    .router = "model.layers.%d.mlp.gate.weight",                    \
    .gate = "model.layers.%d.mlp.experts.%d.gate_proj.weight",      \
    .up = "model.layers.%d.mlp.experts.%d.up_proj.weight",          \
    .down = "model.layers.%d.mlp.experts.%d.down_proj.weight",      \
    .fused_gate_up = "model.layers.%d.mlp.experts.gate_up_proj",    \
    .fused_down = "model.layers.%d.mlp.experts.down_proj"
extern const expert_names expert_names_usual;

/* Shared reading: fills what all families spell alike; a family's reader then corrects. */
bool spec_read_hf(const json_t *config, model_spec *s, err *e);
bool spec_read_gguf(const gguf *g, const char *arch_name, model_spec *s, err *e);
bool spec_read_hf_rope(const json_t *config, model_spec *s, uint32_t head, err *e);

/* use_sliding_window, sliding_window, and which layers: all, or max_window_layers and above unless layer_types says otherwise. */
bool spec_read_hf_windows(const json_t *config, model_spec *s, bool all_layers, err *e);
/* attention.sliding_window, in all layers or in those that attention.sliding_window_pattern names. */
bool spec_read_gguf_windows(const gguf *g, const char *arch_name, model_spec *s, err *e);

/* One metadata value of the family: "<arch_name>.<key>". */
bool gguf_arch_int(const gguf *g, const char *arch_name, const char *key, int64_t max, uint32_t *out, err *e);
bool gguf_arch_real(const gguf *g, const char *arch_name, const char *key, double *out, err *e);
bool hf_u32(const json_t *config, const char *key, uint32_t *out, err *e);
#endif
