#include "mqtt/backoff.h"

#include <math.h>

#define ATTEMPTS_COUNTED 32

void mqtt_backoff_init(struct mqtt_backoff *backoff, double min_s, double max_s, uint64_t seed)
{
    *backoff = (struct mqtt_backoff){.min_s = min_s, .max_s = fmax(min_s, max_s)};
    rng_init(&backoff->rng, seed);
}

static double backoff_limit_s(const struct mqtt_backoff *backoff)
{
    return fmin(backoff->max_s, ldexp(backoff->min_s, 1 + (int)backoff->attempt));
}

double mqtt_backoff_next(struct mqtt_backoff *backoff, double online_s)
{
    double limit_s = backoff_limit_s(backoff);
    if (online_s > 2 * limit_s) {
        backoff->attempt = 0;
        limit_s = backoff_limit_s(backoff);
    }
    if (backoff->attempt < ATTEMPTS_COUNTED)
        backoff->attempt++;
    return fmax(backoff->min_s, limit_s * (0.5 + 0.5 * rng_uniform(&backoff->rng)));
}
