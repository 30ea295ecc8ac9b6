#include "quantize/encode/lanes.h"
#include "tensor/quant/iq4.h"
#include "quantize/encode/affine.inc"
#include "quantize/encode/centred.inc"
#include "quantize/encode/own.inc"

const encoders encoders_avx512 = {
    .q4_k = encode_q4_k, .q5_k = encode_q5_k, .q6_k = encode_q6_k, .iq4_xs = encode_iq4_xs, .iq4_nl = encode_iq4_nl,
    .q4_0 = encode_q4_0, .q4_1 = encode_q4_1, .q5_0 = encode_q5_0, .q5_1 = encode_q5_1,
    .own_q4_0 = own_q4_0, .own_q4_1 = own_q4_1, .own_q5_0 = own_q5_0, .own_q5_1 = own_q5_1, .own_q8_0 = own_q8_0,
};
