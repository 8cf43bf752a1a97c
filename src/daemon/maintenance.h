/*
 * maintenance: the commands that hold a robot's alerts back for a while, and what becomes of them.
 *
 * Scores go on. Thread: the loop.
 */
#ifndef ARMWATCH_DAEMON_MAINTENANCE_H
#define ARMWATCH_DAEMON_MAINTENANCE_H

#include "daemon/fleet.h"
#include "daemon/publisher.h"

#include <stdbool.h>
#include <stdint.h>

struct maintenance_request {
    const char *robot; /* "" = all */
    int64_t minutes;
    const char *reason; /* "" = none */
    const char *who;    /* for the audit line */
};

/* Whether there is such a robot, heard of or configured. "" is all of them. */
bool maintenance_knows(const struct fleet *fleet, const char *robot);

/* Errors: -ENOSPC, -ENOMEM: nothing has changed. now_ns: monotonic. */
int maintenance_suspend(struct fleet *fleet, struct publisher *publisher,
                        const struct maintenance_request *request, int64_t now_ns);
int maintenance_resume(struct fleet *fleet, struct publisher *publisher,
                       const struct maintenance_request *request, int64_t now_ns);

/* Now and then: what is over is forgotten. */
void maintenance_tick(struct fleet *fleet, int64_t now_ns);

/* Wall time of a monotonic one, as it is told. */
int64_t maintenance_wall_ns(int64_t time_ns);

#endif
