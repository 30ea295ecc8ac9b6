/* From a GGUF file back to a Hugging Face directory: tensors under their published names, in safetensors; config.json, tokenizer and the
 * rest as they were where the file carries them (originals.h), otherwise written from its metadata. */
#ifndef PINGTI_CONVERT_TO_HF_H
#define PINGTI_CONVERT_TO_HF_H
#include "convert/write.h"
#include "model/spec.h"

typedef struct to_hf_options {
    bool dequantize;       /* block formats become `type`: the file's values, but no longer its bytes */
    int type;              /* dtype for that, or -1: BF16 */
    uint64_t shard_bytes;  /* 0: all in one */
} to_hf_options;

/* The tensors. */
bool plan_to_hf(plan *p, const model_source *s, const to_hf_options *o, model_spec *spec, err *e);
/* Shards, then the small files; the index last, so that a directory without it is not whole. */
bool to_hf_write(const plan *p, const model_spec *spec, const char *dir, const to_hf_options *o, const plan_write_options *w, plan_written *done, err *e);

/* The small files of a file that does not carry them. */
bool to_hf_config(const gguf *g, const model_spec *spec, const char *dir, dtype main_type, err *e);
bool to_hf_tokenizer(const gguf *g, const char *dir, err *e);
#endif
