/* Writing safetensors: the header of a file from its tensors, and the index that names the shards of a directory. */
#ifndef PINGTI_FORMAT_SAFETENSORS_WRITE_H
#define PINGTI_FORMAT_SAFETENSORS_WRITE_H
#include "base/buf.h"
#include "tensor/dtype.h"

typedef struct safetensors_entry {
    const char *name;
    dtype type;
    uint32_t n_dims;
    const uint64_t *dims;
    uint64_t at, bytes; /* at: from the beginning of the data */
} safetensors_entry;

/* Length, JSON and padding to 8 bytes. False: a type that safetensors has no name for. */
bool safetensors_header(const safetensors_entry *entries, size_t n, buf *out);
bool safetensors_has(dtype t);
#define SAFETENSORS_INDEX "model.safetensors.index.json"
/* SAFETENSORS_INDEX: shard[i] (from 0) of every tensor. */
void safetensors_index(const safetensors_entry *entries, const size_t *shard, size_t n, size_t n_shards, uint64_t total, buf *out);
void safetensors_shard_name(size_t i, size_t n, char out[64]); /* "model.safetensors" when n is 1 */
#endif
