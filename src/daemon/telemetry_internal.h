/*
 * telemetry_internal: the part of telemetry.c that is about robots.
 */
#ifndef ARMWATCH_DAEMON_TELEMETRY_INTERNAL_H
#define ARMWATCH_DAEMON_TELEMETRY_INTERNAL_H

#include "daemon/telemetry.h"

/* Families with a sample, or several, of each robot. */
void telemetry_robots(const struct fleet *fleet, int64_t now_ns, struct text *out);

#endif
