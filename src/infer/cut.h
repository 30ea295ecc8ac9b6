/* What chooses among candidates by looking at all of them: typical, XTC, Mirostat, a temperature after the cuts. A list is in order of
 * falling weight, as draw_list gives it; weights are relative to one another, probabilities are shares of their sum. Sums are doubles,
 * added in the order of the list. Pure functions over caller-owned memory. */
#ifndef PINGTI_INFER_CUT_H
#define PINGTI_INFER_CUT_H
#include "infer/draw.h"

/* Locally typical sampling (Meister et al. 2022): the fewest tokens, by how near their surprise is to the entropy, whose probabilities
 * exceed p together. spare: as long as the list. Returns how many stay, in order. */
size_t cut_typical(draw_candidate *c, size_t n, double p, draw_candidate *spare);

/* Exclude top choices (p-e-w 2024): of the tokens with at least this probability all but the last go. */
size_t cut_xtc(draw_candidate *c, size_t n, double threshold);

/* Weights as they are at a temperature, from the tokens' logits. */
void cut_reweigh(draw_candidate *c, size_t n, const float *logits, float temperature);

/* Mirostat (Basu et al. 2021) keeps the surprise of what is drawn, in bits, near a target: tokens that would surprise more than mu
 * are left out, and mu follows. Version 1 estimates from the Zipf exponent of the likeliest tokens how many that are; 2 compares. */
size_t cut_mirostat(const draw_candidate *c, size_t n, int version, double mu, size_t n_vocab);
double cut_surprise(const draw_candidate *c, size_t n, int32_t id); /* bits; id is in the list */

/* The entropy of a list, and of the softmax of logits, in nats; n_allowed: of them that are not forbidden. */
double cut_entropy(const draw_candidate *c, size_t n);
double cut_entropy_of_logits(const float *logits, size_t n, size_t *n_allowed);
/* A temperature between least and most, by how spread the probabilities are (Koboldcpp's dynamic temperature). */
float cut_dynamic_temperature(float least, float most, float exponent, double entropy, size_t n);

/* The first token at which the running sum exceeds r times the sum of all, in the order of the list. */
int32_t cut_draw(const draw_candidate *c, size_t n, double r);
#endif
