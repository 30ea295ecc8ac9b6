/* Weights as panels: the layout that fast products read. A panel holds PANEL_ROWS (16-bit formats: 32) consecutive rows of a matrix with
 * their elements interleaved, so that one vector register holds the same k of several rows and every lane is one output: the
 * float chain of an output (tensor/quant.h) is then the same for any number of activation rows, threads and instruction sets.
 * Block formats keep the file's bits (some grow by at most 8 %); rows beyond the last are zeros.
 *
 * A panel is a sequence of steps of 64 (K-quants and IQ4_XS: 256) elements, BF16 of 2, F16 of 1. Within a step, by row r of 16:
 *   scales first, one array [16] after another (f16 d, dmin or m; small integer scales), then quants as 64-byte vectors: dword r
 *   of a vector is 4 bytes of row r's quants, that is elements 4j..4j+3 of a block of 32 for vector j; two blocks of quants of four to six
 *   bits share their vectors (see panel_pack.c).
 * Bytes of Q8_0 are stored + 128. Scales of MXFP4 are bfloat16. Formats of panel_codes.h have layouts of their own. */
#ifndef PINGTI_BACKEND_CPU_PANEL_H
#define PINGTI_BACKEND_CPU_PANEL_H
#include "base/cpu.h"
#include "tensor/quant.h"
#include "tensor/tensor.h"

enum { PANEL_ROWS = 16, PANEL_MAX_TILE = 12 };

/* What rows of Q8_S, and for more than a few activation rows the panels of panel_codes.h, become for the time of one product: a step of 64
 * elements is f32 scales [4][16], one for 16 elements, then bytes + 128. */
enum { DTYPE_UNPACKED = DTYPE_COUNT, PANEL_FORMATS };

typedef struct panel_shape {
    uint32_t rows, step, step_bytes; /* rows 0: the format has no panels */
} panel_shape;

panel_shape panel_shape_of(int t); /* a dtype, or DTYPE_UNPACKED */
uint64_t panel_bytes(const tensor *w);  /* of one panel */
uint64_t panel_count(const tensor *w);  /* of one matrix */
/* Panels [from, to) of matrix i -> dst, the place of panel `from`. */
void panel_pack(const tensor *w, uint64_t i, uint64_t from, uint64_t to, void *dst);

/* Panel `p` of matrix i of a Q8_S weight, from its rows, into dst[panel_unpacked_bytes]; memory[panel_unpack_bytes] is scratch. */
uint64_t panel_unpacked_bytes(const tensor *w);
uint64_t panel_unpack_bytes(const tensor *w);
void panel_unpack(const tensor *w, uint64_t i, uint64_t p, void *dst, void *memory);

/* One tile: the rows of one or two panels times up to PANEL_MAX_TILE activation rows. */
typedef struct panel_call {
    const uint8_t *w;
    uint64_t panel_bytes, steps;
    const void *x[PANEL_MAX_TILE];  /* act_block[], or bfloat16 pairs, or f32 (see panel_acts) */
    float *y[PANEL_MAX_TILE];       /* where the first output of each row goes */
    const float *bias;              /* of the first output, or NULL */
    const char *prefetch;           /* weights of a later tile, or NULL */
    uint32_t prefetch_slot;         /* bytes of them at every fourth k */
} panel_call;

typedef void (*panel_fn)(const panel_call *c);

/* Activation rows from which a product asks for the weights of its next tile: with fewer, the processor's own prefetcher has time enough
 * and is the better one (SPEED.md). Q8_0 multiplies the fewest values a byte; unpacked panels are near already. */
static inline int panel_prefetch_from(int t) { return t == DTYPE_UNPACKED ? INT16_MAX : t == DTYPE_Q8_0 ? 5 : 3; }

/* Activation rows for a tile of a format. */
typedef enum panel_acts { ACTS_Q8, ACTS_BF16, ACTS_F32 } panel_acts;
static inline panel_acts panel_acts_of(dtype t) { return t == DTYPE_BF16 ? ACTS_BF16 : t == DTYPE_F16 ? ACTS_F32 : ACTS_Q8; }

/* An act_block in 16 bits, for kernels without products of whole bytes (panel_wide.inc): of elements 4j..4j+3 the even ones, then the odd. */
typedef struct act_wide {
    int16_t q[ACT_BLOCK / 4][2][2];
    float scale, scaled_sum;
    int32_t minus_sum, minus_sum_low;
} act_wide;

/* Whether a format's packed panels take activations as act_wide, of kernels that have such tiles. */
static inline bool panel_acts_wide(int t, bool kernels_wide) { return kernels_wide && t == DTYPE_Q8_0; }

/* A packed panel of `steps` steps -> a panel of DTYPE_UNPACKED. */
typedef void (*panel_unpack_fn)(const uint8_t *panel, uint64_t steps, uint8_t *out);

/* tile[type][panels - 1][rows - 1]; NULL beyond what an instruction set has registers for. unpack[type]: of formats whose tiles are for few rows. */
typedef struct panel_kernels {
    panel_fn tile[PANEL_FORMATS][2][PANEL_MAX_TILE];
    panel_unpack_fn unpack[DTYPE_COUNT];
    bool wide; /* see panel_acts_wide */
} panel_kernels;

const panel_kernels *panel_kernels_for(cpu_isa isa);
#endif
