#include "model/spec.h"

static bool in_range(const char *what, uint64_t v, uint64_t min, uint64_t max, err *e) {
    if (v >= min && v <= max) return true;
    return err_set(e, ERR_FORMAT, "the model's %s is out of range", what) ||
           err_expected(e, "%llu to %llu", (unsigned long long)min, (unsigned long long)max) ||
           err_got(e, "%llu", (unsigned long long)v) || err_hint(e, "config.json or the GGUF metadata is damaged");
}

static bool check_sizes(const model_spec *s, err *e) {
    return in_range("number of layers", s->layers, 1, SPEC_MAX_LAYERS, e) && in_range("hidden size", s->d, 1, 1 << 20, e) &&
           in_range("number of attention heads", s->heads, 1, 1 << 14, e) && in_range("head size", s->head_dim, 1, 1 << 14, e) &&
           in_range("number of key-value heads", s->kv_heads, 1, s->heads, e) &&
           in_range("vocabulary size", s->vocab, 1, 1 << 24, e) && in_range("context length", s->context, 1, 1u << 30, e) &&
           in_range("feed-forward size", s->ff, s->router.experts ? 0 : 1, 1 << 24, e);
}

static bool check_attention(const model_spec *s, err *e) {
    if (s->heads % s->kv_heads)
        return err_set(e, ERR_FORMAT, "attention heads cannot be shared evenly") ||
               err_expected(e, "heads to be a multiple of key-value heads") || err_got(e, "%u and %u", s->heads, s->kv_heads);
    uint32_t rotated = spec_is_mla(s) ? s->rope_dim : s->head_dim;
    if (s->rope.dims % 2 || s->rope.dims > rotated || s->rope.dims / 2 > SPEC_MAX_PAIRS)
        return err_set(e, ERR_FORMAT, "the rotary size does not fit the heads") ||
               err_expected(e, "an even number up to %u", rotated) || err_got(e, "%u", s->rope.dims);
    if (s->rope.n_factors && s->rope.n_factors != s->rope.dims / 2)
        return err_set(e, ERR_FORMAT, "the number of rope factors does not fit") ||
               err_expected(e, "%u, one per rotated pair", s->rope.dims / 2) || err_got(e, "%u", s->rope.n_factors);
    if (spec_is_mla(s))
        return in_range("kv_lora_rank", s->kv_lora, 1, 1 << 16, e) && in_range("qk_nope_head_dim", s->nope, 1, 1 << 14, e) &&
               in_range("qk_rope_head_dim", s->rope_dim, 2, 1 << 14, e) && in_range("v_head_dim", s->v_dim, 1, 1 << 14, e) &&
               in_range("q_lora_rank", s->q_lora, 0, 1 << 20, e);
    return true;
}

static bool check_experts(const model_spec *s, err *e) {
    const router_spec *r = &s->router;
    if (!r->experts) return true;
    if (!in_range("number of experts", r->experts, 1, 1 << 14, e) || !in_range("experts per token", r->top_k, 1, r->experts, e) ||
        !in_range("expert feed-forward size", s->expert_ff, 1, 1 << 24, e))
        return false;
    if (r->groups <= 1) return true;
    if (!in_range("number of expert groups", r->groups, 2, ROUTER_MAX_GROUPS, e) ||
        !in_range("groups per token", r->top_groups, 1, r->groups, e))
        return false;
    if (r->experts % r->groups || r->experts / r->groups * r->top_groups < r->top_k || (r->group_top2 && r->experts / r->groups < 2))
        return err_set(e, ERR_FORMAT, "the expert groups do not fit the experts") ||
               err_got(e, "%u experts in %u groups, %u groups and %u experts per token", r->experts, r->groups, r->top_groups, r->top_k);
    return true;
}

bool spec_check(const model_spec *s, err *e) { return check_sizes(s, e) && check_attention(s, e) && check_experts(s, e); }
