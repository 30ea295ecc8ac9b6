#include "backend/cpu/ref/ref.h"
#include <math.h>

void ref_xent(const fwd *f, const xent_args *a) {
    (void)f;
    for (uint64_t t = 0; t < a->x->rows; t++) {
        const float *x = tensor_f32(a->x, t);
        float max = -INFINITY;
        double sum = 0;
        for (uint64_t i = 0; i < a->x->cols; i++) max = fmaxf(max, x[i]);
        for (uint64_t i = 0; i < a->x->cols; i++) sum += exp((double)x[i] - max);
        tensor_f32(a->loss, t)[0] = a->target[t] < 0 ? 0 : (float)(log(sum) + max - x[a->target[t]]);
    }
}
