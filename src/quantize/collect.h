/* Collecting an importance matrix: watches the products of a forward pass (fwd.watch) and adds up, for every matrix, the squares of what
 * its columns are multiplied with. Names are those of GGUF files, whatever the model was read from. One thread. */
#ifndef PINGTI_QUANTIZE_COLLECT_H
#define PINGTI_QUANTIZE_COLLECT_H
#include "model/model.h"
#include "quantize/imatrix.h"

typedef struct collector {
    imatrix *into;
    const model *m;
    bool output;   /* the output matrix too */
    bool whole_kv; /* latent attention whose kv_b is one matrix in the file */
    err trouble;   /* the first thing that went wrong; what follows is left out */
    char bad[256]; /* a matrix that met a value that is not finite */
} collector;

void collect_start(collector *c, imatrix *into, const model *m, bool output);
void collect_watch(void *ctx, op_id id, const void *args); /* ctx: the collector */
#endif
