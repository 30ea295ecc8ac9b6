#include "quantize/mix.h"
#include "base/mem.h"
#include "model/arch.h"
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

static const mix all[] = {
    { "Q8_0", 7, DTYPE_Q8_0, "8.5 bits; no measurable loss" },
    { "Q6_K", 18, DTYPE_Q6_K, "6.6 bits; very small loss" },
    { "Q5_K_M", 17, DTYPE_Q5_K, "5.7 bits, sensitive matrices at 6.6; small loss" },
    { "Q5_K_S", 16, DTYPE_Q5_K, "5.5 bits" },
    { "Q4_K_M", 15, DTYPE_Q4_K, "4.8 bits, sensitive matrices at 6.6; the usual choice" },
    { "Q4_K_S", 14, DTYPE_Q4_K, "4.6 bits" },
    { "IQ4_XS", 30, DTYPE_IQ4_XS, "4.3 bits by levels of unequal distance; give an importance matrix" },
    { "IQ4_NL", 25, DTYPE_IQ4_NL, "4.5 bits by levels of unequal distance" },
    { "Q4_0", 2, DTYPE_Q4_0, "4.5 bits, the oldest and simplest" },
    { "Q4_1", 3, DTYPE_Q4_1, "5 bits, simple" },
    { "Q5_0", 8, DTYPE_Q5_0, "5.5 bits, simple" },
    { "Q5_1", 9, DTYPE_Q5_1, "6 bits, simple" },
    { "BF16", 32, DTYPE_BF16, "16 bits" },
    { "F16", 1, DTYPE_F16, "16 bits" },
    { "F32", 0, DTYPE_F32, "32 bits" },
};

enum { FTYPE_Q4_0 = 2, FTYPE_Q5_0 = 8, FTYPE_Q4_K_S = 14, FTYPE_Q4_K_M = 15, FTYPE_Q5_K_M = 17, FTYPE_IQ4_NL = 25, FTYPE_IQ4_XS = 30 };

size_t mix_count(void) { return sizeof all / sizeof *all; }
const mix *mix_at(size_t i) { return i < mix_count() ? &all[i] : NULL; }

const mix *mix_find(const char *name, err *e) {
    char list[192] = "";
    size_t n = 0;
    for (size_t i = 0; i < mix_count(); i++) {
        if (strcasecmp(all[i].name, name) == 0) return &all[i];
        n += (size_t)snprintf(list + n, sizeof list - n, "%s%s", i ? ", " : "", all[i].name);
    }
    err_set(e, ERR_USAGE, "there is no mix '%s'", name);
    err_expected(e, "%s", list);
    return NULL;
}

typedef enum role { ROLE_OTHER, ROLE_EMBED, ROLE_OUTPUT, ROLE_V, ROLE_K, ROLE_ATTN_OUT, ROLE_DOWN } role;

static bool has(const char *name, const char *part) { return strstr(name, part) != NULL; }

/* Fused qkv and DeepSeek's kv_b hold V: they count as V. */
static role role_of(const char *name) {
    if (strcmp(name, "output.weight") == 0) return ROLE_OUTPUT;
    if (strcmp(name, "token_embd.weight") == 0) return ROLE_EMBED;
    if (has(name, "attn_qkv.weight") || has(name, "attn_kv_b.weight") || has(name, "attn_v.weight")) return ROLE_V;
    if (has(name, "attn_k.weight")) return ROLE_K;
    if (has(name, "attn_output.weight")) return ROLE_ATTN_OUT;
    return has(name, "ffn_down") ? ROLE_DOWN : ROLE_OTHER;
}

bool mix_quantizes(const plan_tensor *t) {
    static const char *const kept[] = {
        "_norm.weight", "ffn_gate_inp.weight", "altup", "laurel", "per_layer_model_proj", "position_embd", "token_types.weight", "ssm_conv1d",
        "shortconv.conv.weight", "time_mix_", "attn_rel_b.weight", ".patch_embd", ".rel_pos",
    };
    size_t n = strlen(t->name);
    if (t->n_dims < 2 || n < 6 || strcmp(t->name + n - 6, "weight") != 0) return false;
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        if (has(t->name, kept[i])) return false;
    return true;
}

static int layer_of(const char *name) {
    int il = -1;
    return sscanf(name, "blk.%d.", &il) == 1 ? il : -1;
}

typedef struct mixer {
    const mix_model *m;
    const mix_options *o;
    bool tied;
    int n_v, i_v, i_down; /* V-like matrices: all, and those of earlier layers; ffn_down alike */
} mixer;

/* The first and the last eighth, and every third between. */
static bool more_bits(int i, int n) { return i < n / 8 || i >= 7 * n / 8 || (i - n / 8) % 3 == 2; }

static dtype choose_output(const mixer *x, const plan_tensor *t, dtype base) {
    if (x->o->output >= 0) return (dtype)x->o->output;
    if (t->cols % dtype_block_elems(base)) return DTYPE_Q8_0;
    return base == DTYPE_Q8_0 ? base : DTYPE_Q6_K;
}

static dtype choose_v(mixer *x, dtype base) {
    uint32_t ft = x->o->mix->file_type, group = x->m->kv_heads ? x->m->heads / x->m->kv_heads : 1;
    int i = x->i_v++;
    dtype out = base;
    if ((ft == FTYPE_IQ4_NL || ft == FTYPE_IQ4_XS) && group >= 4) out = DTYPE_Q5_K;
    else if ((ft == FTYPE_Q4_K_M || ft == FTYPE_Q5_K_M) && more_bits(i, x->n_v)) out = DTYPE_Q6_K;
    else if (ft == FTYPE_Q4_K_S && i < 4) out = DTYPE_Q5_K;
    /* 80 layers: the 70B models, whose eight heads share a V, so that it is small */
    bool large = x->m->layers == 80 && (strcmp(x->m->arch, "llama") == 0 || strcmp(x->m->arch, "qwen2") == 0);
    if (large && out == DTYPE_Q4_K) out = DTYPE_Q5_K;
    return x->m->experts == 8 ? DTYPE_Q8_0 : out;
}

static dtype choose_down(mixer *x, const plan_tensor *t, dtype base) {
    uint32_t ft = x->o->mix->file_type;
    int n = (int)x->m->layers, counted = x->i_down++, i = x->m->experts > 1 ? layer_of(t->name) : counted;
    if ((ft == FTYPE_Q4_K_M || ft == FTYPE_Q5_K_M) && more_bits(i, n)) return DTYPE_Q6_K;
    if (i >= n / 8) return base;
    if ((ft == FTYPE_IQ4_NL || ft == FTYPE_IQ4_XS) && !x->o->imatrix) return DTYPE_Q5_K;
    if (ft == FTYPE_Q4_K_S) return DTYPE_Q5_K;
    if (ft == FTYPE_Q4_0 && x->o->imatrix) return DTYPE_Q4_1;
    if (ft == FTYPE_Q5_0 && x->o->imatrix) return DTYPE_Q5_1;
    return base;
}

static dtype choose_attn_out(const mixer *x, dtype base) {
    uint32_t ft = x->o->mix->file_type;
    bool small = ft == FTYPE_IQ4_NL || ft == FTYPE_IQ4_XS || ft == FTYPE_Q4_K_S || ft == FTYPE_Q4_K_M;
    return x->m->experts == 8 && small ? DTYPE_Q5_K : base;
}

static dtype choose(mixer *x, const plan_tensor *t, dtype base) {
    role r = role_of(t->name);
    if (r == ROLE_OUTPUT || (r == ROLE_EMBED && x->tied)) return choose_output(x, t, base);
    switch (r) {
    case ROLE_V: return choose_v(x, base);
    case ROLE_K: return x->m->experts == 8 ? DTYPE_Q8_0 : base;
    case ROLE_DOWN: return choose_down(x, t, base);
    case ROLE_ATTN_OUT: return choose_attn_out(x, base);
    default: return base;
    }
}

/* A row that is not whole super-blocks takes a format of 32 with about as many bits; one that is not even that, F16. */
static dtype fit(const mixer *x, const plan_tensor *t, dtype wanted) {
    dtype got = wanted;
    if (t->cols % dtype_block_elems(got)) {
        switch (wanted) {
        case DTYPE_Q4_K: got = DTYPE_Q5_0; break;
        case DTYPE_Q5_K: got = DTYPE_Q5_1; break;
        case DTYPE_Q6_K: got = DTYPE_Q8_0; break;
        case DTYPE_IQ4_XS: got = DTYPE_IQ4_NL; break;
        default: break;
        }
        if (t->cols % dtype_block_elems(got)) got = DTYPE_F16;
        if (x->o->note) x->o->note(x->o->ctx, t, wanted, got);
    }
    return got;
}

static const mix_rule *rule_for(const mix_options *o, const char *name) {
    for (size_t i = 0; i < o->n_rules; i++)
        if (fnmatch(o->rules[i].pattern, name, 0) == 0) return &o->rules[i];
    return NULL;
}

/* A rule decides what no earlier rule does and --keep-output leaves it. */
static bool rule_fits(const plan *p, const mix_options *o, const mix_rule *rule, err *e) {
    size_t fit = 0, may_change = 0;
    for (size_t i = 0; i < p->n; i++) {
        const plan_tensor *t = &p->tensors[i];
        if (fnmatch(rule->pattern, t->name, 0) != 0) continue;
        fit++;
        if (!mix_quantizes(t)) continue;
        may_change++;
        if (rule_for(o, t->name) == rule && !(o->keep_output && role_of(t->name) == ROLE_OUTPUT)) return true;
    }
    if (may_change && o->keep_output && rule_for(o, "output.weight") == rule)
        return err_set(e, ERR_USAGE, "--tensor '%s' and --keep-output contradict each other", rule->pattern) || err_hint(e, "leave one of them out");
    if (may_change) return err_set(e, ERR_USAGE, "--tensor '%s' decides nothing: an earlier --tensor names the same", rule->pattern) || err_hint(e, "the first that fits a name counts");
    if (fit) return err_set(e, ERR_USAGE, "--tensor '%s' names only tensors that keep their format", rule->pattern) || err_expected(e, "matrices; norms, routers and tables stay as they are");
    return err_set(e, ERR_USAGE, "no tensor of this model has a name like '%s'", rule->pattern) || err_hint(e, "`pingti quantize --dry-run` lists the names; * stands for any part of one");
}

static bool role_is_there(const plan *p, role r) {
    for (size_t i = 0; i < p->n; i++)
        if (role_of(p->tensors[i].name) == r) return true;
    return false;
}

/* --keep-output, --output-type and --embedding-type each decide something. */
static bool ends_fit(const plan *p, const mix_options *o, err *e) {
    bool there = role_is_there(p, ROLE_OUTPUT);
    const mix_rule *out = rule_for(o, "output.weight"), *in = rule_for(o, "token_embd.weight");
    if (o->keep_output && o->output >= 0) return err_set(e, ERR_USAGE, "--output-type and --keep-output contradict each other") || err_hint(e, "leave one of them out");
    bool by_mix = !o->pure && dtype_block_elems(o->mix->base) > 1; /* then a shared embedding counts as the output */
    if (!there && (o->keep_output || (o->output >= 0 && !by_mix)))
        return err_set(e, ERR_USAGE, "%s does nothing: this model has no output matrix of its own", o->keep_output ? "--keep-output" : "--output-type") ||
               err_hint(e, "its embedding is used for that: --embedding-type");
    if (o->output >= 0 && there && out) return err_set(e, ERR_USAGE, "--output-type does nothing: --tensor '%s' decides the output matrix", out->pattern) || err_hint(e, "leave one of them out");
    if (o->output >= 0 && !there && (in || o->embedding >= 0))
        return err_set(e, ERR_USAGE, "--output-type does nothing: the output matrix is the embedding, and that is decided by %s", in ? "--tensor" : "--embedding-type") || err_hint(e, "leave one of them out");
    if (o->embedding >= 0 && in) return err_set(e, ERR_USAGE, "--embedding-type does nothing: --tensor '%s' decides the embedding", in->pattern) || err_hint(e, "leave one of them out");
    return true;
}

bool mix_rules_fit(const plan *p, const mix_options *o, err *e) {
    for (size_t r = 0; r < o->n_rules; r++)
        if (!rule_fits(p, o, &o->rules[r], e)) return false;
    return ends_fit(p, o, e);
}

static void decide(mixer *x, plan_tensor *t) {
    const mix_options *o = x->o;
    dtype base = o->mix->base;
    role r = role_of(t->name);
    if (!mix_quantizes(t) || (o->keep_output && r == ROLE_OUTPUT)) return;
    const mix_rule *rule = rule_for(o, t->name);
    if (rule) base = rule->type;
    else if (r == ROLE_EMBED && o->embedding >= 0) base = (dtype)o->embedding;
    else if (r == ROLE_OUTPUT && o->output >= 0) base = (dtype)o->output;
    else if (!o->pure && dtype_block_elems(base) > 1) base = choose(x, t, base);
    t->to = fit(x, t, base);
}

typedef struct place {
    const char *name;
    plan_tensor *t;
} place;

/* By layer, then by name: the order in which the rules count. */
static int by_layer(const void *a, const void *b) {
    const place *x = a, *y = b;
    int i = layer_of(x->name), j = layer_of(y->name);
    return i != j ? (i < j ? -1 : 1) : strcmp(x->name, y->name);
}

void mix_apply(plan *p, const mix_model *m, const mix_options *o) {
    mixer x = { .m = m, .o = o, .tied = true };
    place *order = mem_must(p->n, sizeof *order);
    for (size_t i = 0; i < p->n; i++) {
        order[i] = (place){ p->tensors[i].name, &p->tensors[i] };
        x.n_v += role_of(p->tensors[i].name) == ROLE_V;
        x.tied = x.tied && role_of(p->tensors[i].name) != ROLE_OUTPUT;
    }
    qsort(order, p->n, sizeof *order, by_layer);
    for (size_t i = 0; i < p->n; i++) decide(&x, order[i].t);
    free(order);
}

bool mix_read_model(const gguf *g, mix_model *m, err *e) {
    gguf_text arch = { "", 0 };
    *m = (mix_model){ 0 };
    if (!gguf_str(g, "general.architecture", &arch, e)) return false;
    snprintf(m->arch, sizeof m->arch, "%.*s", (int)(arch.len < sizeof m->arch ? arch.len : sizeof m->arch - 1), arch.data);
    if (!gguf_arch_int(g, m->arch, "block_count", 1 << 20, &m->layers, e) || !gguf_arch_int(g, m->arch, "expert_count", 1 << 20, &m->experts, e)) return false;
    /* One number for all layers, or a list of them (then the rules that ask for it do not apply). */
    gguf_arch_int(g, m->arch, "attention.head_count", 1 << 20, &m->heads, NULL);
    m->kv_heads = m->heads;
    gguf_arch_int(g, m->arch, "attention.head_count_kv", 1 << 20, &m->kv_heads, NULL);
    return true;
}
