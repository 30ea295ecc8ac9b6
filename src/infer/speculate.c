#include "infer/speculate.h"
#include <math.h>

/* How many tokens agree before a kind of found guesses; the likelihood assumed at first of any, which weighs as much as ASSUMED tries. */
static const size_t AGREED[GUESS_FORCED] = { 3, 4, 6, 9, 16, 32 };
static const float FIRST_SURE[SPECULATE_KINDS] = { 0.3f, 0.4f, 0.55f, 0.7f, 0.8f, 0.9f, [GUESS_FORCED] = 1, [GUESS_SPELLED] = 0.8f, [GUESS_DRAFTED] = 0.7f };
static const float ASSUMED = 2, FADE = 0.998f;

/* A guess must promise this much more than it costs: what is not known for certain shall not cost anything. */
static const double MARGIN = 1.25;

/* Until something has been seen, a row is taken to cost a tenth of a step of one row; the assumption weighs as much as one step. */
static const double ROWS_OF_A_STEP = 9, PRICE_FADE = 0.98;

void speculation_free(speculation *s) {
    lookup_free(&s->lookup);
    *s = (speculation){ 0 };
}

static uint8_t kind_of(size_t agreed) {
    uint8_t kind = 0;
    while (kind + 1 < GUESS_FORCED && agreed >= AGREED[kind + 1]) kind++;
    return kind;
}

float speculation_likelihood(const speculation *s, int kind) {
    const hit_rate *h = &s->rates[kind];
    return (h->right + ASSUMED * FIRST_SURE[kind]) / (h->tried + ASSUMED);
}

/* What is known fades, so that kinds which failed are tried again when the text may have changed. */
static void fade(speculation *s, size_t n) {
    float kept = powf(FADE, (float)(n - s->at));
    for (int i = 0; i < SPECULATE_KINDS && s->at < n; i++) s->rates[i] = (hit_rate){ kept * s->rates[i].right, kept * s->rates[i].tried };
    s->at = n;
}

void speculation_weigh(speculation *s) {
    float sure = 1;
    for (size_t i = 0; i < s->n; i++) s->guesses[i].sure = sure *= speculation_likelihood(s, s->guesses[i].kind);
}

void speculation_guess(speculation *s, const int32_t *tokens, size_t n, size_t most) {
    int32_t ids[SPECULATE_MOST];
    s->n = s->taken = 0;
    fade(s, n);
    lookup_extend(&s->lookup, tokens, n);
    lookup_match m = lookup_find(&s->lookup, tokens, n);
    if (!m.length) return;
    s->n = most < SPECULATE_MOST ? most : SPECULATE_MOST;
    lookup_copy(&m, tokens, n, ids, s->n);
    for (size_t i = 0; i < s->n; i++) s->guesses[i] = (guess){ .id = ids[i], .kind = kind_of(m.length + i) };
    speculation_weigh(s);
}

void speculation_learn(speculation *s, size_t n_right, bool refuted) {
    for (size_t i = 0; i < n_right + refuted; i++) {
        hit_rate *h = &s->rates[s->guesses[i].kind];
        h->tried++;
        h->right += i < n_right;
    }
    s->taken = s->n = 0;
}

void row_price_note(row_price *p, size_t rows, double seconds) {
    double n = (double)rows;
    if (!(seconds > 0 && seconds < 1e6)) return; /* a clock that was set */
    p->n = PRICE_FADE * p->n + 1;
    p->r = PRICE_FADE * p->r + n;
    p->rr = PRICE_FADE * p->rr + n * n;
    p->t = PRICE_FADE * p->t + seconds;
    p->rt = PRICE_FADE * p->rt + n * seconds;
}

typedef struct price {
    double base, row;
} price;

/* Least squares with the assumption (base / ROWS_OF_A_STEP - row)^2 added; neither may be negative. Only their ratio matters. */
static price fit(const row_price *p) {
    const double k = ROWS_OF_A_STEP;
    double n = p->n + 1 / (k * k), r = p->r - 1 / k, rr = p->rr + 1, det = n * rr - r * r;
    price c = { (p->t * rr - p->rt * r) / det, (p->rt * n - p->t * r) / det };
    if (!(p->n > 0)) return (price){ k, 1 };
    if (!(c.row > 0)) return (price){ p->t / p->n, p->t / p->n * 1e-3 };
    if (!(c.base > 0)) return (price){ 0, p->t / p->r };
    return c;
}

static speculation *surest(speculation *const *s, size_t n) {
    speculation *best = NULL;
    for (size_t i = 0; i < n; i++)
        if (s[i]->taken < s[i]->n && (!best || s[i]->guesses[s[i]->taken].sure > best->guesses[best->taken].sure)) best = s[i];
    return best;
}

void speculate_share(const row_price *p, speculation *const *s, size_t n, size_t n_decodes, size_t budget) {
    price c = fit(p);
    double tokens = (double)n_decodes, seconds = c.base + c.row * (double)n_decodes;
    for (speculation *next; budget && (next = surest(s, n)); budget--) {
        double sure = next->guesses[next->taken].sure;
        if (sure * seconds <= MARGIN * c.row * tokens) return; /* tokens per second would not rise */
        next->taken++;
        tokens += sure;
        seconds += c.row;
    }
}

/* Before anything is known, FIRST_DEPTH: what that brings is learnt. */
enum { FIRST_DEPTH = 4 };
size_t speculate_depth(const row_price *p, double round_seconds, const speculation *s, size_t n_decodes, size_t most) {
    price c = fit(p);
    double sure = 1, tokens = (double)n_decodes, one = c.row + round_seconds, seconds = c.base + c.row * tokens, hit = speculation_likelihood(s, GUESS_DRAFTED);
    size_t n = 0;
    if (!(round_seconds > 0) || !(p->n > 0)) return most < FIRST_DEPTH ? most : FIRST_DEPTH;
    for (; n < most && (sure *= hit) * seconds > MARGIN * one * tokens; n++) {
        tokens += sure;
        seconds += one;
    }
    return n;
}
