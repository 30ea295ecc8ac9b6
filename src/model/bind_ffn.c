/* Binding of the feed-forward forms: gated, fused, experts. */
#include "model/bind.h"
#include <stdio.h>
#include <string.h>

bool bind_gated_ffn(binder *b, int il, layer *l) {
    const model_spec *s = &b->m->spec;
    ffn_weights *f = &l->ffn;
    if (!bind_weight(b, NAME_GATE, il, s->ff, s->d, &f->gate) || !bind_weight(b, NAME_UP, il, s->ff, s->d, &f->up) ||
        !bind_weight(b, NAME_DOWN, il, s->d, s->ff, &f->down))
        return false;
    return !s->mlp_bias || (bind_bias(b, NAME_GATE_BIAS, il, s->ff, &f->gate.bias) && bind_bias(b, NAME_UP_BIAS, il, s->ff, &f->up.bias) &&
                            bind_bias(b, NAME_DOWN_BIAS, il, s->d, &f->down.bias));
}

bool bind_fused_ffn(binder *b, int il, layer *l) {
    const model_spec *s = &b->m->spec;
    uint64_t ff = s->ff;
    return bind_weight_rows(b, NAME_GATE_UP, il, 2 * ff, 0, ff, s->d, &l->ffn.gate) &&
           bind_weight_rows(b, NAME_GATE_UP, il, 2 * ff, ff, ff, s->d, &l->ffn.up) && bind_weight(b, NAME_DOWN, il, s->d, ff, &l->ffn.down);
}

/* One expert matrix per tensor (Hugging Face, old GGUF): the stack is a list of where each starts. */
static bool bind_apart(binder *b, int il, const char *hf, const char *gguf, uint64_t rows, uint64_t cols, weight *w) {
    uint32_t n = b->m->spec.router.experts;
    const void **parts = arena_try(b->m->mem, n, sizeof *parts);
    const float **scales = arena_try(b->m->mem, n, sizeof *scales);
    if (!parts || !scales) return err_set(b->e, ERR_MEMORY, "out of memory for %u experts", n);
    for (uint32_t e = 0; e < n; e++) {
        char name[2][256]; /* fill the expert, leave the layer */
        const char *pattern[2] = { hf, gguf };
        for (int i = 0; i < 2; i++) {
            const char *hole = strstr(strstr(pattern[i], "%d") + 2, "%d");
            snprintf(name[i], sizeof name[i], "%.*s%u%s", (int)(hole - pattern[i]), pattern[i], e, hole + 2);
        }
        weight one = { 0 };
        if (!bind_weight(b, (tensor_names){ name[0], name[1] }, il, rows, cols, &one)) return false;
        if (e && one.w.type != w->w.type && !(one.w.grouped && w->w.grouped))
            return err_set(b->e, ERR_UNSUPPORTED, "experts of layer %d are stored in different formats", il) ||
                   err_got(b->e, "%s and %s", dtype_name(w->w.type), dtype_name(one.w.type));
        if (!e) *w = one;
        if (one.w.grouped && !bind_grouped_stack(b, w, &one, n, e, 0)) return false;
        if (one.w.factor) return err_set(b->e, ERR_UNSUPPORTED, "a scale beside '%s', one expert of several", one.name);
        parts[e] = one.w.data;
        scales[e] = one.w.block_scale;
    }
    w->w.n = n;
    w->w.parts = w->w.grouped ? NULL : parts;
    w->w.scale_parts = w->w.block_scale ? scales : NULL;
    return true;
}

/* [E, 2*ff, d] as newer transformers saves it: gate and up are halves of each matrix. */
static bool bind_fused_experts(binder *b, const named_tensor *gate_up, const named_tensor *down, ffn_weights *f) {
    const model_spec *s = &b->m->spec;
    uint32_t n = s->router.experts;
    const void **up = arena_try(b->m->mem, n, sizeof *up), **gate = arena_try(b->m->mem, n, sizeof *gate);
    if (!up || !gate) return err_set(b->e, ERR_MEMORY, "out of memory for %u experts", n);
    if (!bind_matrices(b, gate_up, n, 2ull * s->expert_ff, s->d, &f->gate) || !bind_matrices(b, down, n, s->d, s->expert_ff, &f->down))
        return false;
    f->gate.w.rows = s->expert_ff;
    f->up = f->gate;
    for (uint32_t e = 0; e < n; e++) {
        gate[e] = (const char *)gate_up->data + e * 2ull * s->expert_ff * f->gate.w.stride;
        up[e] = (const char *)gate[e] + s->expert_ff * f->gate.w.stride;
    }
    f->gate.w.parts = gate;
    f->up.w.parts = up;
    return true;
}

static bool bind_stacked(binder *b, int il, ffn_weights *f) {
    const model_spec *s = &b->m->spec;
    const named_tensor *gate = bind_find(b, (tensor_names){ NULL, "blk.%d.ffn_gate_exps.weight" }, il);
    const named_tensor *up = bind_find(b, (tensor_names){ NULL, "blk.%d.ffn_up_exps.weight" }, il);
    const named_tensor *down = bind_find(b, (tensor_names){ NULL, "blk.%d.ffn_down_exps.weight" }, il);
    if (!gate || !up || !down)
        return err_set(b->e, ERR_FORMAT, "layer %d lacks some of its expert tensors", il) || err_where(b->e, "%s", b->m->source->path) ||
               err_expected(b->e, "ffn_gate_exps, ffn_up_exps and ffn_down_exps");
    return bind_matrices(b, gate, s->router.experts, s->expert_ff, s->d, &f->gate) &&
           bind_matrices(b, up, s->router.experts, s->expert_ff, s->d, &f->up) &&
           bind_matrices(b, down, s->router.experts, s->d, s->expert_ff, &f->down);
}

static bool bind_expert_matrices(binder *b, int il, const expert_names *n, ffn_weights *f) {
    const model_spec *s = &b->m->spec;
    if (bind_find(b, (tensor_names){ NULL, "blk.%d.ffn_gate_exps.weight" }, il)) return bind_stacked(b, il, f);
    const named_tensor *gate_up = bind_find(b, (tensor_names){ n->fused_gate_up, NULL }, il);
    const named_tensor *down = bind_find(b, (tensor_names){ n->fused_down, NULL }, il);
    if (gate_up && down) return bind_fused_experts(b, gate_up, down, f);
    return bind_apart(b, il, n->gate, "blk.%d.ffn_gate.%d.weight", s->expert_ff, s->d, &f->gate) &&
           bind_apart(b, il, n->up, "blk.%d.ffn_up.%d.weight", s->expert_ff, s->d, &f->up) &&
           bind_apart(b, il, n->down, "blk.%d.ffn_down.%d.weight", s->d, s->expert_ff, &f->down);
}

static bool bind_shared(binder *b, int il, const expert_names *n, ffn_weights *f) {
    const model_spec *s = &b->m->spec;
    return bind_weight(b, (tensor_names){ n->shared_gate, "blk.%d.ffn_gate_shexp.weight" }, il, s->shared_ff, s->d, &f->gate) &&
           bind_weight(b, (tensor_names){ n->shared_up, "blk.%d.ffn_up_shexp.weight" }, il, s->shared_ff, s->d, &f->up) &&
           bind_weight(b, (tensor_names){ n->shared_down, "blk.%d.ffn_down_shexp.weight" }, il, s->d, s->shared_ff, &f->down);
}

bool bind_experts(binder *b, int il, const expert_names *n, layer *l) {
    const model_spec *s = &b->m->spec;
    tensor_names bias = { n->router_bias, "blk.%d.exp_probs_b.bias" }, old_bias = { NULL, "blk.%d.exp_probs_b" };
    if (!bind_weight(b, (tensor_names){ n->router, "blk.%d.ffn_gate_inp.weight" }, il, s->router.experts, s->d, &l->router)) return false;
    if (s->router_bias && !bind_bias(b, bind_find(b, old_bias, il) ? old_bias : bias, il, s->router.experts, &l->router_bias)) return false;
    if (!bind_expert_matrices(b, il, n, &l->experts)) return false;
    return !s->shared_ff || bind_shared(b, il, n, &l->shared);
}
