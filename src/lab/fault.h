/*
 * fault: plays an anomaly: when it occurs, what it does to the arm and to the readings, and the
 * truth about which rows are touched.
 *
 * Slow, payload, friction and loose last as long as they are set. Collisions, stuck sensors and
 * dropouts are passing: they occur while the arm moves, and end.
 */
#ifndef ARMWATCH_LAB_FAULT_H
#define ARMWATCH_LAB_FAULT_H

#include "base/rng.h"
#include "lab/anomaly.h"
#include "lab/arm_model.h"
#include "lab/imu.h"

#include <stdbool.h>
#include <stddef.h>

/* What the fault does to the arm at this moment. */
struct fault_effect {
    bool active;
    double speed;      /* of the program */
    double speed_rate; /* 1/s */
    double payload_kg; /* besides what is carried */
    double friction;   /* factor */
    double deflection[ARM_JOINTS], deflection_velocity[ARM_JOINTS],
        deflection_acceleration[ARM_JOINTS];
    double torque[ARM_JOINTS]; /* that the contact asks of the motors */
};

struct collision {
    int stage;
    bool retreats;
    double stage_s; /* still to go */
    double push_s;  /* since the contact */
    double push_length_s;
    double frequency_hz;
    double push[ARM_JOINTS]; /* rad/s^2 */
};

struct fault {
    struct anomaly anomaly;
    struct rng rng;
    double next_s; /* motion until the next occurrence */
    double left_s; /* of the present one */
    int sensor;    /* 1 to 7, 0: none */
    bool frozen;   /* `held` is filled */
    float held[IMU_CHANNELS];
    int steps_until_slow;
    bool slow_step;
    int step; /* of the program, the present one */
    struct collision collision;
    double deflection[ARM_JOINTS], deflection_velocity[ARM_JOINTS];
};

void fault_init(struct fault *fault, struct rng rng);

/* Changes the anomaly (NULL: none) at once; the first occurrence of a passing one comes after
 * `first_s` of motion. */
void fault_set(struct fault *fault, const struct anomaly *anomaly, double first_s);

/* `step` is the program's when a new one began, else -1. */
void fault_advance(struct fault *fault, double dt, bool moving, int step,
                   struct fault_effect *ret_effect);

/* Alters a reading of an inertial sensor, and returns true, while its fault is at work. */
bool fault_alter(struct fault *fault, int sensor, float values[IMU_CHANNELS]);

#endif
