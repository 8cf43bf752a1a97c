/*
 * rng: seeded random numbers, the same on every machine and compiler.
 *
 * Source: xoshiro256++ seeded through splitmix64 (Blackman and Vigna, 2019); normals by the polar
 * method. Not for secrets. Thread: none of its own; one rng, one thread.
 */
#ifndef ARMWATCH_BASE_RNG_H
#define ARMWATCH_BASE_RNG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rng {
    uint64_t state[4];
    double spare; /* second normal of a pair */
    bool has_spare;
};

void rng_init(struct rng *rng, uint64_t seed);
uint64_t rng_next(struct rng *rng);
double rng_uniform(struct rng *rng);                 /* [0, 1), 53 bits */
double rng_normal(struct rng *rng);                  /* mean 0, standard deviation 1 */
uint64_t rng_below(struct rng *rng, uint64_t bound); /* [0, bound), unbiased; bound > 0 */
void rng_shuffle(struct rng *rng, size_t *items, size_t count);

#endif
