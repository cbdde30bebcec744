#include "gw_histogram.h"

#include <stddef.h>

/* Four to a power of two; below four each value has its own. */
static size_t bucket_of(int64_t value)
{
    size_t e = 2;

    if (value < 4)
        return value < 0 ? 0 : (size_t)value;
    if (value > UINT32_MAX)
        return GW_HISTOGRAM_BUCKETS - 1;
    while (value >> e > 1)
        e++;
    return 4 * (e - 1) + (size_t)(value >> (e - 2) & 3);
}

static int64_t bucket_end(size_t i)
{
    if (i < 4)
        return (int64_t)i;
    if (i == GW_HISTOGRAM_BUCKETS - 1)
        return INT64_MAX;
    return ((int64_t)(4 + i % 4 + 1) << (i / 4 - 1)) - 1;
}

void gw_histogram_add(struct gw_histogram *h, int64_t value)
{
    if (value < 0)
        value = 0;
    h->count++;
    h->sum = value > INT64_MAX - h->sum ? INT64_MAX : h->sum + value;
    h->bucket[bucket_of(value)]++;
    if (value > h->max)
        h->max = value;
}

int64_t gw_histogram_quantile(const struct gw_histogram *h, unsigned permille)
{
    uint64_t wanted = h->count / 1000 * permille + (h->count % 1000 * permille + 999) / 1000;
    uint64_t seen = 0;

    for (size_t i = 0; i < GW_HISTOGRAM_BUCKETS - 1; i++) {
        seen += h->bucket[i];
        if (seen && seen >= wanted)
            return bucket_end(i) < h->max ? bucket_end(i) : h->max;
    }
    return h->max;
}

uint64_t gw_histogram_up_to(const struct gw_histogram *h, int64_t limit)
{
    uint64_t n = 0;

    for (size_t i = 0; i < GW_HISTOGRAM_BUCKETS && bucket_end(i) <= limit; i++)
        n += h->bucket[i];
    return n;
}
