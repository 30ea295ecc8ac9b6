/* Routing and weighing of experts. */
#include "backend/cpu/ref/ref.h"
#include "tensor/vmath.h"
#include <string.h>

static void exp_all(const float *x, float *y, size_t n) {
    for (size_t i = 0; i < n; i++) y[i] = vmath_exp(x[i]);
}

void ref_route_scores(const router_spec *s, const float *logits, float *p, void (*exp_of)(const float *x, float *y, size_t n)) {
    float max = logits[0], sum = 0;
    for (uint32_t e = 1; e < s->experts; e++) max = fmaxf(max, logits[e]);
    for (uint32_t e = 0; e < s->experts; e++) p[e] = s->sigmoid ? -logits[e] : logits[e] - max;
    exp_of(p, p, s->experts);
    for (uint32_t e = 0; e < s->experts; e++) sum += p[e];
    for (uint32_t e = 0; e < s->experts; e++) p[e] = s->sigmoid ? 1.0f / (1.0f + p[e]) : p[e] / sum;
}

static float group_score(const router_spec *s, const float *choice, uint32_t n) {
    float best = -INFINITY, second = -INFINITY;
    for (uint32_t i = 0; i < n; i++) {
        if (choice[i] > best) {
            second = best;
            best = choice[i];
        } else if (choice[i] > second) second = choice[i];
    }
    return s->group_top2 ? best + second : best;
}

static uint32_t best_of(const float *x, uint32_t n) { /* the lower index wins a tie */
    uint32_t best = 0;
    for (uint32_t i = 1; i < n; i++)
        if (x[i] > x[best]) best = i;
    return best;
}

/* Experts outside the best groups can no longer be chosen (as published their score becomes 0; -inf is the same choice as
 * long as enough experts remain, which the model's binding checks). */
static void keep_best_groups(const router_spec *s, float *choice, float *group) {
    uint32_t n = s->experts / s->groups;
    bool keep[ROUTER_MAX_GROUPS] = { 0 };
    for (uint32_t g = 0; g < s->groups; g++) group[g] = group_score(s, choice + g * n, n);
    for (uint32_t j = 0; j < s->top_groups; j++) {
        uint32_t g = best_of(group, s->groups);
        keep[g] = true;
        group[g] = -INFINITY;
    }
    for (uint32_t e = 0; e < s->experts; e++)
        if (!keep[e / n]) choice[e] = -INFINITY;
}

void ref_route_choose(const router_spec *s, const float *bias, const float *p, float *choice, int32_t *ids, float *weight) {
    for (uint32_t e = 0; e < s->experts; e++) choice[e] = bias ? p[e] + bias[e] : p[e];
    if (s->groups > 1) keep_best_groups(s, choice, choice + s->experts);
    float sum = 0;
    for (uint32_t j = 0; j < s->top_k; j++) {
        ids[j] = (int32_t)best_of(choice, s->experts);
        choice[ids[j]] = -INFINITY;
        weight[j] = p[ids[j]];
        sum += weight[j];
    }
    if (s->sigmoid) sum += 1e-20f;
    for (uint32_t j = 0; j < s->top_k; j++) weight[j] = (s->normalize ? weight[j] / sum : weight[j]) * s->scale;
}

void ref_moe_route(const fwd *f, const moe_route_args *a) {
    const router_spec *s = a->spec;
    float *p = arena_must(f->mem, s->experts, sizeof(float));
    float *choice = arena_must(f->mem, s->experts + s->groups, sizeof(float));
    for (uint64_t t = 0; t < a->logits->rows; t++) {
        ref_route_scores(s, tensor_f32(a->logits, t), p, exp_all);
        ref_route_choose(s, a->bias, p, choice, a->ids + t * s->top_k, tensor_f32(a->weight, t));
    }
}

void ref_moe_combine(const fwd *f, const moe_combine_args *a) {
    (void)f;
    uint64_t k = a->weight->cols;
    for (uint64_t t = 0; t < a->y->rows; t++) {
        float *y = tensor_f32(a->y, t);
        memset(y, 0, a->y->cols * sizeof *y);
        for (uint64_t j = 0; j < k; j++) {
            const float *x = tensor_f32(a->x, t * k + j);
            float w = tensor_f32(a->weight, t)[j];
            for (uint64_t i = 0; i < a->y->cols; i++) y[i] = fmaf(w, x[i], y[i]);
        }
    }
}
