#include "backend/cpu/ref/ref.h"
#include <math.h>

static void norm_group(const float *x, const float *w, uint64_t n, float eps, float *y) {
    double lane[16] = { 0 }; /* lane j takes the elements i = j mod 16 in order of i, then the lanes are folded in halves */
    for (uint64_t i = 0; i < n; i++) lane[i % 16] += (double)x[i] * x[i]; /* the square of a float is exact in double */
    for (int half = 8; half; half /= 2)
        for (int j = 0; j < half; j++) lane[j] += lane[j + half];
    float r = (float)(1.0 / sqrt(lane[0] / (double)n + (double)eps));
    for (uint64_t i = 0; i < n; i++) y[i] = w[i] * (x[i] * r);
}

void ref_rmsnorm(const fwd *f, const rmsnorm_args *a) {
    (void)f;
    const float *w = tensor_f32(a->w, 0);
    for (uint64_t t = 0; t < a->x->rows; t++)
        for (uint64_t g = 0; g < a->x->cols; g += a->w->cols)
            norm_group(tensor_f32(a->x, t) + g, w, a->w->cols, a->eps, tensor_f32(a->y, t) + g);
}
