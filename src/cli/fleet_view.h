/*
 * fleet_view: what the instances of a fleet tell of themselves, side by side: who owns which
 * partition, and which have no owner or more than one.
 *
 * Statuses are made safe for a terminal before they are taken (fields_clean). Of each instance the
 * newest counts. Thread: one. Memory: fleet_view_deinit.
 */
#ifndef ARMWATCH_CLI_FLEET_VIEW_H
#define ARMWATCH_CLI_FLEET_VIEW_H

#include "base/json.h"
#include "base/name.h"
#include "config/partition_set.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define FLEET_VIEW_MAX 256 /* instances; more than there can be partitions */

struct fleet_instance {
    char name[NAME_MAX_LENGTH + 1];
    char state[16], version[24], reasons[128];
    bool offline;
    bool leases_fail; /* their store does not answer it */
    size_t count;     /* partitions that it is configured for; 0: it tells of none */
    struct partition_set owned;
    double robots, open_alerts, lag_s;
    double samples, uptime_s;             /* of the newest status */
    double first_samples, first_uptime_s; /* of the first that was heard in this run of it */
};

struct fleet_view {
    struct fleet_instance *instance; /* [instances], sorted by name */
    size_t instances;
    size_t count;                          /* the largest that an instance tells */
    bool counts_differ;                    /* instances are configured for different numbers */
    struct partition_set unowned, doubled; /* of those that are not offline */
    unsigned beyond;                       /* instances that found no room */
};

/* Errors: -EINVAL it is no status; -ENOSPC there are FLEET_VIEW_MAX already; -ENOMEM. */
int fleet_view_take(struct fleet_view *view, const char *name, const cJSON *status);
void fleet_view_deinit(struct fleet_view *view);

/* Each partition has one owner, and all agree on how many there are. */
bool fleet_view_is_whole(const struct fleet_view *view);

/* Samples a second: between two statuses that were heard, else since the start; 0: not known. */
double fleet_instance_rate(const struct fleet_instance *instance);

void fleet_view_text(const struct fleet_view *view, FILE *out);
cJSON *fleet_view_json(const struct fleet_view *view); /* NULL: memory is out */

#endif
