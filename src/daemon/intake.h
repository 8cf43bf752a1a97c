/*
 * intake: from a message on a sample topic to a window in the scorer's queue, or to the verdict
 * that readings stand still, which needs no scorer.
 *
 * Thread: the loop.
 */
#ifndef ARMWATCH_DAEMON_INTAKE_H
#define ARMWATCH_DAEMON_INTAKE_H

#include "config/config.h"
#include "daemon/fleet.h"
#include "daemon/publisher.h"
#include "mqtt/client.h"

#include <stddef.h>
#include <stdint.h>

struct intake {
    const struct config *config; /* borrowed */
    struct fleet *fleet;         /* borrowed */
    struct publisher *publisher; /* borrowed */
    uint64_t samples;            /* messages on sample topics */
    uint64_t retained;           /* of these: of another time */
    uint64_t rejected;           /* refused, of all robots */
    uint64_t unknown;            /* of robots that could not be added */
};

/* Subscribes to every sample topic. Errors: those of mqtt_client_subscribe. */
int intake_subscribe(const struct intake *intake, struct mqtt_client *client);

/* Takes a message if it is on a sample topic; false if it is not. */
bool intake_message(struct intake *intake, const struct mqtt_message *message);

#endif
