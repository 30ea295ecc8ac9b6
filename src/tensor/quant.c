#include "tensor/quant.h"
#include "tensor/quant/formats.h"
#include <math.h>
#include <string.h>

#define ENCODE_encode(file)    quant_##file##_from_f32
#define ENCODE_read_only(file) NULL
/* Plain floats have no int8 product. */
#define quant_f32_dot     NULL
#define quant_f16_dot     NULL
#define quant_bf16_dot    NULL
#define quant_f8_e4m3_dot NULL
#define DOT_F32(ENUM) (DTYPE_##ENUM == DTYPE_BF16 ? quant_bf16_dot_f32 : DTYPE_##ENUM == DTYPE_F16 ? quant_f16_dot_f32 : NULL)

static const quant_traits traits[DTYPE_COUNT] = {
#define QUANT(ENUM, file, name, gguf, elems, bytes, enc)                                                               \
    [DTYPE_##ENUM] = { name, elems, bytes, quant_##file##_to_f32, ENCODE_##enc(file), quant_##file##_dot, DOT_F32(ENUM) },
#include "tensor/quants.def"
#undef QUANT
};

const quant_traits *quant_of(dtype t) { return &traits[t]; }

static size_t padded(size_t n) { return (n + 63) & ~(size_t)63; }

size_t act_q8_bytes(size_t n) { return padded(n) / ACT_BLOCK * sizeof(act_block); }

act_q8 act_q8_at(void *memory, size_t n) { return (act_q8){ padded(n), memory }; }

static void quantize_block(const float *x, act_block *out) {
    uint32_t top = 0;
    for (int i = 0; i < ACT_BLOCK; i++) {
        uint32_t bits;
        memcpy(&bits, &x[i], sizeof bits);
        bits &= 0x7fffffffu;
        top = bits > top ? bits : top;
    }
    float inverse;
    int low = 0, high = 0;
    bool usable = act_block_scale(top, &out->scale, &inverse);
    for (int i = 0; i < ACT_BLOCK; i++) out->q[i] = usable ? (int8_t)(int)rintf(x[i] * inverse) : 0;
    for (int i = 0; i < ACT_SUB; i++) {
        low += out->q[i];
        high += out->q[ACT_SUB + i];
    }
    out->scaled_sum = out->scale * (float)(low + high);
    out->minus_sum = -(low + high);
    out->minus_sum_low = -low;
}

void act_q8_from_f32(const float *x, size_t n, act_q8 *out) {
    for (size_t b = 0; b < out->n / ACT_BLOCK; b++) {
        float part[ACT_BLOCK] = { 0 };
        size_t first = b * ACT_BLOCK, here = first >= n ? 0 : n - first < ACT_BLOCK ? n - first : ACT_BLOCK;
        if (here) memcpy(part, x + first, here * sizeof *x);
        quantize_block(part, &out->block[b]);
    }
}
