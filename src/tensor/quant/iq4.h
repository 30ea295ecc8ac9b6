/* The sixteen levels of IQ4_NL and IQ4_XS, part of the GGUF format's definition (see NOTICE). */
#ifndef PINGTI_TENSOR_QUANT_IQ4_H
#define PINGTI_TENSOR_QUANT_IQ4_H
#include "tensor/quant/formats.h"

static const int8_t iq4_levels[16] = { -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113 };
#endif
