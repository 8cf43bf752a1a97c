/*
 * telemetry: everything that /metrics tells, out of the daemon's parts.
 *
 * Families of single numbers stand in tables, of the service in telemetry.c, of a robot in
 * telemetry_robot.c; those with labels of their own have a function each. What is not known has no
 * sample. docs/metrics.md lists them all; a test holds the two together. Thread: the loop.
 */
#ifndef ARMWATCH_DAEMON_TELEMETRY_H
#define ARMWATCH_DAEMON_TELEMETRY_H

#include "base/text.h"
#include "daemon/service.h"

#include <stdint.h>

/* now_ns: monotonic. */
void telemetry_print(struct service *service, int64_t now_ns, struct text *out);

#endif
