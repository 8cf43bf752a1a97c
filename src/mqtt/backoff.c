#include "mqtt/backoff.h"

#include <math.h>

#define ATTEMPTS_COUNTED 32

void mqtt_backoff_init(struct mqtt_backoff *backoff, double min_s, double max_s, uint64_t seed)
{
    *backoff = (struct mqtt_backoff){.min_s = min_s, .max_s = fmax(min_s, max_s)};
    rng_init(&backoff->rng, seed);
}

static double backoff_limit_s(const struct mqtt_backoff *backoff, unsigned attempt)
{
    return fmin(backoff->max_s, ldexp(backoff->min_s, 1 + (int)attempt));
}

static double backoff_wait_s(struct mqtt_backoff *backoff, double limit_s)
{
    return fmax(backoff->min_s, limit_s * (0.5 + 0.5 * rng_uniform(&backoff->rng)));
}

static void backoff_count(unsigned *count)
{
    if (*count < ATTEMPTS_COUNTED)
        ++*count;
}

double mqtt_backoff_next(struct mqtt_backoff *backoff, double online_s)
{
    double limit_s = backoff_limit_s(backoff, backoff->attempt);
    if (online_s > 2 * limit_s) {
        backoff->attempt = 0;
        limit_s = backoff_limit_s(backoff, 0);
    }
    backoff->absent = 0;
    backoff_count(&backoff->attempt);
    return backoff_wait_s(backoff, limit_s);
}

double mqtt_backoff_absent(struct mqtt_backoff *backoff)
{
    double limit_s = fmin(MQTT_BACKOFF_ABSENT_S, backoff_limit_s(backoff, backoff->absent));
    backoff->attempt = 0;
    backoff_count(&backoff->absent);
    return backoff_wait_s(backoff, limit_s);
}
