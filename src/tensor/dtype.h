/* Storage formats of weights, activations and caches. */
#ifndef PINGTI_TENSOR_DTYPE_H
#define PINGTI_TENSOR_DTYPE_H
#include "base/err.h"
#include <stdint.h>

typedef enum dtype {
#define QUANT(ENUM, file, name, gguf, elems, bytes, enc) DTYPE_##ENUM,
#include "tensor/quants.def"
#undef QUANT
    DTYPE_COUNT
} dtype;

const char *dtype_name(dtype t);
bool dtype_from_name(const char *name, dtype *t);     /* "Q4_0", "BF16", also safetensors' spelling */
bool dtype_from_gguf(uint32_t id, dtype *t);
int dtype_to_gguf(dtype t);                           /* -1: GGUF has no such type */
uint64_t dtype_block_elems(dtype t);
uint64_t dtype_block_bytes(dtype t);
/* Bytes of a row of `cols` elements; false when cols is not a whole number of blocks or the product overflows. */
bool dtype_row_bytes(dtype t, uint64_t cols, uint64_t *bytes);
#endif
