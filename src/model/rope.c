#include "model/rope.h"
#include <math.h>

static const float TWO_PI = 6.28318530717958647692f;

/* theta^(2i/d), rounded once. */
static float power_of(float theta, uint32_t i, uint32_t dims) { return (float)pow(theta, (float)(2 * i) / (float)dims); }

/* Llama 3.1: low frequencies divided by the factor, high ones kept, a smooth passage between. */
static float llama3_freq(const rope_spec *r, float inv) {
    float wavelength = TWO_PI / inv, factor = (float)r->factor, original = (float)r->original;
    if (wavelength < (float)(r->original / r->high_freq)) return inv;
    if (wavelength > (float)(r->original / r->low_freq)) return inv / factor;
    float smooth = (original / wavelength - (float)r->low_freq) / (float)(r->high_freq - r->low_freq);
    float divided = (1 - smooth) * inv / factor;
    return divided + smooth * inv;
}

static double yarn_dim(const rope_spec *r, double rotations) {
    return r->dims * log(r->original / (rotations * 2 * 3.14159265358979323846)) / (2 * log(r->theta));
}

static float yarn_freq(const rope_spec *r, uint32_t i, float power) {
    double low = yarn_dim(r, r->beta_fast), high = yarn_dim(r, r->beta_slow);
    if (r->truncate) {
        low = floor(low);
        high = ceil(high);
    }
    low = fmax(low, 0);
    high = fmin(high, r->dims - 1.0);
    if (low == high) high += 0.001; /* as published: avoids the division by zero */
    float ramp = fminf(fmaxf(((float)i - (float)low) / (float)(high - low), 0), 1), kept = 1 - ramp;
    float divided = 1 / ((float)r->factor * power) * (1 - kept);
    return divided + 1 / power * kept;
}

static double yarn_mscale(double factor, double mscale) { return factor <= 1 ? 1 : 0.1 * mscale * log(factor) + 1; }

static double plain_attention_factor(const rope_spec *r, double context) {
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

static double attention_factor(const rope_spec *r, double context) {
    return plain_attention_factor(r, context) * (r->attention_scale > 0 ? r->attention_scale : 1);
}

static float freq_of(const rope_spec *r, uint32_t i, float theta, const float *factor) {
    float power = power_of(theta, i, r->dims);
    switch (r->kind) {
    case ROPE_LINEAR: return 1 / power / (float)r->factor;
    case ROPE_LLAMA3: return factor ? 1 / power / factor[i] : llama3_freq(r, 1 / power);
    case ROPE_YARN: return yarn_freq(r, i, power);
    case ROPE_LONGROPE: return 1 / (factor[i] * power);
    default: return 1 / power;
    }
}

/* One more table, for sessions of up to `upto` tokens. */
static bool add_table(rope_tables *t, const model_spec *s, uint32_t upto, float theta, const float *factor, arena *mem, err *e) {
    uint32_t pairs = s->rope.dims / 2;
    float *freq = arena_must(mem, pairs ? pairs : 1, sizeof *freq);
    for (uint32_t i = 0; i < pairs; i++) {
        freq[i] = freq_of(&s->rope, i, theta, factor);
        if (!isfinite(freq[i]))
            return err_set(e, ERR_FORMAT, "the rope settings give no finite frequency for pair %u", i) ||
                   err_got(e, "theta %g, factor %g, original context %g", s->rope.theta, s->rope.factor, s->rope.original);
    }
    t->upto[t->n] = upto;
    t->table[t->n++] = (rope_table){ pairs, freq, (float)attention_factor(&s->rope, s->context), s->rope.interleaved };
    return true;
}

/* theta (f n / context - (f - 1))^(d / (d - 2)) for a session of n tokens. */
static float dynamic_theta(const model_spec *s, uint32_t n) {
    const rope_spec *r = &s->rope;
    float factor = (float)r->factor, grown = factor * (float)n / (float)s->context - (float)(r->factor - 1);
    return (float)r->theta * (float)pow(grown, (double)r->dims / (r->dims - 2.0));
}

static bool add_dynamic_tables(rope_tables *t, const model_spec *s, arena *mem, err *e) {
    uint32_t longest = rope_longest_context(s);
    for (uint64_t n = s->context; t->n < ROPE_MAX_TABLES && t->upto[t->n - 1] < longest;) {
        n = 2 * n < longest ? 2 * n : longest;
        if (!add_table(t, s, (uint32_t)n, dynamic_theta(s, (uint32_t)n), NULL, mem, e)) return false;
    }
    return true;
}

uint32_t rope_longest_context(const model_spec *s) {
    const rope_spec *r = &s->rope;
    double base = r->kind == ROPE_YARN ? r->original : s->context, longest = s->context;
    if (r->kind == ROPE_YARN || r->kind == ROPE_LINEAR || (r->kind == ROPE_DYNAMIC && r->dims > 2)) longest = fmax(longest, floor(base * r->factor));
    if (r->kind == ROPE_DYNAMIC) longest = fmin(longest, (double)s->context * (1 << (ROPE_MAX_TABLES - 1)));
    return (uint32_t)fmin(longest, 1u << 30);
}

bool rope_tables_make(rope_tables *out, const model_spec *s, arena *mem, err *e) {
    const rope_spec *r = &s->rope;
    *out = (rope_tables){ 0 };
    if (r->kind == ROPE_LONGROPE && (!r->n_factors || r->original < 1))
        return err_set(e, ERR_FORMAT, "longrope without its factors or original context") ||
               err_hint(e, "the file lacks short_factor, long_factor or original_max_position_embeddings");
    const float *first = r->n_factors ? r->short_factor : NULL;
    uint32_t upto = r->kind == ROPE_LONGROPE && r->original < s->context ? (uint32_t)r->original : s->context;
    if (!add_table(out, s, upto, (float)r->theta, first, mem, e)) return false;
    if (r->kind == ROPE_LONGROPE) return add_table(out, s, UINT32_MAX, (float)r->theta, r->long_factor, mem, e);
    return r->kind != ROPE_DYNAMIC || add_dynamic_tables(out, s, mem, e);
}

uint8_t rope_tables_choose(const rope_tables *t, size_t n_tokens) {
    uint32_t i = 0;
    while (i + 1 < t->n && n_tokens > t->upto[i]) i++;
    return (uint8_t)i;
}
