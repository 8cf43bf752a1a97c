/*
 * scoring_set: which model and which thresholds every robot is scored with; handed to the scorer as
 * one whole.
 *
 * A set is made by the loop, constant from the moment it is posted, used by the scorer, handed back
 * and freed by the loop. It holds a reference to each of its models; references are counted by the
 * loop alone.
 */
#ifndef ARMWATCH_DAEMON_SCORING_SET_H
#define ARMWATCH_DAEMON_SCORING_SET_H

#include "model/model.h"

#include <stddef.h>
#include <stdint.h>

struct scoring_entry {
    struct model *model;
    double thresholds[MODEL_DETECTORS_MAX];
    uint32_t shadow;         /* number of the candidate that is scored beside it; 0: none */
    struct model *candidate; /* where there is one */
};

struct scoring_set {
    uint64_t generation;
    size_t robots;
    struct scoring_entry robot[]; /* by the robot's number */
};

/* Entries are to be filled by scoring_set_assign. Returns NULL when memory is out. Thread: loop. */
struct scoring_set *scoring_set_new(uint64_t generation, size_t robots);
void scoring_set_assign(struct scoring_set *set, size_t robot, struct model *model,
                        double false_alarms_per_day);
void scoring_set_shadow(struct scoring_set *set, size_t robot, uint32_t shadow,
                        struct model *candidate);
void scoring_set_free(struct scoring_set *set);

#endif
