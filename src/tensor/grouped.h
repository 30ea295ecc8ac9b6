/* Weight matrices as quantizers publish them for other programs: GPTQ, AWQ and compressed-tensors keep small integers (or FP8, FP4) in one
 * tensor, a scale and a zero point for each group of input columns in others. Such a matrix stays in memory as the file has it; rows are
 * made when they are asked for, as f32 or as blocks of a format that holds the same values exactly:
 *     w[row, k] = scale[row, group(k)] * (field[row, k] - zero[row, group(k)])
 * Plain data that borrows the mapped file; pure functions, any thread. */
#ifndef PINGTI_TENSOR_GROUPED_H
#define PINGTI_TENSOR_GROUPED_H
#include "tensor/dtype.h"
#include <stddef.h>

/* How fields lie. Dense: field i of a run of 32-bit words is its bits [i * bits, (i + 1) * bits), lowest first, across words. */
typedef enum grouped_layout {
    GROUPED_DOWN,   /* GPTQ: words [in * bits / 32, out], a run goes down a column */
    GROUPED_AWQ,    /* AWQ (GEMM): words [in, out / 8], columns 0 2 4 6 1 3 5 7 of eight */
    GROUPED_ALONG,  /* compressed-tensors, packed: words [out, in * bits / 32] */
    GROUPED_BYTES,  /* compressed-tensors: signed bytes [out, in] */
    GROUPED_FP8,    /* E4M3 [out, in] */
    GROUPED_FP4,    /* E2M1 [out, in / 2], low nibbles first */
} grouped_layout;

typedef enum grouped_zeros {
    ZEROS_CONSTANT, /* zero_base throughout */
    ZEROS_ACROSS,   /* GPTQ: words [groups, out * bits / 32], dense */
    ZEROS_AWQ,      /* words [groups, out / 8] */
    ZEROS_DOWN,     /* compressed-tensors: words [out * bits / 32, groups], dense */
    ZEROS_BYTES,    /* signed bytes [out, groups] */
} grouped_zeros;

typedef enum grouped_scale_type { SCALE_F16, SCALE_BF16, SCALE_F32, SCALE_E4M3, SCALE_E8M0 } grouped_scale_type;

typedef struct grouped {
    grouped_layout layout;
    uint32_t bits;
    uint64_t rows, cols;       /* of the published matrix */
    uint64_t row0;             /* its row that is row 0 here: one of several matrices stored together */
    const void *q;
    uint64_t group, groups;    /* columns of a group; how many */
    grouped_scale_type scale_type;
    const void *scale;         /* element (row / scale_rows) * scale_row_step + group * scale_group_step */
    uint64_t scale_rows, scale_row_step, scale_group_step;
    float divisor;             /* NVFP4: of all scales; 1 elsewhere */
    grouped_zeros zero_kind;
    int32_t zero_base;         /* added to what is stored (GPTQ v1: 1) */
    const void *zeros;
    const int32_t *group_of;   /* GPTQ's act-order: [cols], the group of each column; NULL: column / group */
    const uint32_t *order;     /* [cols] columns sorted by their group, when blocks need it; NULL: as they are */
} grouped;

/* The format in which blocks hold these values exactly: Q4_0, Q5_0, Q8_0, MXFP4; Q8_S where scales are no f16 numbers; F8_E4M3 or F32 where
 * none does, which are then multiplied exactly in both precisions. Reads all scales and zero points. */
dtype grouped_type(const grouped *g);
/* The format that holds what either of two hold. */
dtype grouped_common_type(dtype a, dtype b);
/* Columns sorted by group, stably: order[cols]. False when no block of 32 would lie within one group. */
bool grouped_order(const grouped *g, uint32_t *order);
/* Row `row` in its own column order, w as defined above. */
void grouped_row_to_f32(const grouped *g, uint64_t row, float *out);
/* Row `row` as blocks of `type` (what grouped_type said), columns in `order`. */
void grouped_row_blocks(const grouped *g, uint64_t row, dtype type, void *out);
/* x[cols] in the order of the blocks' columns. */
void grouped_reorder(const grouped *g, const float *x, float *out);
#endif
