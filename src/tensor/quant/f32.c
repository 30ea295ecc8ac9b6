/* IEEE binary32, little-endian. */
#include "tensor/quant/formats.h"
#include <string.h>

void quant_f32_to_f32(const void *src, float *dst, size_t n) { memcpy(dst, src, n * sizeof *dst); }
void quant_f32_from_f32(const float *src, void *dst, size_t n) { memcpy(dst, src, n * sizeof *src); }
