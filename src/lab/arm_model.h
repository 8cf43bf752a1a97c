/*
 * arm_model: kinematics and dynamics of a KUKA LBR iiwa 7 R800, as rigid links.
 *
 * Units: rad, m, kg, s, N m. Frames: link i turns about its own z axis; the base's z axis points
 * up. Thread: none of its own.
 * Source: geometry, masses and inertias from the URDF of the IFL-CAMP iiwa_stack (iiwa7.xacro),
 * speed limits from its data sheet; recursive Newton-Euler after Luh, Walker and Paul (1980).
 */
#ifndef ARMWATCH_LAB_ARM_MODEL_H
#define ARMWATCH_LAB_ARM_MODEL_H

#include "lab/rotation.h"

#define ARM_JOINTS 7
#define ARM_GRAVITY 9.80665

struct arm_state {
    double position[ARM_JOINTS];
    double velocity[ARM_JOINTS];
    double acceleration[ARM_JOINTS];
};

/* Motion of a link, all in its own frame but the pose. */
struct arm_link_motion {
    struct rotation base_from_link;
    struct vec3 origin;         /* in the base frame */
    struct vec3 velocity;       /* angular */
    struct vec3 acceleration;   /* angular */
    struct vec3 specific_force; /* of the origin: acceleration less gravity */
};

struct arm_motion {
    struct arm_link_motion link[ARM_JOINTS];
    double torque[ARM_JOINTS]; /* that the joints exert, without friction */
};

struct arm_model {
    struct rotation parent_from_joint[ARM_JOINTS]; /* at joint position 0 */
};

void arm_model_init(struct arm_model *model);

/* Motion of all links and the torques behind it, with a point mass at the flange. */
void arm_model_run(const struct arm_model *model, const struct arm_state *state, double payload_kg,
                   struct arm_motion *ret_motion);

/* Specific force at a point of a link, both in the frame of the link. */
struct vec3 arm_link_specific_force(const struct arm_link_motion *link, struct vec3 point);

/* Flange in the base frame. */
struct vec3 arm_flange(const struct arm_motion *motion);

/* Energy in the links and the payload, J; the zero of potential energy is the base plane. */
double arm_potential_energy(const struct arm_motion *motion, double payload_kg);
double arm_kinetic_energy(const struct arm_model *model, const struct arm_state *state,
                          double payload_kg);

/* What the joints lose to friction at these speeds: Coulomb, smoothed near rest, and viscous. */
void arm_friction(const double velocity[ARM_JOINTS], double factor, double ret_torque[ARM_JOINTS]);

/* Largest joint speed and the two ends of its range. */
double arm_speed_limit(int joint);
double arm_position_limit(int joint);

#endif
