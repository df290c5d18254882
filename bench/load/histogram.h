/* A latency histogram of logarithmic buckets, after the idea of HdrHistogram.
 *
 * Below 64 ns every value has a bucket of its own; above, each power of two is cut into 64
 * buckets, so that a percentile is never off by more than one part in 64. Recording is two shifts
 * and an addition, and takes no memory that grows with the number of messages: a load generator
 * that is busy with its own statistics would measure itself.
 */
#ifndef BENCH_HISTOGRAM_H
#define BENCH_HISTOGRAM_H

#include <stdint.h>

enum {
    HISTOGRAM_BITS = 6,
    HISTOGRAM_PARTS = 1 << HISTOGRAM_BITS,
    HISTOGRAM_BUCKETS = (64 - HISTOGRAM_BITS + 1) * HISTOGRAM_PARTS,
};

struct histogram {
    uint64_t count;
    uint64_t largest;
    uint64_t buckets[HISTOGRAM_BUCKETS];
};

static inline void histogram_record(struct histogram *histogram, uint64_t value)
{
    unsigned shift = 0;
    if (value >= HISTOGRAM_PARTS)
        shift = 63 - (unsigned)__builtin_clzll(value) - HISTOGRAM_BITS;
    /* value >> shift lies in [0, 64) for shift 0 below 64, and in [64, 128) everywhere else, so
     * that the row for shift n begins where the one before it ends. */
    histogram->buckets[shift * HISTOGRAM_PARTS + (value >> shift)]++;
    histogram->count++;
    if (value > histogram->largest)
        histogram->largest = value;
}

/* The smallest recorded value that `fraction` of all values do not exceed (the middle of its
 * bucket); 0 when nothing was recorded. */
static inline uint64_t histogram_percentile(const struct histogram *histogram, double fraction)
{
    double exact = fraction * (double)histogram->count;
    uint64_t wanted = (uint64_t)exact;
    if ((double)wanted < exact || wanted == 0)
        wanted++;

    uint64_t seen = 0;
    for (unsigned index = 0; index < HISTOGRAM_BUCKETS; index++) {
        seen += histogram->buckets[index];
        if (seen < wanted)
            continue;
        if (index < 2 * HISTOGRAM_PARTS)
            return index;
        unsigned shift = index / HISTOGRAM_PARTS - 1;
        uint64_t lowest = (uint64_t)(index - shift * HISTOGRAM_PARTS) << shift;
        return lowest + ((uint64_t)1 << shift) / 2;
    }
    return 0;
}

#endif
