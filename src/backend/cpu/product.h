/* Products of one matrix with some activation rows, several at once: what linear and moe_linear are made of. A task computes some outputs
 * of all rows of one product, from rows or from panels of weights; every output depends on its weight row and its activation
 * row alone, so the split never shows. Everything lies in the pass's arena. */
#ifndef PINGTI_BACKEND_CPU_PRODUCT_H
#define PINGTI_BACKEND_CPU_PRODUCT_H
#include "backend/cpu/cpu.h"

/* Activation rows in the forms that weights want; a form is made when the first weight asks for it. */
typedef struct activations {
    uint64_t n, cols;
    const float **f32;      /* [n] */
    const void **q8[2], **bf16; /* [n] act_block[] and act_wide[], bfloat16 pairs; NULL until wanted */
    const uint32_t *order;      /* of the columns of ordered_q8 (tensor_order) */
    const void **ordered_q8[2];
} activations;

typedef struct product {
    const tensor *w;
    uint64_t matrix;     /* of a stack */
    const float *bias;   /* [w->rows] or NULL */
    uint64_t n;
    const void **x;      /* [n] rows in the form that w takes */
    float **y;           /* [n] output rows */
    /* filled by product_run */
    uint64_t units, grain, first_task; /* panels or rows of w; units of a task; number of the first one */
} product;

/* The rows of x[T,in]; forms are added by activations_for. */
activations activations_of(const fwd *f, const tensor *x);
const void **activations_for(const fwd *f, activations *a, const tensor *w, uint64_t matrix);
void product_run(const fwd *f, product *p, size_t n);

/* What these take of the pass's arena at most, for the memory plan: the form of n rows that w wants; a thread's memory in product_run. */
uint64_t activations_scratch(const tensor *w, uint64_t n, bool fast);
uint64_t product_thread_scratch(const tensor *w, bool fast);
#endif
