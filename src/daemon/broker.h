/*
 * broker: the daemon's connection as its configuration describes it: address, identity, secrets,
 * last will.
 *
 * Thread: the loop.
 */
#ifndef ARMWATCH_DAEMON_BROKER_H
#define ARMWATCH_DAEMON_BROKER_H

#include "base/diag.h"
#include "config/config.h"
#include "mqtt/client.h"

struct broker_will {
    const char *topic;
    const char *text; /* retained, QoS 1 */
};

/* Starts a client. Errors: -EINVAL and -ENOENT a secret or an option is not usable; -ENOMEM. */
int broker_connect(uv_loop_t *loop, const struct config *config, const struct broker_will *will,
                   const struct mqtt_handlers *handlers, void *user,
                   struct mqtt_client **ret_client, struct diag *diag);

#endif
