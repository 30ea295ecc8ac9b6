#include "infer/cut.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static double total(const draw_candidate *c, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += c[i].p;
    return sum;
}

double cut_entropy(const draw_candidate *c, size_t n) {
    double sum = total(c, n), h = 0;
    for (size_t i = 0; i < n; i++) h -= c[i].p / sum * log(c[i].p / sum);
    return h;
}

double cut_entropy_of_logits(const float *logits, size_t n, size_t *n_allowed) {
    double max = logits[draw_greedy(logits, n)], sum = 0, dot = 0;
    *n_allowed = 0;
    for (size_t i = 0; i < n; i++) {
        if (!(logits[i] > -INFINITY)) continue;
        double d = logits[i] - max, w = exp(d);
        sum += w;
        dot += w * d;
        ++*n_allowed;
    }
    return log(sum) - dot / sum;
}

float cut_dynamic_temperature(float least, float most, float exponent, double entropy, size_t n) {
    if (n < 2) return most;
    double spread = entropy / log((double)n);
    return (float)(least + (most - least) * pow(spread < 0 ? 0 : spread > 1 ? 1 : spread, exponent));
}

/* In spare the weight is the distance from the entropy and the id the place in the list, until the sort. */
static int by_distance(const void *a, const void *b) {
    const draw_candidate *x = a, *y = b;
    if (x->p != y->p) return x->p < y->p ? -1 : 1;
    return (x->id > y->id) - (x->id < y->id);
}

static int by_place(const void *a, const void *b) {
    const draw_candidate *x = a, *y = b;
    return (x->id > y->id) - (x->id < y->id);
}

size_t cut_typical(draw_candidate *c, size_t n, double p, draw_candidate *spare) {
    double sum = total(c, n), h = cut_entropy(c, n), run = 0;
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) spare[i] = (draw_candidate){ (float)fabs(-log(c[i].p / sum) - h), (int32_t)i };
    qsort(spare, n, sizeof *spare, by_distance);
    while (kept < n && run <= p * sum) run += c[spare[kept++].id].p;
    qsort(spare, kept, sizeof *spare, by_place);
    for (size_t i = 0; i < kept; i++) c[i] = c[spare[i].id]; /* places rise: nothing is read that was written */
    return kept;
}

size_t cut_xtc(draw_candidate *c, size_t n, double threshold) {
    double sum = total(c, n);
    size_t above = 0;
    while (above < n && c[above].p >= threshold * sum) above++;
    if (above < 2) return n;
    memmove(c, c + above - 1, (n - above + 1) * sizeof *c);
    return n - above + 1;
}

void cut_reweigh(draw_candidate *c, size_t n, const float *logits, float temperature) {
    float max = -INFINITY;
    for (size_t i = 0; i < n; i++) max = fmaxf(max, logits[c[i].id]);
    for (size_t i = 0; i < n; i++) c[i].p = expf((logits[c[i].id] - max) / temperature);
}

enum { ZIPF_TOKENS = 100 };

/* The number of tokens whose surprise is below mu under Zipf's law (algorithm 1 of the paper). */
static double mirostat_k(const draw_candidate *c, size_t n, double mu, size_t n_vocab) {
    double tb = 0, tt = 0;
    for (size_t i = 0; i + 1 < n && i + 1 < ZIPF_TOKENS; i++) {
        double t = log((double)(i + 2) / (double)(i + 1)), b = log((double)c[i].p / c[i + 1].p);
        tb += t * b;
        tt += t * t;
    }
    double s = tb / tt, e = s - 1;
    return pow(e * exp2(mu) / (1 - pow((double)n_vocab, -e)), 1 / s);
}

size_t cut_mirostat(const draw_candidate *c, size_t n, int version, double mu, size_t n_vocab) {
    if (version == 1) {
        double k = n > 1 ? mirostat_k(c, n, mu, n_vocab) : 1;
        return !(k >= 1) ? 1 : k < (double)n ? (size_t)k : n; /* equal weights: the estimate is not a number */
    }
    double sum = total(c, n);
    size_t kept = 0;
    while (kept < n && -log2(c[kept].p / sum) <= mu) kept++;
    return kept ? kept : 1;
}

double cut_surprise(const draw_candidate *c, size_t n, int32_t id) {
    double sum = total(c, n);
    for (size_t i = 0; i < n; i++)
        if (c[i].id == id) return -log2(c[i].p / sum);
    return 0;
}

int32_t cut_draw(const draw_candidate *c, size_t n, double r) {
    double bound = r * total(c, n), run = 0;
    for (size_t i = 0; i < n; i++)
        if ((run += c[i].p) > bound) return c[i].id;
    return c[n - 1].id;
}
