/* Quantizing a plan: formats by a mix, encoders that search, an importance matrix where there is one. Bytes depend on the source, the
 * mix, the matrix and nothing else. */
#ifndef PINGTI_QUANTIZE_QUANTIZE_H
#define PINGTI_QUANTIZE_QUANTIZE_H
#include "convert/write.h"
#include "quantize/imatrix.h"
#include "quantize/mix.h"

typedef struct quantize_options {
    mix_options mix;
    const imatrix *importance;    /* or NULL */
    const char *importance_name;  /* for the file's metadata */
    bool requantize;              /* take what is quantized already: the errors add up */
} quantize_options;

typedef struct quantizing {
    plan *p;
    quantize_options o;
    mix_model model;
    float **weights; /* [p->n] mean squares [matrices, cols] of each tensor, or NULL */
    size_t without;  /* quantized tensors that the matrix does not know */
    const char *first_without;
    void *hole;      /* what the workers found: internal */
} quantizing;

/* Chooses formats and sets the file's metadata. Refuses sources that are quantized already, encoders that do not exist, and a matrix of
 * another model. */
bool quantize_start(quantizing *q, plan *p, const mix_model *m, const quantize_options *o, err *e);
/* o: pool, progress, stop, fresh; the encoder is put in here. A value that is not finite is refused, naming the tensor. */
bool quantize_write(quantizing *q, const char *path, const plan_write_options *o, plan_written *w, err *e);
void quantize_end(quantizing *q);

uint64_t plan_bytes(const plan *p);      /* of all tensors as planned */
uint64_t plan_parameters(const plan *p);
#endif
