/*
 * imu: a six-axis inertial sensor on a link, with the fusion filter and quantisation of the
 * WitMotion class (SEN0386): no magnetometer, so its yaw is free.
 *
 * Shape: one reading is IMU_CHANNELS floats: AccX..Z in g, GyroX..Z in deg/s, q1..q4 (x, y, z, w),
 * temperature. The quaternion is made from three quantised angles without care for its sign: q and
 * -q, which are one rotation, both occur. Mounting comes from the seed of the robot; biases, yaw
 * and warm-up from that of the session.
 */
#ifndef ARMWATCH_LAB_IMU_H
#define ARMWATCH_LAB_IMU_H

#include "base/rng.h"
#include "lab/arm_model.h"

#include <stdbool.h>

#define IMU_CHANNELS 11

/* What the sensor feels at an instant: mean it over the sample period. */
struct imu_input {
    struct vec3 specific_force; /* m/s^2 in the frame of the sensor */
    struct vec3 velocity;       /* rad/s in the frame of the sensor */
    double speed;               /* rad/s of the arm's joints, as a measure of its vibration */
};

/* A mount that came loose: it creeps away and rattles while the arm moves. */
struct imu_looseness {
    bool on;
    double angle[3];     /* rad, random walk */
    double frequency_hz; /* of the rattle */
};

struct imu {
    int number; /* 1 to 7 */
    struct rotation link_from_sensor;
    struct vec3 lever; /* position on the link, m */
    struct vec3 force_bias, velocity_bias;
    double yaw;  /* rad, offset of the session, drifting */
    double sign; /* of the quaternion */
    double temperature_start, temperature_rise, temperature_switch_s;
    struct imu_looseness looseness;
    struct rng rng, fault_rng;
};

void imu_init(struct imu *imu, int number, struct rng robot_rng, struct rng session_rng);

/* Adds what is felt now, weighted, to the input. */
void imu_feel(const struct imu *imu, const struct arm_link_motion *link, double speed,
              double weight, struct imu_input *input);

/* One reading at `time_s` since the start of the session, from the mean input of the sample
 * period and the pose at its end. */
void imu_read(struct imu *imu, const struct imu_input *input, const struct rotation *base_from_link,
              double time_s, float ret_values[IMU_CHANNELS]);

/* Starts or ends a loose mount; what has crept away stays until the end. */
void imu_loosen(struct imu *imu, bool loose, struct rng *rng);

#endif
