#include "backend/cpu/ref/ref.h"
#include "tensor/vmath.h"

void ref_swiglu(const fwd *f, const swiglu_args *a) {
    (void)f;
    for (uint64_t t = 0; t < a->y->rows; t++) {
        const float *gate = tensor_f32(a->gate, t), *up = tensor_f32(a->up, t);
        float *y = tensor_f32(a->y, t);
        for (uint64_t i = 0; i < a->y->cols; i++) y[i] = vmath_silu(gate[i]) * up[i];
    }
}
