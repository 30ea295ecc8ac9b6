/* safetensors, one file or shards named by model.safetensors.index.json, memory-mapped. The header is at most 100 MB of
 * JSON; offsets lie in the file, are contiguous, do not overlap, and equal dims x dtype. Immutable after opening. */
#ifndef PINGTI_FORMAT_SAFETENSORS_H
#define PINGTI_FORMAT_SAFETENSORS_H
#include "format/tensor_set.h"

typedef struct safetensors safetensors;

safetensors *safetensors_open(const char *path, err *e);     /* one file */
safetensors *safetensors_open_dir(const char *dir, err *e);  /* model.safetensors, or the shards of its index; shard names may not leave the directory */
void safetensors_close(safetensors *s);
const tensor_set *safetensors_tensors(const safetensors *s); /* dtypes that no format here holds (I64, BOOL, ...) are left out and counted */
size_t safetensors_n_skipped(const safetensors *s);          /* how many were left out; named by safetensors_skipped_name */
const char *safetensors_skipped_name(const safetensors *s, size_t i);
uint64_t safetensors_file_bytes(const safetensors *s);
#endif
