/*
 * fleet_internal: what fleet.c does for swap.c.
 */
#ifndef ARMWATCH_DAEMON_FLEET_INTERNAL_H
#define ARMWATCH_DAEMON_FLEET_INTERNAL_H

#include "daemon/fleet.h"

/* A set with all that is intended, the candidate of a swap included. Errors: -ENOMEM. */
int fleet_post_set(struct fleet *fleet);
/* Its robots follow the default again, whose model it has. */
void fleet_drop_own(struct fleet *fleet, struct assignment *own);
/* Starts the next swap that nobody but the configuration or the directory asks for, if none is
 * under way. */
void fleet_reconcile(struct fleet *fleet);

#endif
