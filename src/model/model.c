#include "model/model.h"
#include "base/mem.h"
#include "model/arch.h"
#include <stdio.h>
#include <string.h>

static bool no_family(const model_source *s, err *e) {
    char known[256];
    if (!s->arch[0])
        return err_set(e, ERR_FORMAT, "the model does not say what architecture it is") || err_where(e, "%s", s->path) ||
               err_expected(e, s->gguf ? "general.architecture" : "model_type in config.json");
    return err_set(e, ERR_UNSUPPORTED, "unknown model family '%s'", s->arch) || err_where(e, "%s", s->path) ||
           err_expected(e, "one of %s", arch_list(known, sizeof known)) || err_hint(e, "`pingti inspect` shows what the file holds");
}

bool model_read_spec(const model_source *s, model_spec *spec, const arch **a, err *e) {
    memset(spec, 0, sizeof *spec);
    *a = s->gguf ? arch_for_gguf(s->arch) : arch_for_hf(s->arch);
    if (!*a) return no_family(s, e);
    bool ok = s->gguf ? (*a)->read_gguf(s->gguf, s->arch, spec, e) : (*a)->read_hf(s->hf.config, spec, e);
    strncpy(spec->family, (*a)->name, sizeof spec->family - 1);
    return (ok && spec_check(spec, e)) || (e->where[0] == 0 && err_where(e, "%s", s->path));
}

static bool copy_factors(binder *b, tensor_names n, float *out) {
    const named_tensor *t = bind_find(b, n, 0);
    if (!t) return true;
    rope_spec *r = &b->m->spec.rope;
    if (t->type != DTYPE_F32 || t->n_dims != 1 || t->dims[0] > SPEC_MAX_PAIRS || t->dims[0] != r->dims / 2)
        return err_set(b->e, ERR_FORMAT, "tensor '%s' does not fit the rotary size", t->name) ||
               err_expected(b->e, "%u F32 values", r->dims / 2) || err_got(b->e, "%llu", (unsigned long long)t->dims[0]);
    memcpy(out, t->data, t->dims[0] * sizeof *out);
    r->n_factors = (uint32_t)t->dims[0];
    return true;
}

/* GGUF keeps rope factors as tensors. */
static bool bind_rope_factors(binder *b) {
    rope_spec *r = &b->m->spec.rope;
    if (!b->gguf) return true;
    bool has_freqs = bind_find(b, NAME_ROPE_FREQS, 0) != NULL;
    if (has_freqs) r->kind = ROPE_LLAMA3;
    if (bind_find(b, NAME_ROPE_LONG, 0)) r->kind = ROPE_LONGROPE;
    return (!has_freqs || copy_factors(b, NAME_ROPE_FREQS, r->short_factor)) && copy_factors(b, NAME_ROPE_SHORT, r->short_factor) &&
           copy_factors(b, NAME_ROPE_LONG, r->long_factor);
}

static bool bind_ends(binder *b) {
    model *m = b->m;
    const model_spec *s = &m->spec;
    if (!bind_weight(b, NAME_EMBED, 0, s->vocab, s->d, &m->embed) || !bind_norm(b, NAME_NORM, 0, s->d, &m->norm)) return false;
    if (bind_has(b, NAME_OUTPUT, 0) && !(s->tied && !b->gguf)) {
        m->spec.tied = false;
        return bind_weight(b, NAME_OUTPUT, 0, s->vocab, s->d, &m->output);
    }
    if (!s->tied && !b->gguf)
        return err_set(b->e, ERR_FORMAT, "the model has no tensor 'lm_head.weight' and does not tie it to the embedding") ||
               err_where(b->e, "%s", m->source->path) || err_hint(b->e, "the download is incomplete: fetch it again");
    m->spec.tied = true;
    m->output = m->embed;
    return true;
}

static bool bind_layers(binder *b) {
    model *m = b->m;
    m->layers = arena_try(m->mem, m->spec.layers, sizeof *m->layers);
    if (!m->layers) return err_set(b->e, ERR_MEMORY, "out of memory for %u layers", m->spec.layers);
    for (int il = 0; il < (int)m->spec.layers; il++) {
        layer *l = &m->layers[il];
        if (!bind_norm(b, NAME_ATTN_NORM, il, m->spec.d, &l->attn_norm) || !bind_norm(b, NAME_FFN_NORM, il, m->spec.d, &l->ffn_norm) ||
            !m->arch->bind_attention(b, il, l) || !m->arch->bind_ffn(b, il, l))
            return false;
    }
    return true;
}

static bool is_ignored(const model *m, const char *name) {
    int il;
    bool layer_name = sscanf(name, "model.layers.%d.", &il) == 1 || sscanf(name, "blk.%d.", &il) == 1;
    return (m->arch->mtp_layers && layer_name && il >= (int)m->spec.layers) || strstr(name, "rotary_emb.inv_freq") || strcmp(name, "lm_head.weight") == 0;
}

/* What quantizers write beside the weights: scales of activations and of the cache, which are computed here as they are, and the zeros that
 * some of them gave to every linear layer as its bias. */
static bool is_quantizer_s(const named_tensor *t) {
    static const char *const ends[] = { ".input_scale", ".output_scale", ".k_scale", ".v_scale", ".input_global_scale", ".input_zero_point", ".bias" };
    size_t n = strlen(t->name), i = 0;
    for (; i < sizeof ends / sizeof *ends; i++)
        if (n > strlen(ends[i]) && strcmp(t->name + n - strlen(ends[i]), ends[i]) == 0) break;
    if (i == sizeof ends / sizeof *ends || strcmp(ends[i], ".bias") != 0) return i < sizeof ends / sizeof *ends;
    for (uint64_t k = 0; k < t->bytes; k++)
        if (((const char *)t->data)[k]) return false;
    return true;
}

static bool is_left_out(const binder *b, const named_tensor *t) { return is_ignored(b->m, t->name) || (b->m->quant.method && is_quantizer_s(t)); }

static void note_unused(binder *b) {
    model *m = b->m;
    const tensor_set *others = b->used_others && b->m->quant.method ? safetensors_others(m->source->weights) : &(tensor_set){ 0 };
    m->unused = arena_must(m->mem, b->tensors->n + others->n, sizeof *m->unused);
    for (size_t i = 0; i < b->tensors->n; i++)
        if (!b->used[i] && !is_left_out(b, &b->tensors->items[i])) m->unused[m->n_unused++] = b->tensors->items[i].name;
    for (size_t i = 0; i < others->n; i++)
        if (!b->used_others[i] && !is_left_out(b, &others->items[i])) m->unused[m->n_unused++] = others->items[i].name;
}

static bool refuse_unused(const model *m, err *e) {
    if (!m->n_unused) return true;
    return err_set(e, ERR_UNSUPPORTED, "the model has %zu tensors that this family does not know", m->n_unused) ||
           err_where(e, "%s", m->source->path) || err_got(e, "'%s'%s", m->unused[0], m->n_unused > 1 ? " and others" : "") ||
           err_hint(e, "computing without them would be silently wrong; please report the model");
}

static bool bind_all(model *m, err *e) {
    const model_source *s = m->source;
    binder b = { .m = m, .tensors = s->tensors, .gguf = s->gguf != NULL, .used = mem_must(s->tensors->n, sizeof(bool)), .e = e };
    if (s->weights) b.used_others = mem_must(safetensors_others(s->weights)->n, sizeof(bool));
    bool ok = (!s->hf.config || hfquant_read(s->hf.config, &m->quant, e)) && bind_rope_factors(&b) && spec_check(&m->spec, e) && bind_ends(&b) && bind_layers(&b) &&
              rope_tables_make(&m->rope, &m->spec, m->mem, e);
    if (ok) {
        note_unused(&b);
        ok = refuse_unused(m, e);
    }
    free(b.used);
    free(b.used_others);
    return ok;
}

model *model_open(const model_source *s, err *e) {
    model *m = mem_must(1, sizeof *m);
    m->source = s;
    m->mem = arena_new(0);
    bool ok = model_read_spec(s, &m->spec, &m->arch, e);
    if (ok && (!s->tensors || !s->tensors->n))
        ok = err_set(e, ERR_FORMAT, "the file holds no weights") || err_where(e, "%s", s->path) ||
             err_hint(e, "a vocabulary-only file can be used with `pingti tokenize` and `pingti inspect`");
    if (ok && bind_all(m, e)) return m;
    model_close(m);
    return NULL;
}

void model_close(model *m) {
    if (!m) return;
    arena_free(m->mem);
    free(m);
}
