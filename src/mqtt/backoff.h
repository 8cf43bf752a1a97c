/*
 * backoff: how long to wait before the next attempt to connect.
 *
 * The wait doubles with each attempt, between half of it and all of it by chance. It is forgotten
 * only after a connection that lasted longer than twice the wait it came after: a broker that
 * accepts and throws out again, or two clients that share an id (a mere end of file under MQTT
 * 3.1.1, and with many brokers under 5, too), must not become a fast loop. Where there is nothing
 * to connect to, an attempt costs next to nothing, and nobody is thrown out: the wait stays short,
 * so that a broker is found soon after it is back.
 */
#ifndef ARMWATCH_MQTT_BACKOFF_H
#define ARMWATCH_MQTT_BACKOFF_H

#include "base/rng.h"

#define MQTT_BACKOFF_ABSENT_S 3.0

struct mqtt_backoff {
    double min_s, max_s;
    unsigned attempt; /* since the last connection that lasted */
    unsigned absent;  /* attempts that found nothing, in a row */
    struct rng rng;
};

void mqtt_backoff_init(struct mqtt_backoff *backoff, double min_s, double max_s, uint64_t seed);

/* A connection was lost after online_s seconds, or an attempt was turned down (0). Returns the wait
 * in seconds, min_s to max_s. */
double mqtt_backoff_next(struct mqtt_backoff *backoff, double online_s);

/* An attempt found nothing to connect to. Returns the wait in seconds, min_s to
 * MQTT_BACKOFF_ABSENT_S. */
double mqtt_backoff_absent(struct mqtt_backoff *backoff);

#endif
