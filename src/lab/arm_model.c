/*
 * Gravity enters as an upward acceleration of the base: then the acceleration of each link is the
 * specific force that an accelerometer on it feels, and one pass serves torques and sensors.
 */
#include "lab/arm_model.h"

#define PI 3.14159265358979323846
#define FLANGE_OFFSET 0.045

static const struct {
    struct vec3 origin; /* of the joint, in the link before */
    double roll, pitch, yaw;
    double mass;
    struct vec3 center;  /* of mass */
    struct vec3 inertia; /* about the center of mass, diagonal */
    double speed_limit_deg, position_limit_deg;
    double coulomb, viscous;
} links[ARM_JOINTS] = {
    {{0, 0, .15}, 0, 0, 0, 3.4525, {0, -.03, .12}, {.02183, .007703, .02083}, 98, 170, 6, 8},
    {{0, 0, .19},
     PI / 2,
     0,
     PI,
     3.4821,
     {.0003, .059, .042},
     {.02076, .02179, .00779},
     98,
     120,
     6,
     8},
    {{0, .21, 0}, PI / 2, 0, PI, 4.05623, {0, .03, .13}, {.03204, .00972, .03042}, 100, 170, 4, 5},
    {{0, 0, .19}, PI / 2, 0, 0, 3.4822, {0, .067, .034}, {.02178, .02075, .007785}, 130, 120, 4, 5},
    {{0, .21, 0},
     -PI / 2,
     PI,
     0,
     2.1633,
     {.0001, .021, .076},
     {.01287, .005708, .01112},
     140,
     170,
     3,
     3},
    {{0, .0607, .19},
     PI / 2,
     0,
     0,
     2.3466,
     {0, .0006, .0004},
     {.006509, .006259, .004527},
     180,
     120,
     2,
     2},
    {{0, .081, .0607},
     -PI / 2,
     PI,
     0,
     3.129,
     {0, 0, .02},
     {.01464, .01465, .002872},
     180,
     175,
     2,
     2},
};

void arm_model_init(struct arm_model *model)
{
    for (int i = 0; i < ARM_JOINTS; i++)
        model->parent_from_joint[i] =
            rotation_from_rpy(links[i].roll, links[i].pitch, links[i].yaw);
}

struct vec3 arm_link_specific_force(const struct arm_link_motion *link, struct vec3 point)
{
    struct vec3 tangential = vec3_cross(link->acceleration, point);
    struct vec3 centripetal = vec3_cross(link->velocity, vec3_cross(link->velocity, point));
    return vec3_add(link->specific_force, vec3_add(tangential, centripetal));
}

/* From the base outwards; link_from_parent is kept for the way back. */
static void move_links(const struct arm_model *model, const struct arm_state *state,
                       struct arm_motion *ret_motion, struct rotation ret_parent_from_link[])
{
    struct arm_link_motion parent = {
        .base_from_link = {{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}},
        .specific_force = {0, 0, ARM_GRAVITY},
    };
    for (int i = 0; i < ARM_JOINTS; i++) {
        struct rotation turn = rotation_from_rpy(0, 0, state->position[i]);
        struct rotation r = rotation_multiply(&model->parent_from_joint[i], &turn);
        struct arm_link_motion link;
        struct vec3 spin = {0, 0, state->velocity[i]};
        struct vec3 carried = rotation_apply_inverse(&r, parent.velocity);
        link.base_from_link = rotation_multiply(&parent.base_from_link, &r);
        link.origin =
            vec3_add(parent.origin, rotation_apply(&parent.base_from_link, links[i].origin));
        link.velocity = vec3_add(carried, spin);
        link.acceleration =
            vec3_add(rotation_apply_inverse(&r, parent.acceleration), vec3_cross(carried, spin));
        link.acceleration.z += state->acceleration[i];
        link.specific_force =
            rotation_apply_inverse(&r, arm_link_specific_force(&parent, links[i].origin));
        ret_parent_from_link[i] = r;
        ret_motion->link[i] = parent = link;
    }
}

static struct vec3 scale_each(struct vec3 a, struct vec3 b)
{
    return (struct vec3){a.x * b.x, a.y * b.y, a.z * b.z};
}

void arm_model_run(const struct arm_model *model, const struct arm_state *state, double payload_kg,
                   struct arm_motion *ret_motion)
{
    static const struct vec3 flange = {0, 0, FLANGE_OFFSET};
    struct rotation parent_from_link[ARM_JOINTS];
    move_links(model, state, ret_motion, parent_from_link);
    /* What the link beyond asks of this one; the payload stands for the link beyond the last. */
    const struct arm_link_motion *last = &ret_motion->link[ARM_JOINTS - 1];
    struct vec3 force = vec3_scale(arm_link_specific_force(last, flange), payload_kg);
    struct vec3 moment = vec3_cross(flange, force);
    for (int i = ARM_JOINTS - 1; i >= 0; i--) {
        const struct arm_link_motion *link = &ret_motion->link[i];
        struct vec3 inertial =
            vec3_scale(arm_link_specific_force(link, links[i].center), links[i].mass);
        struct vec3 momentum = scale_each(links[i].inertia, link->velocity);
        force = vec3_add(force, inertial);
        moment = vec3_add(moment, vec3_cross(links[i].center, inertial));
        moment = vec3_add(moment, scale_each(links[i].inertia, link->acceleration));
        moment = vec3_add(moment, vec3_cross(link->velocity, momentum));
        ret_motion->torque[i] = moment.z;
        force = rotation_apply(&parent_from_link[i], force);
        moment = vec3_add(rotation_apply(&parent_from_link[i], moment),
                          vec3_cross(links[i].origin, force));
    }
}

static struct vec3 to_base(const struct arm_link_motion *link, struct vec3 point)
{
    return vec3_add(link->origin, rotation_apply(&link->base_from_link, point));
}

struct vec3 arm_flange(const struct arm_motion *motion)
{
    return to_base(&motion->link[ARM_JOINTS - 1], (struct vec3){0, 0, FLANGE_OFFSET});
}

double arm_potential_energy(const struct arm_motion *motion, double payload_kg)
{
    double energy = payload_kg * ARM_GRAVITY * arm_flange(motion).z;
    for (int i = 0; i < ARM_JOINTS; i++)
        energy += links[i].mass * ARM_GRAVITY * to_base(&motion->link[i], links[i].center).z;
    return energy;
}

double arm_kinetic_energy(const struct arm_model *model, const struct arm_state *state,
                          double payload_kg)
{
    struct arm_motion motion;
    struct rotation parent_from_link[ARM_JOINTS];
    move_links(model, state, &motion, parent_from_link);
    struct vec3 linear = {0, 0, 0}; /* of the origin of the link, in its frame */
    struct vec3 velocity = {0, 0, 0};
    double energy = 0;
    for (int i = 0; i < ARM_JOINTS; i++) {
        const struct arm_link_motion *link = &motion.link[i];
        linear = rotation_apply_inverse(&parent_from_link[i],
                                        vec3_add(linear, vec3_cross(velocity, links[i].origin)));
        velocity = link->velocity;
        struct vec3 center = vec3_add(linear, vec3_cross(velocity, links[i].center));
        energy += 0.5 * links[i].mass * vec3_dot(center, center);
        energy += 0.5 * vec3_dot(velocity, scale_each(links[i].inertia, velocity));
    }
    struct vec3 flange = vec3_add(linear, vec3_cross(velocity, (struct vec3){0, 0, FLANGE_OFFSET}));
    return energy + 0.5 * payload_kg * vec3_dot(flange, flange);
}

void arm_friction(const double velocity[ARM_JOINTS], double factor, double ret_torque[ARM_JOINTS])
{
    for (int i = 0; i < ARM_JOINTS; i++)
        ret_torque[i] =
            factor * (links[i].coulomb * tanh(velocity[i] / 0.02) + links[i].viscous * velocity[i]);
}

double arm_speed_limit(int joint)
{
    return links[joint].speed_limit_deg * DEGREE;
}

double arm_position_limit(int joint)
{
    return links[joint].position_limit_deg * DEGREE;
}
