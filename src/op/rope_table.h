/* Rotary embedding as data: the angle of pair i at position p is p * inv_freq[i]; cos and sin are multiplied by mscale. */
#ifndef PINGTI_OP_ROPE_TABLE_H
#define PINGTI_OP_ROPE_TABLE_H
#include <stdbool.h>
#include <stdint.h>

typedef struct rope_table {
    uint32_t pairs;       /* rotated elements of a head / 2 */
    const float *inv_freq; /* [pairs] */
    float mscale;
    bool interleaved;     /* pairs are (2i, 2i+1); otherwise (i, i + pairs) */
} rope_table;
#endif
