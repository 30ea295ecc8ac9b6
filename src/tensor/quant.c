#include "tensor/quant.h"
#include "tensor/quant/formats.h"
#include <math.h>
#include <string.h>

#define ENCODE_encode(file)    quant_##file##_from_f32
#define ENCODE_read_only(file) NULL
/* Plain floats have no int8 product: they multiply with f32 activations in both precisions. */
#define quant_f32_dot     NULL
#define quant_f16_dot     NULL
#define quant_bf16_dot    NULL
#define quant_f8_e4m3_dot NULL

static const quant_traits traits[DTYPE_COUNT] = {
#define QUANT(ENUM, file, name, gguf, elems, bytes, enc)                                                               \
    [DTYPE_##ENUM] = { name, elems, bytes, quant_##file##_to_f32, ENCODE_##enc(file), quant_##file##_dot },
#include "tensor/quants.def"
#undef QUANT
};

const quant_traits *quant_of(dtype t) { return &traits[t]; }

static size_t padded(size_t n) { return (n + ACT_BLOCK - 1) / ACT_BLOCK * ACT_BLOCK; }
static size_t up64(size_t n) { return (n + 63) & ~(size_t)63; }

size_t act_q8_bytes(size_t n) {
    n = padded(n);
    return up64(n) + up64(n / ACT_BLOCK * sizeof(float)) + up64(n / ACT_SUB * sizeof(int16_t));
}

act_q8 act_q8_at(void *memory, size_t n) {
    char *p = memory;
    n = padded(n);
    return (act_q8){ n, (int8_t *)p, (float *)(p + up64(n)), (int16_t *)(p + up64(n) + up64(n / ACT_BLOCK * sizeof(float))) };
}

static void act_block(const float *x, int8_t *q, float *scale, int16_t *sum) {
    uint32_t top = 0;
    for (int i = 0; i < ACT_BLOCK; i++) {
        uint32_t bits;
        memcpy(&bits, &x[i], sizeof bits);
        bits &= 0x7fffffffu;
        top = bits > top ? bits : top;
    }
    float inverse;
    bool usable = act_block_scale(top, scale, &inverse);
    for (int i = 0; i < ACT_BLOCK; i++) q[i] = usable ? (int8_t)(int)rintf(x[i] * inverse) : 0;
    for (int h = 0; h < ACT_BLOCK / ACT_SUB; h++) {
        int total = 0;
        for (int i = 0; i < ACT_SUB; i++) total += q[h * ACT_SUB + i];
        sum[h] = (int16_t)total;
    }
}

void act_q8_from_f32(const float *x, size_t n, act_q8 *out) {
    for (size_t b = 0; b < out->n / ACT_BLOCK; b++) {
        float part[ACT_BLOCK] = { 0 };
        size_t here = n - b * ACT_BLOCK < ACT_BLOCK ? n - b * ACT_BLOCK : ACT_BLOCK;
        memcpy(part, x + b * ACT_BLOCK, here * sizeof *x);
        act_block(part, out->q + b * ACT_BLOCK, &out->scale[b], &out->sum[b * (ACT_BLOCK / ACT_SUB)]);
    }
}
