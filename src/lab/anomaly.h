/*
 * anomaly: the faults that the simulator knows, and how they are written.
 *
 *   slow[:SPEED][/some]   moves run at SPEED of the programmed speed (0.5); /some: in one of seven
 *                         steps
 *   collision             something is hit, about once in 45 s of motion
 *   payload[:KG]          a mass at the flange (1 kg)
 *   friction[:FACTOR]     joint friction is multiplied (1.5)
 *   stuck[:SENSOR]        the values of an inertial sensor stand still for some seconds
 *   dropout[:SENSOR]      an inertial sensor reads zero for some seconds
 *   loose[:SENSOR]        the mount of an inertial sensor came loose
 *   none
 */
#ifndef ARMWATCH_LAB_ANOMALY_H
#define ARMWATCH_LAB_ANOMALY_H

#include "base/diag.h"

#include <stdbool.h>

enum anomaly_kind {
    ANOMALY_NONE,
    ANOMALY_SLOW,
    ANOMALY_COLLISION,
    ANOMALY_PAYLOAD,
    ANOMALY_FRICTION,
    ANOMALY_STUCK,
    ANOMALY_DROPOUT,
    ANOMALY_LOOSE,
    ANOMALY_KINDS
};

struct anomaly {
    enum anomaly_kind kind;
    double amount; /* speed, kg, factor, or number of the sensor (0: any) */
    bool some;     /* of the steps */
};

/* Errors: -EINVAL with what is allowed in diag. */
int anomaly_parse(const char *text, struct anomaly *ret_anomaly, struct diag *diag);

const char *anomaly_name(enum anomaly_kind kind);

#endif
