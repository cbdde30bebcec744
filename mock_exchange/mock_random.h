/* Chance that is the same for the same seed, everywhere. */
#ifndef MOCK_RANDOM_H
#define MOCK_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

/* SplitMix64. *state starts with the seed. */
uint64_t mock_random_next(uint64_t *state);

/* True in that share of the cases: 0 never, 1 always. */
bool mock_random_is(uint64_t *state, double share);

#endif
