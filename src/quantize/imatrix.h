/* Importance matrices: for every weight matrix the sums of squares of what was multiplied with each of its columns, per expert, and how
 * many rows that were. Files as llama.cpp's: GGUF (general.type "imatrix", tensors NAME.in_sum2 and NAME.counts), and the older .dat.
 * Owned by the caller; one thread while it changes. */
#ifndef PINGTI_QUANTIZE_IMATRIX_H
#define PINGTI_QUANTIZE_IMATRIX_H
#include "base/map.h"
#include "base/err.h"

typedef struct imatrix_entry {
    char *name;       /* of the matrix, as GGUF files spell it */
    uint64_t cols, matrices;
    double *sums;     /* [matrices, cols] */
    uint64_t n_counts; /* matrices (experts), or 1 for all together */
    double *counts;
} imatrix_entry;

typedef struct imatrix {
    imatrix_entry *entries;
    size_t n, cap;
    map *index;
    char **datasets;
    size_t n_datasets;
    uint32_t chunks, chunk_tokens;
} imatrix;

void imatrix_free(imatrix *m);
bool imatrix_read(imatrix *m, const char *path, err *e);
bool imatrix_from_bytes(imatrix *m, const void *data, size_t n, const char *name, err *e); /* for tests and fuzzing */
bool imatrix_write(const imatrix *m, const char *path, err *e);
void imatrix_add_dataset(imatrix *m, const char *name);

const imatrix_entry *imatrix_find(const imatrix *m, const char *name);
/* The entry to collect into, made with zeros when new; NULL with an error when it is there with another shape. */
imatrix_entry *imatrix_entry_for(imatrix *m, const char *name, uint64_t cols, uint64_t matrices, uint64_t n_counts, err *e);
/* Adds the sums, counts and chunks of another matrix of the same model. */
bool imatrix_merge(imatrix *m, const imatrix *other, err *e);
/* The mean square of every column of matrix i, 1 where nothing was seen. out[cols] */
void imatrix_weights(const imatrix_entry *x, uint64_t i, float *out);
#endif
