/* Ops whose rows are independent and cheap: the reference's own function on pieces of the rows, shared among the threads. */
#include "backend/cpu/cpu.h"
#include "backend/cpu/ref/ref.h"

enum { GRAIN = 16 };

static tensor *piece_of(const tensor *t, uint64_t from, uint64_t to, tensor *out) {
    *out = *t;
    out->rows = to - from;
    out->data = (char *)t->data + from * t->stride;
    return out;
}

typedef struct job {
    const fwd *f;
    const void *args;
} job;

static void rmsnorm_piece(void *ctx, uint64_t from, uint64_t to) {
    const job *j = ctx;
    rmsnorm_args a = *(const rmsnorm_args *)j->args;
    tensor y, x;
    a.y = piece_of(a.y, from, to, &y);
    a.x = piece_of(a.x, from, to, &x);
    ref_rmsnorm(j->f, &a);
}

static void swiglu_piece(void *ctx, uint64_t from, uint64_t to) {
    const job *j = ctx;
    swiglu_args a = *(const swiglu_args *)j->args;
    tensor y, gate, up;
    a.y = piece_of(a.y, from, to, &y);
    a.gate = piece_of(a.gate, from, to, &gate);
    a.up = piece_of(a.up, from, to, &up);
    ref_swiglu(j->f, &a);
}

static void add_piece(void *ctx, uint64_t from, uint64_t to) {
    const job *j = ctx;
    add_args a = *(const add_args *)j->args;
    tensor y, p, q;
    a.y = piece_of(a.y, from, to, &y);
    a.a = piece_of(a.a, from, to, &p);
    a.b = piece_of(a.b, from, to, &q);
    ref_add(j->f, &a);
}

static void rope_piece(void *ctx, uint64_t from, uint64_t to) {
    const job *j = ctx;
    rope_args a = *(const rope_args *)j->args;
    batch b = *a.b;
    tensor x;
    b.pos += from;
    if (b.rope) b.rope += from;
    a.b = &b;
    a.x = piece_of(a.x, from, to, &x);
    ref_rope(j->f, &a);
}

static void embed_piece(void *ctx, uint64_t from, uint64_t to) {
    const job *j = ctx;
    embed_args a = *(const embed_args *)j->args;
    tensor y;
    a.y = piece_of(a.y, from, to, &y);
    a.id += from;
    ref_embed(j->f, &a);
}

static void xent_piece(void *ctx, uint64_t from, uint64_t to) {
    const job *j = ctx;
    xent_args a = *(const xent_args *)j->args;
    tensor loss, x;
    a.loss = piece_of(a.loss, from, to, &loss);
    a.x = piece_of(a.x, from, to, &x);
    a.target += from;
    ref_xent(j->f, &a);
}

void cpu_rmsnorm(const fwd *f, const rmsnorm_args *a) { cpu_over_rows(f, a->x->rows, GRAIN, rmsnorm_piece, &(job){ f, a }); }
void cpu_swiglu(const fwd *f, const swiglu_args *a) { cpu_over_rows(f, a->y->rows, GRAIN, swiglu_piece, &(job){ f, a }); }
void cpu_add(const fwd *f, const add_args *a) { cpu_over_rows(f, a->y->rows, GRAIN, add_piece, &(job){ f, a }); }
void cpu_rope(const fwd *f, const rope_args *a) { cpu_over_rows(f, a->x->rows, GRAIN, rope_piece, &(job){ f, a }); }
void cpu_embed(const fwd *f, const embed_args *a) { cpu_over_rows(f, a->y->rows, GRAIN, embed_piece, &(job){ f, a }); }
void cpu_xent(const fwd *f, const xent_args *a) { cpu_over_rows(f, a->x->rows, 1, xent_piece, &(job){ f, a }); }

/* Moves and router choices are too small to share. */
void cpu_pack(const fwd *f, const pack_args *a) { ref_pack(f, a); }
void cpu_gather(const fwd *f, const gather_args *a) { ref_gather(f, a); }
void cpu_moe_route(const fwd *f, const moe_route_args *a) { ref_moe_route(f, a); }
void cpu_moe_combine(const fwd *f, const moe_combine_args *a) { ref_moe_combine(f, a); }
