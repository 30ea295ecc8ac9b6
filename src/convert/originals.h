/* The small files of a Hugging Face directory, carried inside a GGUF file: tokenizer.json under the key that GGUF has for it, the others
 * as bytes under "pingti.huggingface.file.NAME"; and what GGUF's layout does not tell of the tensors: their formats, and how experts are
 * laid out. Going back then loses nothing. */
#ifndef PINGTI_CONVERT_ORIGINALS_H
#define PINGTI_CONVERT_ORIGINALS_H
#include "convert/plan.h"

bool originals_keep(plan *p, const model_source *s, err *e);

size_t originals_count(void);
const char *originals_name(size_t i);
/* File i as it was; false: it was not there. */
bool originals_find(const gguf *g, size_t i, const char **data, size_t *n);
bool originals_carried(const gguf *g); /* config.json at least */
/* The format that tensor `name` had in the directory; false: not told, then it is the one in the file. */
bool originals_type(const gguf *g, const char *name, dtype *t);
/* "fused", "newer", or "" (each expert by itself). */
void originals_experts(const gguf *g, char out[16]);
#endif
