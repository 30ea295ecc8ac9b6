#include "infer/draw.h"
#include "base/mem.h"
#include <math.h>
#include <string.h>

/* Weights are sorted into tallies by their bits: the order of positive floats. 2^17 neighbouring weights share one of the first
 * level; where the exact order matters, the members of one tally are told apart by the 9 bits below, then by the last 8. */
enum { FRACTION = 45, FIRST_SHIFT = 17, FIRST_TALLIES = FRACTION * 64 + 1, SECOND_SHIFT = 8, DIGITS = 512, LANES = 16, BLOCK = 256, GROUP = 64 };
static const float SMALLEST = 0x1p-45f, CUT_FLOOR = 1e-7f;

typedef struct draw_tally {
    uint64_t mass;
    size_t count;
} draw_tally;

bool draw_scratch_new(draw_scratch *s, size_t n_vocab, err *e) {
    *s = (draw_scratch){ mem_array(n_vocab, sizeof *s->all, e), mem_array(n_vocab, sizeof *s->part, e), mem_array(FIRST_TALLIES, sizeof *s->tally, e) };
    return s->all && s->part && s->tally;
}

void draw_scratch_free(draw_scratch *s) {
    free(s->all);
    free(s->part);
    free(s->tally);
    *s = (draw_scratch){ 0 };
}

/* Lanes keep the loop free of branches, so that the compiler vectorises it. */
static float block_max(const float *x, size_t n) {
    float lane[LANES], max = -INFINITY;
    size_t i = 0;
    for (int j = 0; j < LANES; j++) lane[j] = -INFINITY;
    for (; i + LANES <= n; i += LANES)
        for (int j = 0; j < LANES; j++) lane[j] = x[i + j] > lane[j] ? x[i + j] : lane[j];
    for (int j = 0; j < LANES; j++) max = lane[j] > max ? lane[j] : max;
    for (; i < n; i++) max = x[i] > max ? x[i] : max;
    return max;
}

int32_t draw_greedy(const float *logits, size_t n) {
    float best = -INFINITY;
    size_t block = 0;
    for (size_t i = 0; i < n; i += BLOCK) {
        float max = block_max(logits + i, n - i < BLOCK ? n - i : BLOCK);
        if (max > best) best = max, block = i;
    }
    for (size_t i = block; i < n; i++)
        if (logits[i] == best) return (int32_t)i;
    return 0; /* nothing but what is not a number */
}

/* How many of a group are not below the floor: without a branch for each, since mostly it is none. */
static int count_from(const float *x, size_t n, float floor) {
    int hits = 0;
    for (size_t i = 0; i < n; i++) hits += x[i] >= floor;
    return hits;
}

static void sift(float *heap, size_t n, float x) {
    size_t i = 0;
    for (size_t k; (k = 2 * i + 1) < n; i = k) {
        if (k + 1 < n && heap[k + 1] < heap[k]) k++;
        if (heap[k] >= x) break;
        heap[i] = heap[k];
    }
    heap[i] = x;
}

/* The k-th largest logit by a heap of the k largest so far, smallest on top; groups below it are passed. */
enum { HEAP_MOST = 256 };
static float kth_largest(const float *logits, size_t n, size_t k) {
    float heap[HEAP_MOST];
    for (size_t i = 0; i < k; i++) heap[i] = -INFINITY;
    for (size_t i = 0; i < n; i += GROUP) {
        size_t end = i + GROUP < n ? i + GROUP : n;
        if (!count_from(logits + i, end - i, heap[0])) continue;
        for (size_t j = i; j < end; j++)
            if (logits[j] > heap[0]) sift(heap, k, logits[j]);
    }
    return heap[0];
}

static float weight_floor(const draw_rule *r) {
    float least = r->top_k || (r->top_p > 0 && r->top_p < 1) ? CUT_FLOOR : SMALLEST;
    return r->min_p > least ? r->min_p : least;
}

/* A logit below this cannot be a candidate. The slack is a hundred times what rounding moves (l - max) / temperature, so nothing is
 * lost, ties of weights included; the weights themselves decide. */
static float logit_floor(const draw_rule *r, const float *logits, size_t n, float max, float least) {
    double slack = 1e-4, floor = max + r->temperature * (log(least) - slack);
    if (r->top_k && r->top_k <= HEAP_MOST) floor = fmax(floor, kth_largest(logits, n, r->top_k) - r->temperature * slack);
    return nextafterf((float)floor, -INFINITY);
}

static uint64_t mass_of(float p) { return (uint64_t)((double)p * 0x1p45); }

/* 0 for the weight 1, rising as weights fall. */
static uint32_t key_of(float p) {
    uint32_t bits;
    memcpy(&bits, &p, sizeof bits);
    return 0x3f800000u - bits;
}

static void count_in(draw_tally *t, float p) {
    t->mass += mass_of(p);
    t->count++;
}

/* Candidates in order of id, tallied. */
static size_t collect(const draw_rule *r, const float *logits, size_t n, draw_scratch *s) {
    float max = logits[draw_greedy(logits, n)], least = weight_floor(r), floor = logit_floor(r, logits, n, max, least);
    size_t kept = 0;
    memset(s->tally, 0, FIRST_TALLIES * sizeof *s->tally);
    for (size_t i = 0; i < n; i += GROUP) {
        size_t end = i + GROUP < n ? i + GROUP : n;
        if (!count_from(logits + i, end - i, floor)) continue;
        for (size_t j = i; j < end; j++) {
            if (!(logits[j] >= floor)) continue;
            float p = expf((logits[j] - max) / r->temperature);
            if (!(p >= least && p <= 1)) continue;
            count_in(&s->tally[key_of(p) >> FIRST_SHIFT], p);
            s->all[kept++] = (draw_candidate){ p, (int32_t)j };
        }
    }
    return kept;
}

/* How far to go in the order: to the k-th token, or (k 0) until the mass exceeds a bound. */
typedef struct goal {
    size_t k;
    uint64_t mass;
} goal;

/* Where that is: the token, and everything up to and with it. */
typedef struct place {
    int32_t id;
    size_t count;
    uint64_t mass;
} place;

static bool reached(const goal *g, size_t count, uint64_t mass) {
    return g->k ? count >= g->k : mass > g->mass;
}

/* The first tally at which the goal is reached, with what comes before it added to at; the last used one when none is. */
static size_t cross(const draw_tally *t, size_t n, const goal *g, place *at) {
    size_t last = 0;
    place before = *at;
    for (size_t i = 0; i < n; i++) {
        if (!t[i].count) continue;
        last = i;
        before = *at;
        if (reached(g, at->count + t[i].count, at->mass + t[i].mass)) return i;
        at->count += t[i].count;
        at->mass += t[i].mass;
    }
    *at = before;
    return last;
}

/* Of the members, those with the digit at which the goal is reached, in place. */
static size_t narrow(draw_candidate *c, size_t n, int shift, uint32_t mask, const goal *g, place *at) {
    draw_tally digits[DIGITS] = { 0 };
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) count_in(&digits[key_of(c[i].p) >> shift & mask], c[i].p);
    size_t digit = cross(digits, mask + 1, g, at);
    for (size_t i = 0; i < n; i++)
        if ((key_of(c[i].p) >> shift & mask) == digit) c[kept++] = c[i];
    return kept;
}

/* n > 0 candidates, in order of id. */
static place find(const draw_scratch *s, size_t n, const goal *g) {
    place at = { 0 };
    size_t first = cross(s->tally, FIRST_TALLIES, g, &at), kept = 0;
    for (size_t i = 0; i < n; i++)
        if (key_of(s->all[i].p) >> FIRST_SHIFT == first) s->part[kept++] = s->all[i];
    kept = narrow(s->part, kept, SECOND_SHIFT, DIGITS - 1, g, &at);
    kept = narrow(s->part, kept, 0, (1u << SECOND_SHIFT) - 1, g, &at);
    for (size_t i = 0; i < kept; i++) { /* all of one weight */
        at.id = s->part[i].id;
        at.count++;
        at.mass += mass_of(s->part[i].p);
        if (reached(g, at.count, at.mass)) break;
    }
    return at;
}

static uint64_t all_mass(const draw_scratch *s) {
    uint64_t mass = 0;
    for (size_t i = 0; i < FIRST_TALLIES; i++) mass += s->tally[i].mass;
    return mass;
}

/* Goals that a running sum reaches at `share` of the mass, or exceeds; the whole mass always does. */
static goal to_reach(double share, uint64_t mass) {
    double least = ceil(share * (double)mass);
    return (goal){ .mass = least < 1 ? 0 : least < (double)mass ? (uint64_t)least - 1 : mass - 1 };
}

static goal to_exceed(double share, uint64_t mass) {
    double most = floor(share * (double)mass);
    return (goal){ .mass = most < (double)mass ? (uint64_t)most : mass - 1 };
}

/* Where top-k and top-p end among the collected. */
static place last_that_stays(const draw_rule *rule, size_t kept, const draw_scratch *s) {
    place last = { .count = kept, .mass = all_mass(s) };
    goal g = { .k = rule->top_k };
    if (g.k && kept > g.k) last = find(s, kept, &g);
    if (!(rule->top_p > 0 && rule->top_p < 1)) return last;
    g = to_reach(rule->top_p, last.mass);
    return find(s, kept, &g);
}

int32_t draw_token(const draw_rule *rule, const float *logits, size_t n, double r, draw_scratch *s) {
    size_t kept = collect(rule, logits, n, s);
    if (!kept) return draw_greedy(logits, n); /* infinities: no weight is a number */
    goal g = to_exceed(r, last_that_stays(rule, kept, s).mass);
    return find(s, kept, &g).id;
}

/* One pass of a radix sort, stable: what is equal stays in order of id. */
static void sort_pass(const draw_candidate *from, draw_candidate *to, size_t n, int shift) {
    enum { BITS = 10 };
    size_t start[(1 << BITS) + 1] = { 0 };
    for (size_t i = 0; i < n; i++) start[(key_of(from[i].p) >> shift & ((1 << BITS) - 1)) + 1]++;
    for (size_t i = 0; i < 1 << BITS; i++) start[i + 1] += start[i];
    for (size_t i = 0; i < n; i++) to[start[key_of(from[i].p) >> shift & ((1 << BITS) - 1)]++] = from[i];
}

size_t draw_list(const draw_rule *rule, const float *logits, size_t n, draw_scratch *s, draw_candidate **list, draw_candidate **spare) {
    size_t kept = collect(rule, logits, n, s), stay = kept ? last_that_stays(rule, kept, s).count : 0;
    for (int shift = 0; shift < 30; shift += 10) { /* keys have 30 bits */
        sort_pass(s->all, s->part, kept, shift);
        draw_candidate *other = s->all;
        s->all = s->part;
        s->part = other;
    }
    *list = s->all;
    *spare = s->part;
    return stay;
}
