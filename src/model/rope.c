#include "model/rope.h"
#include <math.h>

static const double PI = 3.14159265358979323846;

static float plain_freq(const rope_spec *r, uint32_t i) {
    float power = (float)(2 * i) / (float)r->dims;
    return 1.0f / powf((float)r->theta, power);
}

/* Llama 3.1: low frequencies divided by the factor, high ones kept, a smooth passage between. */
static float llama3_freq(const rope_spec *r, float inv) {
    double wavelength = 2 * PI / inv, low = r->original / r->low_freq, high = r->original / r->high_freq;
    if (wavelength < high) return inv;
    if (wavelength > low) return (float)(inv / r->factor);
    double smooth = (r->original / wavelength - r->low_freq) / (r->high_freq - r->low_freq);
    return (float)((1 - smooth) * inv / r->factor + smooth * inv);
}

static double yarn_dim(const rope_spec *r, double rotations) {
    return r->dims * log(r->original / (rotations * 2 * PI)) / (2 * log(r->theta));
}

static float yarn_freq(const rope_spec *r, uint32_t i, float inv) {
    double low = yarn_dim(r, r->beta_fast), high = yarn_dim(r, r->beta_slow);
    if (r->truncate) {
        low = floor(low);
        high = ceil(high);
    }
    low = fmax(low, 0);
    high = fmin(high, r->dims - 1.0);
    if (low == high) high += 0.001; /* as published: avoids the division by zero */
    double ramp = fmin(fmax((i - low) / (high - low), 0), 1);
    return (float)(inv / r->factor * ramp + inv * (1 - ramp));
}

static double yarn_mscale(double factor, double mscale) { return factor <= 1 ? 1 : 0.1 * mscale * log(factor) + 1; }

static double attention_factor(const rope_spec *r, double context) {
    if (r->attention_factor > 0) return r->attention_factor;
    if (r->kind == ROPE_YARN) {
        if (r->mscale && r->mscale_all_dim) return yarn_mscale(r->factor, r->mscale) / yarn_mscale(r->factor, r->mscale_all_dim);
        return yarn_mscale(r->factor, 1);
    }
    if (r->kind == ROPE_LONGROPE) {
        double ratio = r->factor > 0 ? r->factor : context / r->original;
        return ratio <= 1 ? 1 : sqrt(1 + log(ratio) / log(r->original));
    }
    return 1;
}

static float freq_of(const rope_spec *r, uint32_t i, const float *factor) {
    float inv = plain_freq(r, i);
    switch (r->kind) {
    case ROPE_LINEAR: return (float)(inv / r->factor);
    case ROPE_LLAMA3: return factor ? inv / factor[i] : llama3_freq(r, inv);
    case ROPE_YARN: return yarn_freq(r, i, inv);
    case ROPE_LONGROPE: return 1.0f / (factor[i] * powf((float)r->theta, (float)(2 * i) / (float)r->dims));
    default: return inv; /* dynamic equals default up to the model's context, which is never exceeded */
    }
}

static bool fill(rope_table *t, const model_spec *s, const float *factor, arena *mem, err *e) {
    uint32_t pairs = s->rope.dims / 2;
    float *freq = arena_must(mem, pairs ? pairs : 1, sizeof *freq);
    for (uint32_t i = 0; i < pairs; i++) {
        freq[i] = freq_of(&s->rope, i, factor);
        if (!isfinite(freq[i]))
            return err_set(e, ERR_FORMAT, "the rope settings give no finite frequency for pair %u", i) ||
                   err_got(e, "theta %g, factor %g, original context %g", s->rope.theta, s->rope.factor, s->rope.original);
    }
    *t = (rope_table){ pairs, freq, (float)attention_factor(&s->rope, s->context), s->rope.interleaved };
    return true;
}

bool rope_tables_make(rope_tables *out, const model_spec *s, arena *mem, err *e) {
    const rope_spec *r = &s->rope;
    *out = (rope_tables){ .n = r->kind == ROPE_LONGROPE ? 2 : 1, .switch_at = UINT32_MAX };
    const float *first = r->n_factors ? r->short_factor : NULL;
    if (r->kind == ROPE_LONGROPE && (!r->n_factors || r->original < 1))
        return err_set(e, ERR_FORMAT, "longrope without its factors or original context") ||
               err_hint(e, "the file lacks short_factor, long_factor or original_max_position_embeddings");
    if (!fill(&out->table[0], s, first, mem, e)) return false;
    out->table[1] = out->table[0];
    if (out->n == 1) return true;
    out->switch_at = (uint32_t)r->original;
    return fill(&out->table[1], s, r->long_factor, mem, e);
}
