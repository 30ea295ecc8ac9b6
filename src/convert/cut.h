/* The safetensors files that a directory's tensors are cut into, and those of an earlier cut of the same tensors, which would be read
 * beside them or in their place. Only names that this writer gives are touched, in a directory that carried_may_fill has allowed. */
#ifndef PINGTI_CONVERT_CUT_H
#define PINGTI_CONVERT_CUT_H
#include "base/buf.h"
#include "base/err.h"

/* Before the first shard: an index that differs from the one to come would call a half-written directory whole. index NULL: none to come. */
bool cut_drop_index(const char *dir, const buf *index, err *e);
/* After the last: removes the files, whole or begun, of a cut into another number of shards than n; *removed counts them. */
bool cut_drop_others(const char *dir, size_t n, size_t *removed, err *e);
#endif
