/* A weight matrix as an op uses it: w[n, out, in] in its storage format, an optional f32 bias[out]. Bound once at load;
 * immutable afterwards. */
#ifndef PINGTI_OP_WEIGHT_H
#define PINGTI_OP_WEIGHT_H
#include "tensor/tensor.h"

typedef struct weight {
    tensor w;
    const float *bias; /* [n, out] or NULL */
    float *bias_grad;  /* same shape, or NULL */
    const char *name;  /* for messages; borrowed */
} weight;
#endif
