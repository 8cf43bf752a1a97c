#include "daemon/latency.h"

const double latency_bounds_s[LATENCY_BOUNDS] = {0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01,
                                                 0.025,   0.05,   0.1,   0.25,   0.5,   1};
/* The same, for comparisons without a division a sample. */
static const int64_t bounds_ns[LATENCY_BOUNDS] = {250000,    500000,    1000000,   2500000,
                                                  5000000,   10000000,  25000000,  50000000,
                                                  100000000, 250000000, 500000000, 1000000000};

void latency_push(struct latency *latency, int64_t duration_ns)
{
    size_t at = 0;
    if (duration_ns < 0)
        duration_ns = 0;
    while (at < LATENCY_BOUNDS && duration_ns > bounds_ns[at])
        at++;
    latency->count[at]++;
    latency->sum_ns += duration_ns;
}
