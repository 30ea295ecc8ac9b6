/* Random numbers as a pure function of (seed, position, draw): the order of work, the batch and the thread never matter.
 * Philox4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3", SC 2011). */
#ifndef PINGTI_BASE_RNG_H
#define PINGTI_BASE_RNG_H
#include <stdint.h>

void rng_philox(uint64_t key, uint64_t counter_hi, uint64_t counter_lo, uint32_t out[4]);
double rng_uniform(uint64_t seed, uint64_t position, uint64_t draw); /* [0,1), 53 bits */
#endif
