/* Placing: weights once more in the layout that a backend's fast products read (panels), made when a runner opens. They come from a file
 * beside the user's other caches when it has them, otherwise they are made in parallel and, where that is allowed, kept in such a file. The
 * pages of the model's own file are then let go, so that memory holds one copy. Exact products and embeddings still read the model's file.
 * The weights' `packed` pointers are set by place_weights and cleared by place_free; one placement a model. */
#ifndef PINGTI_MODEL_PLACE_H
#define PINGTI_MODEL_PLACE_H
#include "model/model.h"

typedef struct place_options {
    char dir[1024];      /* where placed files are kept; "": in memory alone */
    uint64_t limit;      /* bytes of all placed files together; the least recently used go; 0: no limit */
    bool large_pages;    /* a file is read into memory of large pages instead of being mapped: place_copies says whether there is room */
    void (*progress)(void *ctx, uint64_t done, uint64_t total); /* or NULL; from the calling thread */
    void *progress_ctx;
} place_options;

typedef enum place_kind { PLACE_NOTHING, PLACE_MEMORY, PLACE_FILE_MADE, PLACE_FILE_FOUND } place_kind;

typedef struct placement {
    place_kind kind;
    uint64_t bytes;      /* of the packed weights */
    char *path;          /* of the placed file, or NULL */
    char digest[33];     /* of what the file depends on: weights, shapes, layout */
    bool copied;         /* out of the file into large pages */
    err trouble;         /* code set: why there is no file though one was wanted; the weights are in memory */
    void *memory;        /* mapped */
    model *m;
} placement;

/* Visits every weight of linear layers and experts, with the op that uses it; false when a visit said so, which ends it. */
bool model_each_weight(const model *m, bool (*visit)(void *ctx, const weight *w, op_id op), void *ctx);
/* Bytes that placing on this backend takes; 0: it reads rows. */
uint64_t place_bytes(const model *m, const backend *b);
/* Whether they go into a file: where a folder is given, and they are too many to be made anew at every start. */
bool place_wants_file(const place_options *o, uint64_t bytes);
/* Whether a file of `bytes` should be copied into large pages, with `spare` bytes of memory to have beside everything else, the system's own
 * cache of the file included, so that the next start is quick too. */
bool place_copies(uint64_t bytes, uint64_t spare);
/* digest: of the model (model_digest). NULL with a reason: no memory. */
placement *place_weights(model *m, const backend *b, pool *p, const unsigned char digest[32], const place_options *o, err *e);
void place_free(placement *p);
#endif
