/* Writing a plan: rows are read, stored in the wanted format and written by all threads; the bytes never depend on their number. Work that
 * was broken off goes on where it stood: every finished piece was noted with a hash, and is believed only if its bytes still have it. */
#ifndef PINGTI_CONVERT_WRITE_H
#define PINGTI_CONVERT_WRITE_H
#include "base/pool.h"
#include "convert/plan.h"

/* Stores x[rows, cols] of a tensor as its `to`; first: number of the first row. Called by many threads. */
typedef void (*plan_encode)(void *ctx, const plan_tensor *t, uint64_t first, uint64_t rows, const float *x, void *out);

/* LATER: the part file stays, the same command goes on with it. DROP: what is written is of no use. */
typedef enum plan_stop { PLAN_GO_ON, PLAN_STOP_LATER, PLAN_STOP_DROP } plan_stop;

typedef struct plan_write_options {
    pool *pool;
    plan_encode encode;  /* NULL: the format's own encoder */
    void *ctx;
    const void *salt;    /* what else decides the bytes (an importance matrix): its digest is part of what must agree to go on */
    size_t n_salt;
    bool fresh;          /* never go on with what is there */
    void (*progress)(void *ctx, uint64_t done, uint64_t total); /* bytes of the source; or NULL */
    plan_stop (*stop)(void *ctx);                               /* or NULL; asked before each round and before the file gets its name */
    void *progress_ctx;
} plan_write_options;

typedef struct plan_written {
    uint64_t bytes, resumed_bytes; /* of the file; of its data, taken from earlier work */
    uint64_t source_bytes;
    size_t removed;                /* files of an earlier cut into other shards */
} plan_written;

/* As a GGUF file. */
bool plan_write_gguf(const plan *p, const char *path, const plan_write_options *o, plan_written *w, err *e);

/* A file with its bytes before the data, and where each tensor's data begins from there: what both formats come to. tensors: those of the
 * plan that this file holds, in order. */
typedef struct plan_layout {
    const void *head;
    size_t n_head;
    const size_t *tensors;
    const uint64_t *at;
    size_t n;
    uint64_t data_bytes;
} plan_layout;
bool plan_write_file(const plan *p, const plan_layout *l, const char *path, const plan_write_options *o, plan_written *w, err *e);

/* A fingerprint of a source's weights in hexadecimal digits: names, shapes and both ends of every tensor. */
enum { PLAN_NAME = 2 * 16 + 1 };
void plan_source_name(const model_source *source, char out[PLAN_NAME]);
uint64_t plan_tensor_bytes(const plan_tensor *t, dtype type);
#endif
