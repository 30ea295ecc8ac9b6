/* safetensors, one file or shards named by model.safetensors.index.json, memory-mapped. The header is at most 100 MB of
 * JSON; offsets lie in the file, are contiguous, do not overlap, and equal dims x dtype. Immutable after opening. */
#ifndef PINGTI_FORMAT_SAFETENSORS_H
#define PINGTI_FORMAT_SAFETENSORS_H
#include "format/tensor_set.h"

typedef struct safetensors safetensors;

safetensors *safetensors_open(const char *path, err *e);     /* one file */
safetensors *safetensors_open_dir(const char *dir, err *e);  /* model.safetensors, or the shards of its index; shard names may not leave the directory */
void safetensors_close(safetensors *s);
const tensor_set *safetensors_tensors(const safetensors *s);
/* Tensors of types that no weight is computed from as they are (I32, U8, BOOL, ...), type DTYPE_COUNT; the parts of quantized weights
 * are among them. n_dims above TENSOR_MAX_DIMS: more dimensions than are told. */
const tensor_set *safetensors_others(const safetensors *s);
const char *safetensors_other_type(const safetensors *s, size_t i); /* safetensors' name of the type of the i-th of them */
uint64_t safetensors_file_bytes(const safetensors *s);
#endif
