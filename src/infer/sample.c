#include "infer/sample.h"
#include "base/mem.h"
#include "base/rng.h"
#include "infer/cut.h"
#include <math.h>
#include <string.h>

static bool out_of_range(err *e, const char *name, double got, const char *range) {
    return err_set(e, ERR_USAGE, "%s is out of range", name) || err_expected(e, "%s", range) || err_got(e, "%g", got);
}

static bool check_bias(const sample_params *p, size_t n_vocab, err *e) {
    if (p->n_bias > SAMPLE_MAX_BIAS) return out_of_range(e, "number of logit biases", (double)p->n_bias, "0 to 1024");
    for (size_t i = 0; i < p->n_bias; i++) {
        if (p->bias[i].id < 0 || (size_t)p->bias[i].id >= n_vocab) return out_of_range(e, "logit bias token", p->bias[i].id, "an id of the vocabulary");
        if (!(fabsf(p->bias[i].bias) <= 1000)) return out_of_range(e, "logit bias", p->bias[i].bias, "-1000 to 1000");
    }
    return true;
}

static bool cuts(const sample_params *p) {
    return p->top_k || (p->top_p > 0 && p->top_p < 1) || p->min_p > 0 || (p->typical_p > 0 && p->typical_p < 1) || p->xtc_probability > 0 || p->temperature_last;
}

static bool check_mirostat(const sample_params *p, err *e) {
    if (p->mirostat < 0 || p->mirostat > 2) return out_of_range(e, "mirostat", p->mirostat, "0 (off), 1 or 2");
    if (!(p->mirostat_tau >= 0 && p->mirostat_tau <= 100)) return out_of_range(e, "mirostat_tau", p->mirostat_tau, "0 to 100 bits");
    if (!(p->mirostat_eta >= 0 && p->mirostat_eta <= 1)) return out_of_range(e, "mirostat_eta", p->mirostat_eta, "0 to 1");
    return !p->mirostat || !cuts(p) || err_set(e, ERR_USAGE, "mirostat takes the place of top_k, top_p, min_p, typical_p, xtc and temperature_last") ||
           err_hint(e, "give either mirostat or those");
}

static bool check_dry(const dry_params *p, err *e) {
    if (!(p->multiplier >= 0 && p->multiplier <= 100)) return out_of_range(e, "dry_multiplier", p->multiplier, "0 to 100");
    if (!(p->base == 0 || (p->base >= 1 && p->base <= 100))) return out_of_range(e, "dry_base", p->base, "1 to 100, or 0 for 1.75");
    if (p->allowed > 1u << 20) return out_of_range(e, "dry_allowed", p->allowed, "0 to 1048576");
    return true;
}

bool sample_check(const sample_params *p, size_t n_vocab, err *e) {
    if (!(p->temperature >= 0 && p->temperature <= 100)) return out_of_range(e, "temperature", p->temperature, "0 to 100");
    if (!(p->dynamic_range >= 0 && p->dynamic_range <= 100)) return out_of_range(e, "dynamic_range", p->dynamic_range, "0 to 100");
    if (!(p->dynamic_exponent >= 0 && p->dynamic_exponent <= 100)) return out_of_range(e, "dynamic_exponent", p->dynamic_exponent, "0 to 100");
    if (!(p->typical_p >= 0 && p->typical_p <= 1)) return out_of_range(e, "typical_p", p->typical_p, "0 to 1");
    if (!(p->xtc_probability >= 0 && p->xtc_probability <= 1)) return out_of_range(e, "xtc_probability", p->xtc_probability, "0 to 1");
    if (!(p->xtc_threshold >= 0 && p->xtc_threshold <= 1)) return out_of_range(e, "xtc_threshold", p->xtc_threshold, "0 to 1");
    if (!(p->top_p >= 0 && p->top_p <= 1)) return out_of_range(e, "top_p", p->top_p, "0 to 1");
    if (!(p->min_p >= 0 && p->min_p <= 1)) return out_of_range(e, "min_p", p->min_p, "0 to 1");
    if (!(p->repeat_penalty >= 0 && p->repeat_penalty <= 100)) return out_of_range(e, "repeat_penalty", p->repeat_penalty, "0 to 100");
    if (!(fabsf(p->presence_penalty) <= 100)) return out_of_range(e, "presence_penalty", p->presence_penalty, "-100 to 100");
    if (!(fabsf(p->frequency_penalty) <= 100)) return out_of_range(e, "frequency_penalty", p->frequency_penalty, "-100 to 100");
    if (p->n_logprobs > SAMPLE_MAX_LOGPROBS) return out_of_range(e, "number of logprobs", p->n_logprobs, "0 to 20");
    return check_bias(p, n_vocab, e) && check_mirostat(p, e) && check_dry(&p->dry, e);
}

bool sample_scratch_new(sample_scratch *s, size_t n_vocab, err *e) {
    *s = (sample_scratch){ .work = mem_array(n_vocab, sizeof *s->work, e), .count = mem_array(n_vocab, sizeof *s->count, e),
                            .mask = mem_array((n_vocab + 63) / 64, sizeof *s->mask, e) };
    return draw_scratch_new(&s->draw, n_vocab, e) && s->work && s->count && s->mask;
}

void sample_scratch_free(sample_scratch *s) {
    draw_scratch_free(&s->draw);
    free(s->work);
    free(s->count);
    free(s->dry.repeats);
    free(s->mask);
    *s = (sample_scratch){ 0 };
}

/* log(sum exp), in double and in order of id: the same on every machine of one build. */
static double log_sum(const float *logits, size_t n) {
    float max = -INFINITY;
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        if (logits[i] > max) max = logits[i];
    for (size_t i = 0; i < n; i++) sum += exp((double)logits[i] - max);
    return max + log(sum);
}

static void top_logprobs(const float *logits, size_t n, uint32_t want, double norm, sampled *out) {
    for (size_t i = 0; i < n && want; i++) {
        float p = logits[i];
        uint32_t at = out->n_top;
        if (at == want && !(p > out->top[want - 1].logprob)) continue;
        if (at < want) out->n_top++;
        else at--;
        for (; at > 0 && p > out->top[at - 1].logprob; at--) out->top[at] = out->top[at - 1];
        out->top[at] = (token_logprob){ (int32_t)i, p };
    }
    for (uint32_t i = 0; i < out->n_top; i++) out->top[i].logprob = (float)(out->top[i].logprob - norm);
}

/* Each token of the window once, however often it came. */
static void penalize_repeats(const sample_params *p, float *logits, const int32_t *tokens, size_t n, int32_t *seen) {
    size_t window = p->repeat_last ? p->repeat_last : 64, from = n > window ? n - window : 0;
    if (p->repeat_penalty == 0 || p->repeat_penalty == 1) return;
    for (size_t i = from; i < n; i++) {
        float *l = &logits[tokens[i]];
        if (!seen[tokens[i]]++) *l = *l > 0 ? *l / p->repeat_penalty : *l * p->repeat_penalty;
    }
    for (size_t i = from; i < n; i++) seen[tokens[i]] = 0;
}

static void penalize_occurrences(const sample_params *p, float *logits, const int32_t *answer, size_t n, int32_t *count) {
    if ((p->presence_penalty == 0 && p->frequency_penalty == 0) || !n) return;
    for (size_t i = 0; i < n; i++) count[answer[i]]++;
    for (size_t i = 0; i < n; i++) {
        int32_t *times = &count[answer[i]];
        if (*times) logits[answer[i]] -= p->presence_penalty + p->frequency_penalty * (float)*times;
        *times = 0;
    }
}

static void apply_bias(const sample_params *p, float *logits) {
    for (size_t i = 0; i < p->n_bias; i++) {
        float *l = &logits[p->bias[i].id];
        *l = p->bias[i].bias <= -100 ? -INFINITY : *l + p->bias[i].bias;
    }
}

static bool changes_logits(const sample_params *p) {
    return p->n_bias || (p->repeat_penalty != 0 && p->repeat_penalty != 1) || p->presence_penalty != 0 || p->frequency_penalty != 0 || p->dry.multiplier != 0;
}

static bool needs_list(const sample_params *p) {
    return p->mirostat || p->dynamic_range > 0 || p->temperature_last || (p->typical_p > 0 && p->typical_p < 1) || p->xtc_probability > 0;
}

/* Below this a temperature leaves nothing but the likeliest token: logits divided by it would not be numbers. */
static const float COLDEST = 1e-6f;

static float dynamic(const sample_params *p, double entropy, size_t n) {
    float least = p->temperature > p->dynamic_range ? p->temperature - p->dynamic_range : 0;
    return cut_dynamic_temperature(least, p->temperature + p->dynamic_range, p->dynamic_exponent ? p->dynamic_exponent : 1, entropy, n);
}

/* The temperature where it comes first. */
static float first_temperature(const sample_params *p, const float *logits, size_t n) {
    size_t allowed;
    if (p->temperature_last) return 1;
    if (!(p->dynamic_range > 0)) return p->temperature;
    double entropy = cut_entropy_of_logits(logits, n, &allowed);
    return dynamic(p, entropy, allowed);
}

static int32_t mirostat(const sample_params *p, sample_state *s, const draw_candidate *c, size_t n, size_t n_vocab, double r) {
    double tau = p->mirostat_tau ? p->mirostat_tau : 5, eta = p->mirostat_eta ? p->mirostat_eta : 0.1f;
    if (!s->begun) *s = (sample_state){ .mu = 2 * tau, .begun = true };
    n = cut_mirostat(c, n, p->mirostat, s->mu, n_vocab);
    int32_t id = cut_draw(c, n, r);
    s->mu -= eta * (cut_surprise(c, n, id) - tau);
    return id;
}

size_t sample_candidates(const sample_params *p, const float *logits, size_t n_known, size_t position, draw_scratch *scratch, draw_candidate **list) {
    draw_rule rule = { first_temperature(p, logits, n_known), p->top_k, p->top_p, p->min_p };
    draw_candidate *spare;
    if (rule.temperature < COLDEST) return 0;
    size_t n = draw_list(&rule, logits, n_known, scratch, list, &spare);
    if (n && p->typical_p > 0 && p->typical_p < 1) n = cut_typical(*list, n, p->typical_p, spare);
    if (n && p->xtc_probability > 0 && rng_uniform(p->seed, position, 1) < p->xtc_probability) n = cut_xtc(*list, n, p->xtc_threshold ? p->xtc_threshold : 0.1f);
    if (!n || !p->temperature_last) return n;
    float last = p->dynamic_range > 0 ? dynamic(p, cut_entropy(*list, n), n) : p->temperature;
    if (last < COLDEST) return 1;
    cut_reweigh(*list, n, logits, last);
    return n;
}

static int32_t choose_from_list(const sample_params *p, sample_state *state, const float *logits, size_t n_known, size_t position, draw_scratch *scratch) {
    draw_candidate *list;
    double r = rng_uniform(p->seed, position, 0);
    size_t n = sample_candidates(p, logits, n_known, position, scratch, &list);
    if (!n) return draw_greedy(logits, n_known);
    return p->mirostat ? mirostat(p, state, list, n, n_known, r) : cut_draw(list, n, r);
}

static int32_t choose(const sample_params *p, sample_state *state, const float *logits, size_t n_known, size_t position, draw_scratch *scratch) {
    draw_rule rule = { p->temperature, p->top_k, p->top_p, p->min_p };
    if (!(p->temperature > 0)) return draw_greedy(logits, n_known);
    if (needs_list(p)) return choose_from_list(p, state, logits, n_known, position, scratch);
    return draw_token(&rule, logits, n_known, rng_uniform(p->seed, position, 0), scratch);
}

/* The logits of allowed tokens one after another, in order of id, so that what follows sees no others. Their number. */
static size_t gather_allowed(const float *logits, size_t n, const uint64_t *allowed, float *out) {
    size_t k = 0;
    for (size_t from = 0; from < n; from += 64) {
        uint64_t bits = allowed[from / 64];
        if (n - from < 64) bits &= (1ull << (n - from)) - 1;
        if (bits == UINT64_MAX) {
            memmove(out + k, logits + from, 64 * sizeof *out); /* out may be logits itself: k <= from */
            k += 64;
            continue;
        }
        for (; bits; bits &= bits - 1) out[k++] = logits[from + (size_t)__builtin_ctzll(bits)];
    }
    return k;
}

/* The k-th allowed token. */
static int32_t allowed_at(const uint64_t *allowed, size_t k) {
    size_t word = 0, here;
    while (k >= (here = (size_t)__builtin_popcountll(allowed[word]))) k -= here, word++;
    uint64_t bits = allowed[word];
    while (k--) bits &= bits - 1;
    return (int32_t)(word * 64 + (size_t)__builtin_ctzll(bits));
}

sampled sample_token(const sample_params *p, sample_state *state, const float *logits, size_t n_vocab, size_t n_known, const int32_t *tokens,
                     size_t n, size_t n_prompt, sample_scratch *scratch) {
    sampled out = { 0 };
    const float *chosen_from = logits;
    size_t usable = n_known < n_vocab ? n_known : n_vocab;
    if (changes_logits(p)) {
        memcpy(scratch->work, logits, n_vocab * sizeof *logits);
        apply_bias(p, scratch->work);
        penalize_repeats(p, scratch->work, tokens, n, scratch->count);
        penalize_occurrences(p, scratch->work, tokens + n_prompt, n - n_prompt, scratch->count);
        dry_penalize(&p->dry, scratch->work, tokens, n, &scratch->dry, scratch->count);
        chosen_from = scratch->work;
    }
    size_t among = usable;
    if (scratch->allowed) {
        among = gather_allowed(chosen_from, usable, scratch->allowed, scratch->work);
        chosen_from = scratch->work;
    }
    out.id = choose(p, state, chosen_from, among, n, &scratch->draw);
    if (scratch->allowed) out.id = chosen_from[out.id] > -INFINITY ? allowed_at(scratch->allowed, (size_t)out.id) : SAMPLE_NOTHING;
    if (out.id != SAMPLE_NOTHING && (p->want_logprob || p->n_logprobs)) {
        double norm = log_sum(logits, usable);
        top_logprobs(logits, usable, p->n_logprobs, norm, &out);
        out.logprob = (float)(logits[out.id] - norm);
    }
    return out;
}
