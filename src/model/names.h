/* Names of tensors (names.def), and looking one up by how a file spells it. Pure functions over constants. */
#ifndef PINGTI_MODEL_NAMES_H
#define PINGTI_MODEL_NAMES_H
#include <stdbool.h>
#include <stddef.h>

/* A tensor has a Hugging Face and a GGUF name; "%d" in either is the layer. NULL: it does not exist in that format. */
typedef struct tensor_names {
    const char *hf, *gguf;
} tensor_names;

#define TENSOR(NAME, hf, gguf) extern const tensor_names NAME_##NAME;
#include "model/names.def"
#undef TENSOR

size_t tensor_names_count(void);
const tensor_names *tensor_names_at(size_t i);

/* Fills the "%d" of a pattern in turn with layer and expert. */
void tensor_name_fill(const char *pattern, int layer, int expert, char out[256]);
/* Whether name is the pattern with numbers in its "%d"; they are given back (-1: the pattern has none). */
bool tensor_name_fits(const char *pattern, const char *name, int *layer, int *expert);
/* "X<to>" of "X<from>". False: name ends in something else, or what comes out is too long. */
bool tensor_name_beside(const char *name, const char *from, const char *to, char out[256]);
#endif
