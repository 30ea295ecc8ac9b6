/* The functions of every storage format: quant_<file>_to_f32, _from_f32 (where it can be encoded), _dot. */
#ifndef PINGTI_TENSOR_QUANT_FORMATS_H
#define PINGTI_TENSOR_QUANT_FORMATS_H
#include "tensor/quant.h"

#define QUANT(ENUM, file, name, gguf, elems, bytes, enc)                                                               \
    void quant_##file##_to_f32(const void *src, float *dst, size_t n);                                                 \
    void quant_##file##_from_f32(const float *src, void *dst, size_t n);                                               \
    float quant_##file##_dot(const void *w, const act_q8 *x, size_t n);
#include "tensor/quants.def"
#undef QUANT
/* A row as integers q[n] and scales[n/16], x = scale * q. */
void quant_q8_s_unpack_row(const void *src, size_t n, int8_t *q, float *scale);
float quant_bf16_dot_f32(const void *w, const float *x, size_t n);
float quant_f16_dot_f32(const void *w, const float *x, size_t n);

static inline uint16_t load_u16(const void *p) {
    uint16_t v;
    __builtin_memcpy(&v, p, sizeof v);
    return v;
}

static inline uint32_t load_u32(const void *p) {
    uint32_t v;
    __builtin_memcpy(&v, p, sizeof v);
    return v;
}

static inline void store_u16(void *p, uint16_t v) { __builtin_memcpy(p, &v, sizeof v); }
static inline void store_u32(void *p, uint32_t v) { __builtin_memcpy(p, &v, sizeof v); }

/* Encoders of blocks. A block with a value that is not finite is stored with scale NaN, so that reading it shows; the conversions
 * to integers are defined for any value. */
static inline bool encode_finite(const float *x, int n) {
    bool finite = true;
    for (int i = 0; i < n; i++) finite &= x[i] - x[i] == 0;
    return finite;
}

/* 1 / d, and 0 where that is no number: then d is stored as f16 zero (or NaN) anyway. */
static inline float encode_inverse(float d) {
    float inverse = 1.0f / d;
    return inverse - inverse == 0 ? inverse : 0;
}

/* v without its fraction, in [0, top]. */
static inline int encode_level(float v, int top) { return v >= (float)top ? top : v > 0 ? (int)v : 0; }
#endif
