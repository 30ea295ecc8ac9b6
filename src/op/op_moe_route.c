#include "op/check.h"
#include <math.h>

void op_moe_route_check(const moe_route_args *a) {
    const router_spec *s = a->spec;
    check_f32(a->logits);
    check_rows(a->logits, a->logits->rows, s->experts);
    check_rows(a->weight, a->logits->rows, s->top_k);
    assert(a->ids && s->top_k >= 1 && s->top_k <= s->experts && s->groups <= ROUTER_MAX_GROUPS);
    if (s->groups <= 1) return;
    uint32_t members = s->experts / s->groups; /* the best groups must hold enough experts to choose from */
    assert(s->experts % s->groups == 0 && s->top_groups >= 1 && s->top_groups <= s->groups);
    assert((uint64_t)s->top_groups * members >= s->top_k && (!s->group_top2 || members >= 2));
}

/* Scores of all experts, as the op computes them. */
static void scores_of(const router_spec *s, const float *logits, float *p) {
    float max = -INFINITY, sum = 0;
    for (uint32_t e = 0; e < s->experts; e++) max = fmaxf(max, logits[e]);
    for (uint32_t e = 0; e < s->experts; e++) sum += p[e] = s->sigmoid ? 1.0f / (1.0f + expf(-logits[e])) : expf(logits[e] - max);
    for (uint32_t e = 0; e < s->experts && !s->sigmoid; e++) p[e] /= sum;
}

/* The choice itself has no gradient; the chosen weights have: through the normalization, then the scores. */
static void row_grad(const router_spec *s, const float *logits, const int32_t *ids, const float *dw, float *p, float *dp, float *dlogits) {
    float sum = s->sigmoid ? 1e-20f : 0, dot = 0, all = 0;
    scores_of(s, logits, p);
    for (uint32_t e = 0; e < s->experts; e++) dp[e] = 0;
    for (uint32_t j = 0; j < s->top_k; j++) {
        sum += p[ids[j]];
        dot += dw[j] * p[ids[j]];
    }
    for (uint32_t j = 0; j < s->top_k; j++) dp[ids[j]] = s->scale * (s->normalize ? (dw[j] - dot / sum) / sum : dw[j]);
    for (uint32_t e = 0; e < s->experts; e++) all += dp[e] * p[e];
    for (uint32_t e = 0; e < s->experts; e++) dlogits[e] += s->sigmoid ? dp[e] * p[e] * (1 - p[e]) : p[e] * (dp[e] - all);
}

void op_moe_route_grad(const fwd *f, const moe_route_args *a) {
    const router_spec *s = a->spec;
    assert(a->weight->grad);
    arena_mark mark = arena_mark_now(f->mem);
    float *p = arena_must(f->mem, s->experts, sizeof *p), *dp = arena_must(f->mem, s->experts, sizeof *dp);
    for (uint64_t t = 0; a->logits->grad && t < a->logits->rows; t++)
        row_grad(s, tensor_f32(a->logits, t), a->ids + t * s->top_k, tensor_grad(a->weight, t), p, dp, tensor_grad(a->logits, t));
    arena_release(f->mem, mark);
}
