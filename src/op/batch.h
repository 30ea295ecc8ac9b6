/* What one forward pass computes: T token rows of one or many sequences, in any mix of prompt chunks and single steps.
 * Rows of one sequence are in order of position and follow one another. Borrowed arrays. */
#ifndef PINGTI_OP_BATCH_H
#define PINGTI_OP_BATCH_H
#include <stddef.h>
#include <stdint.h>

typedef struct batch {
    size_t T;
    const int32_t *id;            /* [T] token */
    const int32_t *pos;           /* [T] absolute position in its sequence */
    const int32_t *seq;           /* [T] index into pages */
    const uint8_t *rope;          /* [T] which rope table of the model (model/rope.h says when there are several); NULL: all 0 */
    size_t n_out;
    const int32_t *out;           /* [n_out] rows whose logits are wanted, ascending */
    const uint32_t *const *pages; /* [sequences] page numbers of each sequence, in order of position; NULL without a cache */
} batch;
#endif
