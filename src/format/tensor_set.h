/* Named tensors of a model file, whatever the file: what every reader of this room produces. Data is borrowed from the
 * mapped file, already checked to lie within it, to have dims x dtype bytes, and not to overlap another tensor. */
#ifndef PINGTI_FORMAT_TENSOR_SET_H
#define PINGTI_FORMAT_TENSOR_SET_H
#include "base/map.h"
#include "tensor/dtype.h"

enum { TENSOR_MAX_DIMS = 4 };

typedef struct named_tensor {
    const char *name;               /* NUL-terminated, valid UTF-8, no NUL inside */
    dtype type;
    uint32_t n_dims;                /* 0 (a scalar) to 4 */
    uint64_t dims[TENSOR_MAX_DIMS]; /* outermost first, as PyTorch prints shapes (GGUF's order is reversed on reading) */
    uint64_t bytes;
    const void *data;               /* in safetensors at any address: read elements by memcpy */
} named_tensor;

typedef struct tensor_set {
    named_tensor *items;
    size_t n, cap;
    map *index; /* name -> position in items */
} tensor_set;

const named_tensor *tensor_set_find(const tensor_set *s, const char *name); /* NULL when absent */
bool tensor_set_add(tensor_set *s, const named_tensor *t, err *e);         /* copies t; name is borrowed; duplicates are refused */
void tensor_set_free(tensor_set *s);
/* "[2048, 896]" for messages. */
const char *named_tensor_shape(const named_tensor *t, char out[96]);
#endif
