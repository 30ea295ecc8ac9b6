#include "quantize/encode.h"
#include "tensor/quant.h"

static const encoders *table_of(cpu_isa isa) {
#if defined(__x86_64__)
    if (isa >= CPU_AVX512 && isa <= CPU_AVX512BF16) return &encoders_avx512;
    if (isa == CPU_AVX2 || isa == CPU_AVXVNNI) return &encoders_avx2;
#endif
    (void)isa;
    return &encoders_plain;
}

encode_fn encode_find_for(cpu_isa isa, dtype t, bool weighted) {
    const encoders *e = table_of(isa);
    switch (t) {
    case DTYPE_Q4_K: return e->q4_k;
    case DTYPE_Q5_K: return e->q5_k;
    case DTYPE_Q6_K: return e->q6_k;
    case DTYPE_IQ4_XS: return e->iq4_xs;
    case DTYPE_IQ4_NL: return e->iq4_nl;
    case DTYPE_Q4_0: return weighted ? e->q4_0 : e->own_q4_0;
    case DTYPE_Q4_1: return weighted ? e->q4_1 : e->own_q4_1;
    case DTYPE_Q5_0: return weighted ? e->q5_0 : e->own_q5_0;
    case DTYPE_Q5_1: return weighted ? e->q5_1 : e->own_q5_1;
    case DTYPE_Q8_0: return e->own_q8_0;
    default: return NULL;
    }
}

encode_fn encode_find(dtype t, bool weighted) { return encode_find_for(cpu_chosen_isa(), t, weighted); }

bool encode_exists(dtype t) { return quant_of(t)->from_f32 || encode_find(t, false); }
