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
#include "daemon/host_clock.h"
#include "daemon/publisher.h"
#include "mqtt/client.h"

#include <stddef.h>
#include <stdint.h>

struct partitions;

struct intake {
    const struct config *config;   /* borrowed */
    struct fleet *fleet;           /* borrowed */
    struct publisher *publisher;   /* borrowed */
    struct partitions *partitions; /* borrowed; NULL: the robots are not parted */
    struct host_clock clock;
    /* Messages on sample topics: those that robots have received, and the three kinds behind. */
    uint64_t samples;
    uint64_t invalid_names;    /* of no valid robot name */
    uint64_t unknown;          /* of robots that could not be added */
    uint64_t unknown_retained; /* of another time and of no robot that is here now */
    uint64_t retained;         /* of all: of another time */
    uint64_t rejected;         /* refused, of all robots */
};

/* Subscribes to every sample topic. Errors: those of mqtt_client_subscribe. */
int intake_subscribe(const struct intake *intake, struct mqtt_client *client);

/* Takes a message if it is on a sample topic, of whatever robot; false if it is not. */
bool intake_message(struct intake *intake, const struct mqtt_message *message);

/* For what is assembled of other messages. The robot of that name, a new one if need be; NULL: it
 * is counted why. */
struct robot *intake_robot(struct intake *intake, const char *name, bool retained);
/* Takes the sample that is due of the robot's assembler. */
void intake_assembled(struct intake *intake, struct robot *robot, int64_t now_ns);

/* Now and then: looks whether the host's clock was set. wall_ns and now_ns (monotonic) are the two
 * clocks at one moment. */
void intake_tick(struct intake *intake, int64_t wall_ns, int64_t now_ns);

#endif
