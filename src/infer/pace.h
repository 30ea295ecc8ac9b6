/* How many rows of prompt a step may take beside sequences that are decoding, so that these never wait longer than a limit
 * for their next token, and the prompt gets what that leaves. Learnt from the steps that were run; it decides what runs together, never what comes out.
 *
 * A step is taken to last  decode + n (row + key depth)  seconds: decode is what a step without prompt lasts, n the prompt's rows,
 * depth the keys that a row sees on average. row and key are fitted by least squares. Owned by the engine thread. */
#ifndef PINGTI_INFER_PACE_H
#define PINGTI_INFER_PACE_H
#include <stddef.h>

typedef struct pace {
    double limit;               /* seconds that a step with decoding sequences should never last */
    double decode;              /* seconds of a step without prompt; 0: not known yet */
    double nn, nk, kk, nt, kt;  /* sums of products of n, k = n depth, and t, fading */
    double slowness;            /* how much longer than that steps beside decoding sequences lately took */
    double surprise;            /* seconds of a step against what was expected of it: the largest of late, at least 1 */
} pace;

void pace_init(pace *p, double limit);
/* A step has lasted so long: with decoding sequences or without, n rows of prompt, that see k keys together. */
void pace_note(pace *p, size_t decodes, size_t n, double k, double seconds);
/* Rows of a prompt of which `cached` are there: at most `most`, at least one. */
size_t pace_rows(const pace *p, size_t cached, size_t most);
#endif
