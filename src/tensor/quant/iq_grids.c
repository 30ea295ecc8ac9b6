/* The codebooks of GGUF's IQ formats. */
#include "tensor/quant/iq.h"
#include "tensor/quant/iq_grids.inc"
