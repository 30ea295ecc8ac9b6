#include "quantize/collect.h"
#include "convert/hf.h"
#include "model/arch.h"
#include <stdio.h>
#include <string.h>

void collect_start(collector *c, imatrix *into, const model *m, bool output) {
    *c = (collector){ .into = into, .m = m, .output = output };
    c->whole_kv = spec_is_mla(&m->spec) && m->source->gguf && m->layers[0].k_b.name && strstr(m->layers[0].k_b.name, "attn_kv_b");
}

static void add_squares(collector *c, const imatrix_entry *x, double *sums, const float *row, uint64_t n) {
    double all = 0;
    for (uint64_t i = 0; i < n; i++) {
        double v = (double)row[i] * (double)row[i];
        sums[i] += v;
        all += v;
    }
    if (all - all != 0 && !c->bad[0]) snprintf(c->bad, sizeof c->bad, "%.255s", x->name);
}

static imatrix_entry *entry(collector *c, const char *name, uint64_t cols, uint64_t matrices, uint64_t counts) {
    return c->trouble.code ? NULL : imatrix_entry_for(c->into, name, cols, matrices, counts, &c->trouble);
}

/* x[T, in], the same for every w of the op; parts of one fused matrix count once. */
static void see_linear(collector *c, const linear_args *a) {
    for (uint32_t i = 0; i < a->n; i++) {
        char name[256];
        if (!a->w[i]->name || (i && a->w[i - 1]->name == a->w[i]->name) || !gguf_name_of(c->m->arch, a->w[i]->name, name)) continue;
        if (strncmp(name, "blk.", 4) != 0 && !(c->output && strcmp(name, NAME_OUTPUT.gguf) == 0)) continue;
        imatrix_entry *x = entry(c, name, a->x->cols, 1, 1);
        for (uint64_t t = 0; x && t < a->x->rows; t++) add_squares(c, x, x->sums, tensor_f32(a->x, t), a->x->cols);
        if (x) x->counts[0] += (double)a->x->rows;
    }
}

/* Each row belongs to the expert it was sent to. */
static void see_experts(collector *c, const moe_linear_args *a) {
    uint64_t rows = a->y[0]->rows;
    for (uint32_t i = 0; i < a->n; i++) {
        char name[256];
        if (!a->w[i]->name || !gguf_name_of(c->m->arch, a->w[i]->name, name)) {
            int layer, expert; /* gate and up in one tensor, as newer transformers saves them */
            const expert_names *n = c->m->arch->experts;
            while (n && !tensor_name_fits(n->fused_gate_up, a->w[i]->name ? a->w[i]->name : "", &layer, &expert)) n = n->newer;
            if (!n) continue;
            tensor_name_fill(i ? "blk.%d.ffn_up_exps.weight" : "blk.%d.ffn_gate_exps.weight", layer, 0, name);
        }
        imatrix_entry *x = entry(c, name, a->x->cols, a->w[i]->w.n, a->w[i]->w.n);
        for (uint64_t r = 0; x && r < rows; r++) {
            uint64_t from = a->x->rows == rows ? r : r / a->top_k, expert = (uint64_t)a->ids[r];
            add_squares(c, x, x->sums + expert * x->cols, tensor_f32(a->x, from), x->cols);
            x->counts[expert]++;
        }
    }
}

/* The two halves of latent attention's kv_b, a matrix for each head; together one vector, as llama.cpp keeps them. */
static void see_heads(collector *c, const linear_heads_args *a) {
    char name[256];
    if (c->whole_kv) return; /* see_attention */
    for (uint32_t il = 0; il < c->m->spec.layers; il++) {
        if (a->w != &c->m->layers[il].k_b && a->w != &c->m->layers[il].v_b) continue;
        uint64_t cols = a->transposed ? a->n_rows : a->w->w.cols;
        tensor_name_fill(a->w == &c->m->layers[il].k_b ? NAME_K_B.gguf : NAME_V_B.gguf, (int)il, 0, name);
        imatrix_entry *x = entry(c, name, cols * a->w->w.n, 1, 1);
        for (uint64_t t = 0; x && t < a->x->rows; t++)
            for (uint64_t h = 0; h < a->w->w.n; h++) add_squares(c, x, x->sums + h * cols, tensor_f32(a->x, t) + h * a->x_step + a->x_off, cols);
        if (x) x->counts[0] += (double)a->x->rows;
        return;
    }
}

/* What an undivided kv_b is multiplied with: the latents that attention keeps. */
static void see_attention(collector *c, const attn_args *a) {
    char name[256];
    if (!c->whole_kv || !a->shared_v) return;
    tensor_name_fill(NAME_KV_B.gguf, (int)a->layer, 0, name);
    imatrix_entry *x = entry(c, name, a->v_head, 1, 1);
    for (uint64_t t = 0; x && t < a->k->rows; t++) add_squares(c, x, x->sums, tensor_f32(a->k, t), a->v_head);
    if (x) x->counts[0] += (double)a->k->rows;
}

void collect_watch(void *ctx, op_id id, const void *args) {
    switch (id) {
    case OP_ID_linear: see_linear(ctx, args); break;
    case OP_ID_moe_linear: see_experts(ctx, args); break;
    case OP_ID_linear_heads: see_heads(ctx, args); break;
    case OP_ID_attn: see_attention(ctx, args); break;
    default: break;
    }
}
