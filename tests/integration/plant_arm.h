/*
 * plant_arm: a simulated arm in a plant: it sends the signals of its controller beside its
 * channels, and what they say is true of its movement. It knows no clock: a run is as fast as the
 * daemon.
 *
 * Its gate: PLANT_ARM_GATE. Its model: kuka-sim (robot seed 1).
 */
#ifndef ARMWATCH_TESTS_PLANT_ARM_H
#define ARMWATCH_TESTS_PLANT_ARM_H

#include "cell.h"
#include "lab/simulator.h"

#define PLANT_ARM_GATE                                                                             \
    "{\"$OV_PRO\":{\"min\":99.5},\"$STOPMESS\":[false],\"$PRO_STATE\":[\"#P_ACTIVE\"],"            \
    "\"part_present\":[true]}"

struct plant_arm {
    struct cell *cell;
    const char *name;
    struct simulator *simulator;
    const char *mode, *program; /* $PRO_STATE */
    double override;            /* $OV_PRO, per cent */
    bool stopped;               /* $STOPMESS */
    int64_t pause_ns;           /* in which nothing was sent */
    uint64_t seq;
    bool touched;     /* by a fault, the newest row */
    int64_t touch_ns; /* sample time of the first such row; 0: none */
    int64_t time_ns;  /* of the newest row */
    double scored;    /* windows, when the daemon was asked last */
};

void plant_arm_init(struct plant_arm *arm, struct cell *cell, const char *name, uint64_t seed);
void plant_arm_deinit(struct plant_arm *arm);

/* The controller's and the arm's together: in t1 it also runs at no more than 30 %. */
void plant_arm_set(struct plant_arm *arm, const char *mode, double override, bool stopped);

/* Sends that many rows, and returns when the daemon has taken and scored them. */
void plant_arm_run(struct plant_arm *arm, size_t rows);

/* Whether the state that the daemon has published is this (NULL: any), and has this reason (NULL:
 * any). */
bool plant_arm_is(const struct plant_arm *arm, const char *state, const char *reason);

#endif
