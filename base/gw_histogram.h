/* How values are distributed: durations, ages, sizes. Buckets are a quarter of a power of two wide,
 * so that any value is told to within a quarter, in about a kilobyte. Start zeroed. */
#ifndef GW_HISTOGRAM_H
#define GW_HISTOGRAM_H

#include <stdint.h>

enum { GW_HISTOGRAM_BUCKETS = 124 }; /* the last one: up to 2^32, and all beyond */

struct gw_histogram {
    uint64_t count, bucket[GW_HISTOGRAM_BUCKETS];
    int64_t sum, max;
};

void gw_histogram_add(struct gw_histogram *h, int64_t value); /* below 0 counts as 0 */

/* So many thousandths of the values are not above this: 500 gives the median. 0: no values. */
int64_t gw_histogram_quantile(const struct gw_histogram *h, unsigned permille);

/* How many values are in buckets that end at 'limit' or before: exact for a limit of a power of two
 * less one. */
uint64_t gw_histogram_up_to(const struct gw_histogram *h, int64_t limit);

#endif
