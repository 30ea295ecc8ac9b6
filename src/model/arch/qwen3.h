/* What Qwen3's dense and sparse members share. */
#ifndef PINGTI_MODEL_ARCH_QWEN3_H
#define PINGTI_MODEL_ARCH_QWEN3_H
#include "model/arch.h"

bool qwen3_read_hf(const json_t *config, model_spec *s, bool all_layers_slide, err *e);
bool qwen3_read_gguf(const gguf *g, const char *name, model_spec *s, err *e);
#endif
