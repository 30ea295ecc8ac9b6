/* The router: exp by a vector kernel, the choice by the reference's own code. */
#include "backend/cpu/cpu.h"
#include "backend/cpu/ref/ref.h"
#include "backend/cpu/vector.h"

enum { ROWS = 8 }; /* that a thread takes at once */

typedef struct route_job {
    const moe_route_args *a;
    const vector_kernels *k;
    float *scratch; /* [threads][2 experts + groups] */
} route_job;

static void route_rows(void *ctx, size_t piece, int worker) {
    const route_job *j = ctx;
    const moe_route_args *a = j->a;
    const router_spec *s = a->spec;
    float *p = j->scratch + (size_t)worker * (2 * (size_t)s->experts + s->groups), *choice = p + s->experts;
    for (uint64_t t = piece * ROWS; t < a->logits->rows && t < (piece + 1) * ROWS; t++) {
        ref_route_scores(s, tensor_f32(a->logits, t), p, j->k->exp);
        ref_route_choose(s, a->bias, p, choice, a->ids + t * s->top_k, tensor_f32(a->weight, t));
    }
}

void cpu_moe_route(const fwd *f, const moe_route_args *a) {
    arena_mark mark = arena_mark_now(f->mem);
    route_job j = { a, vector_active(), NULL };
    j.scratch = arena_must(f->mem, (size_t)pool_threads(f->pool) * (2 * (size_t)a->spec->experts + a->spec->groups), sizeof(float));
    pool_run(f->pool, (a->logits->rows + ROWS - 1) / ROWS, route_rows, &j);
    arena_release(f->mem, mark);
}
