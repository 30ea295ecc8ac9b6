/* Mixtral's experts, shared with llama because GGUF files call Mixtral a llama. */
#ifndef PINGTI_MODEL_ARCH_MIXTRAL_H
#define PINGTI_MODEL_ARCH_MIXTRAL_H
#include "model/arch.h"

bool mixtral_read_gguf_experts(const gguf *g, const char *name, model_spec *s, err *e);
extern const expert_names mixtral_expert_names;
bool mixtral_bind_experts(binder *b, int il, layer *l);
#endif
