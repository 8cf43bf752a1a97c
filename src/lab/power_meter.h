/*
 * power_meter: a single-phase meter in front of a robot and its industrial PC, as the Eastron
 * SDM230: it measures over a second and is polled a little slower, so its values stand still for
 * about ten samples.
 *
 * Shape: POWER_CHANNELS floats in the order apparent power VA, current A, frequency Hz, phase
 * angle deg, power W, power factor, reactive power VAr, voltage V.
 */
#ifndef ARMWATCH_LAB_POWER_METER_H
#define ARMWATCH_LAB_POWER_METER_H

#include "base/rng.h"
#include "lab/arm_model.h"

#include <stdbool.h>

#define POWER_CHANNELS 8

struct power_meter {
    struct rng rng;
    double base_w;   /* of the session */
    double drives_w; /* as the DC link takes it from the mains */
    double pc_w;     /* load of the PC around its mean */
    double burst_s;  /* still to go of a burst of load */
    double voltage, frequency_offset;
    double sum_ws, sum_s; /* since the last poll */
    int hold;             /* samples until the next poll */
    float values[POWER_CHANNELS];
};

void power_meter_init(struct power_meter *meter, struct rng session_rng);

/* Takes the drives' power over dt: torque is what the motors exert, friction included;
 * an arm that stands in its brakes needs none. */
void power_meter_feel(struct power_meter *meter, const double torque[ARM_JOINTS],
                      const double velocity[ARM_JOINTS], bool braked, double dt);

/* The reading at the end of a sample of 0.1 s. */
void power_meter_read(struct power_meter *meter, float ret_values[POWER_CHANNELS]);

#endif
