#include "grammar/number.h"
#include "base/mem.h"
#include "grammar/ecma.h"
#include "grammar/lang_impl.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MAX_DIGITS = 400, MAX_REMAINDERS = 20000 };

/* sign, whole part without leading zeros ("0" at least), fraction without trailing zeros. */
typedef struct decimal {
    bool negative;
    char whole[MAX_DIGITS + 1], fraction[MAX_DIGITS + 1];
} decimal;

static const lang *of_pattern(effort *w, const char *pattern) { return ecma_search(w, pattern, strlen(pattern)); }

static bool too_many_digits(effort *w) {
    if (w->failed) return false;
    err_set(w->e, ERR_UNSUPPORTED, "the schema has a number with too many digits");
    err_expected(w->e, "at most %d", MAX_DIGITS);
    return effort_refuse(w);
}

/* The digits of text "d.ddd" with its point moved right by `shift` places. */
static bool place_point(effort *w, const char *digits, int n, int point, decimal *d) {
    int whole = 0, fraction = 0;
    if (point > MAX_DIGITS || n - point > MAX_DIGITS) return too_many_digits(w);
    for (int i = 0; i < (point > n ? point : n); i++) {
        char c = i < n ? digits[i] : '0';
        if (i >= point) {
            if (i == point || fraction) d->fraction[fraction++] = c;
        } else if (whole || c != '0') d->whole[whole++] = c;
    }
    if (point < 0) { /* zeros between the point and the first digit */
        memmove(d->fraction - point, digits, (size_t)n);
        memset(d->fraction, '0', (size_t)-point);
        fraction = n - point;
    }
    while (fraction && d->fraction[fraction - 1] == '0') fraction--;
    if (!whole) d->whole[whole++] = '0';
    d->whole[whole] = d->fraction[fraction] = 0;
    return true;
}

/* The shortest decimal that reads back as the value, as jansson's writer and Python's repr give it. */
static bool read_real(effort *w, double x, decimal *d) {
    char text[64], digits[32];
    int n = 0, exponent;
    for (int precision = 14; precision < 17; precision++) {
        snprintf(text, sizeof text, "%.*e", precision, fabs(x));
        if (strtod(text, NULL) == fabs(x)) break;
    }
    char *e = strchr(text, 'e');
    exponent = atoi(e + 1);
    for (char *c = text; c < e; c++)
        if (*c != '.') digits[n++] = *c;
    d->negative = x < 0;
    return place_point(w, digits, n, exponent + 1, d);
}

static bool read_decimal(effort *w, const json_t *v, decimal *d) {
    *d = (decimal){ .whole = "0" };
    if (w->failed) return false;
    if (json_is_real(v)) return read_real(w, json_real_value(v), d);
    json_int_t i = json_integer_value(v);
    d->negative = i < 0;
    snprintf(d->whole, sizeof d->whole, "%llu", i < 0 ? 0ULL - (unsigned long long)i : (unsigned long long)i);
    return true;
}

static bool is_zero(const decimal *d) { return strcmp(d->whole, "0") == 0 && !d->fraction[0]; }

/* ---- languages ---- */

static const lang *positives(effort *w) { return of_pattern(w, "^(?:0|[1-9][0-9]*)(?:\\.[0-9]+)?$"); } /* and zero */
static const lang *zeros(effort *w) { return of_pattern(w, "^0(?:\\.0+)?$"); }

/* The negatives of a set of positives. */
static const lang *negated(effort *w, const lang *l) {
    l = lang_minus(w, l, zeros(w));
    if (!l) return NULL;
    lang_draft d = { .w = w };
    lang_draft_state(&d);
    lang_draft_edge(&d, 0, '-', '-', 1);
    for (uint32_t i = 0; i < l->n_states; i++) {
        uint32_t state = lang_draft_state(&d);
        d.states[state].accept = l->states[i].accept;
        for (uint32_t k = l->states[i].first; k < l->states[i].first + l->states[i].n; k++) lang_draft_edge(&d, i + 1, l->edges[k].lo, l->edges[k].hi, l->edges[k].to + 1);
    }
    return lang_draft_finish(&d);
}

static const lang *both_signs(effort *w, const lang *l) { return lang_or(w, l, negated(w, l)); }

const lang *number_all(effort *w) { return both_signs(w, positives(w)); }
const lang *number_integers(effort *w) { return both_signs(w, of_pattern(w, "^(?:0|[1-9][0-9]*)(?:\\.0+)?$")); }
const lang *number_without_point(effort *w) { return of_pattern(w, "^-?[0-9]+$"); }
const lang *number_shortest(effort *w) { return of_pattern(w, "^-?[0-9]+(?:\\.[0-9]*[1-9])?$"); }

static uint32_t digit(nfa *a, uint32_t from, int lo, int hi, uint32_t to) {
    if (lo <= hi) nfa_put(a, from, '0' + (uint32_t)lo, '0' + (uint32_t)hi, to);
    return to;
}

/* Positives above |b|: more digits; or as many, with a greater one first where they differ; or the same whole part and a greater
 * fraction. */
static const lang *greater(effort *w, const decimal *b, bool or_equal) {
    nfa a = { .w = w };
    size_t n = strlen(b->whole), m = strlen(b->fraction);
    uint32_t from = nfa_state(&a), accept = nfa_state(&a), at = from, longer = nfa_state(&a);
    uint32_t *rest = mem_must(n + 1, sizeof *rest); /* any i digits, then any fraction */
    for (size_t i = 0; i <= n; i++) {
        rest[i] = nfa_state(&a);
        if (i) digit(&a, rest[i], 0, 9, rest[i - 1]);
    }
    nfa_skip(&a, rest[0], accept); /* the fraction comes with the intersection below */
    digit(&a, from, 1, 9, rest[n]);
    nfa_skip(&a, rest[0], longer);
    digit(&a, longer, 0, 9, longer);
    nfa_put(&a, longer, '.', '.', longer);
    nfa_skip(&a, longer, accept);
    for (size_t i = 0; i < n; i++) {
        digit(&a, at, b->whole[i] - '0' + 1, 9, rest[n - 1 - i]);
        at = digit(&a, at, b->whole[i] - '0', b->whole[i] - '0', nfa_state(&a));
    }
    uint32_t point = nfa_state(&a);
    nfa_put(&a, at, '.', '.', point);
    if (or_equal && !m) nfa_skip(&a, at, accept);
    at = point;
    for (size_t i = 0; i < m; i++) {
        digit(&a, at, b->fraction[i] - '0' + 1, 9, longer);
        at = digit(&a, at, b->fraction[i] - '0', b->fraction[i] - '0', nfa_state(&a));
    }
    if (or_equal) nfa_skip(&a, at, longer);
    uint32_t zero = nfa_state(&a);
    nfa_skip(&a, at, zero);
    digit(&a, zero, 0, 0, zero);
    digit(&a, zero, 1, 9, longer);
    const lang *l = lang_of_nfa(&a, from, accept);
    free(rest);
    nfa_free(&a);
    return lang_and(w, l, positives(w));
}

const lang *number_above(effort *w, const json_t *bound, bool or_equal) {
    decimal b;
    if (!read_decimal(w, bound, &b)) return NULL;
    if (!b.negative || is_zero(&b)) return greater(w, &b, or_equal);
    return lang_or(w, positives(w), negated(w, lang_minus(w, positives(w), greater(w, &b, !or_equal))));
}

const lang *number_below(effort *w, const json_t *bound, bool or_equal) { return lang_minus(w, number_all(w), number_above(w, bound, !or_equal)); }
const lang *number_equal(effort *w, const json_t *value) { return lang_and(w, number_above(w, value, true), number_below(w, value, true)); }

/* ---- multiples ---- */

/* x is a multiple of p / 10^k when x 10^k is one of p: the remainder of the digits so far, k of them after the point; zeros after. */
typedef struct modulus {
    uint64_t p;
    unsigned k;
} modulus;

static bool read_modulus(effort *w, const json_t *of, modulus *m) {
    decimal d;
    if (!read_decimal(w, of, &d)) return false;
    m->p = 0;
    m->k = (unsigned)strlen(d.fraction);
    const char *parts[] = { d.whole, d.fraction };
    for (int i = 0; i < 2; i++)
        for (const char *c = parts[i]; *c; c++) {
            m->p = m->p * 10 + (uint64_t)(*c - '0');
            if (m->p > MAX_REMAINDERS) {
                err_set(w->e, ERR_UNSUPPORTED, "the schema's multipleOf has too many digits to be followed");
                err_expected(w->e, "at most %d without its point", MAX_REMAINDERS);
                return effort_refuse(w);
            }
        }
    return m->p > 0;
}

static bool divides(const modulus *m, uint64_t r, unsigned zeros_left) {
    for (unsigned i = 0; i < zeros_left && r; i++) r = r * 10 % m->p;
    return r == 0;
}

/* States: remainder r after j digits of the fraction is 1 + j p + r (j = 0: in the whole part); then those after the point alone. */
static const lang *multiples(effort *w, const modulus *m) {
    lang_draft d = { .w = w };
    size_t layers = m->k + 2; /* whole part, point seen, then k digits */
    if (!effort_spend(w, layers * m->p + 2)) return NULL;
    for (size_t i = 0; i < layers * m->p + 2; i++) lang_draft_state(&d);
    uint32_t p = (uint32_t)m->p, tail = (uint32_t)(layers * m->p) + 1;
    for (uint32_t x = 0; x < 10; x++) lang_draft_edge(&d, 0, '0' + x, '0' + x, 1 + x % p);
    for (uint32_t layer = 0; layer < layers; layer++)
        for (uint32_t r = 0; r < p; r++) {
            uint32_t state = 1 + layer * p + r, digits = layer ? layer - 1 : 0;
            d.states[state].accept = layer != 1 && divides(m, r, m->k - digits);
            if (layer == 0) lang_draft_edge(&d, state, '.', '.', 1 + p + r);
            if (layer && digits == m->k) {
                if (r == 0) lang_draft_edge(&d, state, '0', '0', tail);
                continue;
            }
            uint32_t next = 1 + (layer ? layer + 1 : 0) * p;
            for (uint32_t x = 0; x < 10; x++) lang_draft_edge(&d, state, '0' + x, '0' + x, next + (r * 10 + x) % p);
        }
    d.states[tail].accept = true;
    lang_draft_edge(&d, tail, '0', '0', tail);
    return lang_and(w, lang_draft_finish(&d), positives(w));
}

const lang *number_multiple(effort *w, const json_t *of) {
    modulus m;
    return read_modulus(w, of, &m) ? both_signs(w, multiples(w, &m)) : NULL;
}
