/*
 * assembly: messages that bring single tags, through each robot's assembler, to its samples.
 *
 * Beside intake, which takes whole samples; what comes out of an assembler goes the same way from
 * there. Thread: the loop.
 */
#ifndef ARMWATCH_DAEMON_ASSEMBLY_H
#define ARMWATCH_DAEMON_ASSEMBLY_H

#include "base/json.h"
#include "daemon/intake.h"
#include "pipeline/assembler.h"
#include "source/source_read.h"
#include "source/source_sparkplug.h"

#include <stdbool.h>
#include <stdint.h>

struct assembly {
    struct intake *intake;              /* borrowed */
    struct source_map *map;             /* NULL: whole samples only */
    struct source_sparkplug *sparkplug; /* NULL: no source is of it */
    struct delivery *delivery;          /* the message that is being read */
    uint64_t messages, tags;
    uint64_t refused[SOURCE_REFUSALS]; /* messages, or parts of them */
    uint64_t refused_sparkplug;        /* messages; the reasons are there */
    uint64_t lost;         /* tags of robots that could not be added, or had no memory */
    uint64_t refused_tags; /* of all robots; the reasons are theirs */
};

/* Reads the file that the configuration names, if it names one. Errors: those of source_map_load.
 */
int assembly_init(struct assembly *assembly, struct intake *intake, struct diag *diag);
void assembly_deinit(struct assembly *assembly);

/* Another configuration, of which the gate counts. */
void assembly_renew(struct assembly *assembly);

/* Subscribes to every source. Errors: those of mqtt_client_subscribe. */
int assembly_subscribe(const struct assembly *assembly, struct mqtt_client *client);

/* Takes a message if it is of a source; false if it is not. */
bool assembly_message(struct assembly *assembly, const struct mqtt_message *message);

/* The connection is there, after it was not: messages may have been missed. */
void assembly_missed(struct assembly *assembly);
/* Now and then. now_ns: monotonic. */
void assembly_tick(struct assembly *assembly, int64_t now_ns);

/* Its counters, for the status; nothing without sources. */
void assembly_add_counters(const struct assembly *assembly, cJSON *root);

#endif
