#include "infer/pace.h"
#include <math.h>

/* Before anything is known about rows of prompt, FIRST of them are tried. */
enum { FIRST = 16 };

/* Steps at one depth do not tell rows from keys: then attending to this many keys is taken to cost as much as the rest of a row. The
 * assumption weighs a hundredth of what was seen, so that steps at other depths overrule it at once. */
static const double KEYS_OF_A_ROW = 4096, DOUBT = 0.01, KEY_SCALE = 1024; /* keys are counted by the thousand, to be of the size of rows */

/* The shape of the cost, row against key, is a matter of the model and learnt over hundreds of steps, so that a prompt's whole depth is
 * seen; how fast the machine is beside decoding sequences right now, over a few. */
static const double FADE = 0.998, HASTE = 0.3;

/* A step should be as long as the limit allows when it takes longer than was thought by as much as the worst of late did. That is forgotten
 * by halves in some 70 steps; at first little is trusted, and a machine that stood still for a while is not the rule. */
static const double CALM = 0.99, SURPRISE_FIRST = 1.6, SURPRISE_MOST = 2.5, SAFETY = 0.85;

void pace_init(pace *p, double limit) { *p = (pace){ .limit = limit, .slowness = 1, .surprise = SURPRISE_FIRST }; }

typedef struct cost {
    double row, key; /* seconds */
} cost;

/* Least squares with the assumption (row - KEYS_OF_A_ROW key)^2 added; neither may be negative. */
static cost fit(const pace *p) {
    const double ratio = KEYS_OF_A_ROW / KEY_SCALE, weight = 1 + DOUBT * p->nn;
    double nn = p->nn + weight, nk = p->nk - weight * ratio, kk = p->kk + weight * ratio * ratio, det = nn * kk - nk * nk;
    double row = (p->nt * kk - p->kt * nk) / det, key = (p->kt * nn - p->nt * nk) / det;
    if (!(row > 0)) row = 0, key = p->kt / p->kk;
    if (!(key > 0)) key = 0, row = p->nt / p->nn;
    return (cost){ row, key / KEY_SCALE };
}

static void learn_shape(pace *p, double rows, double keys, double t) {
    p->nn = FADE * p->nn + rows * rows;
    p->nk = FADE * p->nk + rows * keys;
    p->kk = FADE * p->kk + keys * keys;
    p->nt = FADE * p->nt + rows * t;
    p->kt = FADE * p->kt + keys * t;
}

void pace_note(pace *p, size_t decodes, size_t n, double k, double seconds) {
    if (!(seconds > 0 && seconds < 1e6)) return; /* a clock that was set */
    if (!n) {
        if (decodes) p->decode = p->decode > 0 ? 0.8 * p->decode + 0.2 * seconds : seconds;
        return;
    }
    double t = fmax(seconds - (decodes ? p->decode : 0), 0.1 * seconds);
    if (decodes && p->nn > 0) {
        cost c = fit(p);
        double usual = c.row * (double)n + c.key * k, ratio = t / usual, surprise = seconds / (p->decode + p->slowness * usual);
        p->surprise = fmax(fmin(surprise, SURPRISE_MOST), 1 + CALM * (p->surprise - 1));
        p->slowness += HASTE * (fmin(fmax(ratio, 0.1), 10) - p->slowness);
    }
    learn_shape(p, (double)n, k / KEY_SCALE, t);
}

/* What may be spent: at least as much as decoding itself takes, or a large model would never read a prompt. */
static double allowance(const pace *p) { return fmax(SAFETY * p->limit / p->surprise - p->decode, p->decode); }

size_t pace_rows(const pace *p, size_t cached, size_t most) {
    double n = FIRST;
    if (p->nn > 0) {
        cost c = fit(p);
        double a = c.key / 2, b = c.row + c.key * (double)cached, room = allowance(p) / p->slowness; /* a n^2 + b n = room: the chunk's rows see each other */
        n = 2 * room / (b + sqrt(b * b + 4 * a * room)); /* a or b is above 0, and so is the room */
    }
    if (n >= (double)most) return most;
    return n < 1 ? 1 : (size_t)n; /* a prompt must get on */
}
