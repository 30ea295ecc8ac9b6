/* The parts of the forward pass that decoder.c and the attention forms share. */
#ifndef PINGTI_MODEL_DECODER_H
#define PINGTI_MODEL_DECODER_H
#include "model/model.h"

tensor *decoder_linear(const fwd *f, tensor *x, const weight *w);
tensor *decoder_norm(const fwd *f, tensor *x, const tensor *w, float eps);
tensor *decoder_ffn(const fwd *f, tensor *x, const ffn_weights *w);

/* Multi-head latent attention in its absorbed form, the same for prompt and decode. x[T,d] -> [T,d] */
tensor *mla_attention(const fwd *f, const model *m, int il, const batch *b, tensor *x);
#endif
