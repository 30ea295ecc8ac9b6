/* The parts of cpu_attn. One call: the batch's K and V go to the cache (attn_store), the work is cut into tiles (attn.c), threads take
 * tiles (attn_tile). Which rows and segments share a tile changes no result: every sum is the reference's. Memory is the pass's arena. */
#ifndef PINGTI_BACKEND_CPU_ATTN_H
#define PINGTI_BACKEND_CPU_ATTN_H
#include "backend/cpu/attn_fast.h"
#include "backend/cpu/cpu.h"

/* What segments of keys come to, for each row of a tile: y[rows][v_pad] and sum are relative to max. */
typedef struct attn_partial {
    float *max, *sum, *y;
} attn_partial;

/* Rows of one sequence that follow one another, and query heads that share a KV head; its rows are (token, head). */
typedef struct attn_tile {
    uint32_t token, n_tokens; /* rows of the batch */
    uint32_t kv_head, head, n_heads;
    uint32_t segment, n_segments;
    attn_partial *parts;      /* [n_segments], each to be done on its own; NULL: the tile is done as a whole */
} attn_tile;

/* One thread's memory. */
typedef struct attn_scratch {
    uint32_t *pos;            /* [rows] of the tile */
    char *q;                  /* scaled queries: [rows / STRIP_ROWS][k_chunks][STRIP_ROWS][STRIP_DEPTH] elements */
    float *score;             /* [STRIP_ROWS][ATTN_SPLIT] */
    char *weight;             /* of the scores, [STRIP_ROWS][ATTN_SPLIT] elements; score itself where both are floats */
    char *keys, *values;      /* fast: the operands made of a page's K and V */
    float *lane;              /* [rows][ATTN_LANES] */
    float *turned;            /* shared_v: V of one page, F32 strips made from K */
    attn_partial all, part;
} attn_scratch;

/* How the inner loop meets the K or the V of a page: as it is stored (exact, and fast for few rows), or as operands made of it (fast). */
typedef struct attn_operand {
    strip_kind kind;
    strip_fn multiply;
    size_t strip_bytes, chunk_bytes; /* of a strip, of STRIP_DEPTH rows of it */
} attn_operand;

typedef struct attn_job {
    const attn_args *a;
    const vector_kernels *k;
    const attn_fast *fast;    /* NULL: exact */
    size_t element;           /* bytes of one of q's and the weights' elements */
    bool shrinks;             /* results shrink while values are added to them */
    uint32_t direct_rows;     /* fast: tiles of at most so many rows multiply what is stored, without operands being made */
    attn_operand stored_key, stored_value, key, value;
    attn_tile *tiles;
    size_t n_tiles, n_pieces;
    uint32_t (*pieces)[2];    /* (tile, segment of it) or (tile, ATTN_WHOLE): what a thread takes at once */
    attn_scratch *scratch;    /* [threads] */
    uint32_t rows, k_chunks, v_strips, v_pad; /* rows: of the largest tile; chunks of STRIP_DEPTH elements of K; strips of V */
} attn_job;

enum { ATTN_WHOLE = 0xffffffffu };

void attn_store(const fwd *f, const attn_args *a, const vector_kernels *k, const attn_fast *fast);
void attn_piece(void *ctx, size_t piece, int worker); /* a pool_task over the pieces of an attn_job */
void attn_merge(void *ctx, size_t tile, int worker);  /* a pool_task over its tiles: those done in parts are put together */

/* First position that a row at pos sees. */
static inline uint32_t attn_first_key(const attn_args *a, uint32_t pos) { return a->window && pos + 1 > a->window ? pos + 1 - a->window : 0; }
static inline uint32_t attn_rows(const attn_tile *t) { return t->n_tokens * t->n_heads; }
#endif
