/* A plan of a GGUF file from a Hugging Face directory: llama.cpp's names, metadata and row orders, so that its readers take the file as
 * one of its own converter. */
#ifndef PINGTI_CONVERT_HF_H
#define PINGTI_CONVERT_HF_H
#include "convert/plan.h"
#include "model/model.h"

typedef struct hf_options {
    int type;          /* dtype of the matrices, or -1: as the directory has them (BF16, F16, F32; FP8 becomes BF16) */
    const char *name;  /* general.name, or NULL: from the model card and the directory */
    const char *pre;   /* tokenizer.ggml.pre, or NULL: found by comparing how text is split */
    bool originals;    /* carry the directory's own small files along, so that to_hf.h gives them back */
} hf_options;

/* *stale: the directory keeps the metadata of a GGUF file it was made from (carried.h), but has changed since, so it was not used. */
bool plan_from_hf(plan *p, const model_source *s, const hf_options *o, model_spec *spec, bool *stale, err *e);

/* The parts of it. */
bool hf_plan_tensors(plan *p, const model_source *s, const model_spec *spec, const char *arch, int type, err *e);
bool hf_plan_numbers(plan *p, const model_source *s, const model_spec *spec, const char *arch, err *e);
void hf_plan_general(plan *p, const model_source *s, const char *name, uint64_t parameters, uint64_t expert_parameters, uint32_t experts);
bool hf_plan_vocabulary(plan *p, const model_source *s, const model_spec *spec, const char *pre, err *e);
/* The name that was given, in keys kept from a GGUF file; refused where the vocabulary has no splitting rules. */
bool hf_override_pre(plan *p, const model_source *s, const model_spec *spec, const char *pre, err *e);
/* What a matrix of this model is called in GGUF files, experts by their stack; false: it has no such name. out[256] */
bool gguf_name_of(const arch *a, const char *name, char out[256]);
/* llama.cpp's name of the architecture: "llama" for Mixtral. */
const char *hf_gguf_arch(const char *model_type);
#endif
