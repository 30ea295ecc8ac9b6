/* A model as its publisher ships it: a GGUF file (or its parts) or a Hugging Face directory. Holds the mapped bytes that
 * weights and names borrow; must outlive every model bound to it. Immutable after opening: any thread. */
#ifndef PINGTI_MODEL_SOURCE_H
#define PINGTI_MODEL_SOURCE_H
#include "format/gguf.h"
#include "format/hfconfig.h"
#include "format/safetensors.h"

typedef struct model_source {
    char *path;
    char arch[64];          /* general.architecture or model_type; "" when absent */
    gguf *gguf;             /* or NULL */
    safetensors *weights;   /* Hugging Face */
    hfconfig hf;            /* Hugging Face */
    const tensor_set *tensors;
    uint64_t file_bytes;
} model_source;

/* A file is GGUF, a directory Hugging Face's; anything else is refused with what to give instead. */
model_source *model_source_open(const char *path, err *e);
/* Metadata alone, whatever the architecture or the tensor types: for inspect and tokenize. Weights may be absent. */
model_source *model_source_open_metadata(const char *path, err *e);
void model_source_close(model_source *s);
#endif
