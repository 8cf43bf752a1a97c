/*
 * shadow_report: what a candidate has come to beside the live model, over the same windows.
 *
 * Thread: the loop.
 */
#ifndef ARMWATCH_DAEMON_SHADOW_REPORT_H
#define ARMWATCH_DAEMON_SHADOW_REPORT_H

#include "base/json.h"
#include "base/name.h"
#include "daemon/shadow_match.h"

#include <stdbool.h>
#include <stdint.h>

#define SHADOW_LISTED_MAX 32 /* alerts of each side that the other does not have: the newest */

struct shadow_listed {
    char robot[NAME_MAX_LENGTH + 1];
    struct shadow_alert alert;
};

struct shadow_report {
    int64_t since_ns;               /* wall clock */
    uint64_t windows[SHADOW_SIDES]; /* that each has judged */
    uint64_t both;                  /* that both have */
    uint64_t over[SHADOW_SIDES];    /* of those, over the limit of this side alone */
    uint64_t lost;                  /* found no room, or had no row for the candidate */
    uint64_t nonfinite;             /* of the candidate */
    /* Of the logarithms of both scores: 1e-3 to 1e3, so that no single one counts for all. */
    double mean[SHADOW_SIDES], square[SHADOW_SIDES], product;
    double cost_ns[SHADOW_SIDES]; /* summed over so many windows */
    uint64_t costed[SHADOW_SIDES];
    uint64_t alerts[SHADOW_SIDES], matched[SHADOW_SIDES], alone[SHADOW_SIDES];
    size_t listed[SHADOW_SIDES];
    struct shadow_listed list[SHADOW_SIDES][SHADOW_LISTED_MAX];
};

void shadow_report_begin(struct shadow_report *report, int64_t wall_ns);

/* A window that both have judged; ratios are 0 or over. */
void shadow_report_pair(struct shadow_report *report, double live, double candidate);
void shadow_report_cost(struct shadow_report *report, enum shadow_side side, double ns);
/* What shadow_match has found of a robot. */
void shadow_report_found(struct shadow_report *report, const char *robot, enum shadow_side side,
                         enum shadow_finding finding, const struct shadow_alert *alert);

/* For people: figures alone, or with the alerts that one side has alone. */
void shadow_report_json(const struct shadow_report *report, bool lists, cJSON *ret_object);

/* As it is, for the next run. What cannot be read is 0. */
cJSON *shadow_report_save(const struct shadow_report *report);
void shadow_report_load(struct shadow_report *report, const cJSON *saved);

/* An alert for a file, and back. Errors: -EINVAL. */
cJSON *shadow_alert_save(const char *robot, const struct shadow_alert *alert);
int shadow_alert_load(const cJSON *entry, struct shadow_listed *ret_listed);

#endif
