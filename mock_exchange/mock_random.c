#include "mock_random.h"

uint64_t mock_random_next(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

bool mock_random_is(uint64_t *state, double share)
{
    return (double)(mock_random_next(state) >> 11) * 0x1p-53 < share;
}
