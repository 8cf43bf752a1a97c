#include "lab/arm_model.h"

#include "base/rng.h"

#include "fixture.h"

#include <math.h>

static struct arm_model model;

static void expect_near(double found, double expected, double tolerance, const char *what)
{
    if (!(fabs(found - expected) <= tolerance))
        fail_msg("%s: %.12g, expected %.12g", what, found, expected);
}

static void random_state(struct rng *rng, bool moving, struct arm_state *ret_state)
{
    for (int i = 0; i < ARM_JOINTS; i++) {
        ret_state->position[i] = arm_position_limit(i) * (2 * rng_uniform(rng) - 1);
        ret_state->velocity[i] = moving ? rng_normal(rng) : 0;
        ret_state->acceleration[i] = moving ? 2 * rng_normal(rng) : 0;
    }
}

/* The state `t` later, at constant acceleration. */
static struct arm_state later(const struct arm_state *state, double t)
{
    struct arm_state next = *state;
    for (int i = 0; i < ARM_JOINTS; i++) {
        next.position[i] += t * (state->velocity[i] + 0.5 * t * state->acceleration[i]);
        next.velocity[i] += t * state->acceleration[i];
    }
    return next;
}

static void stretched_arm_has_its_length(void **state)
{
    struct arm_state zero = {.position = {0}};
    struct arm_motion motion;
    arm_model_run(&model, &zero, 0, &motion);
    struct vec3 flange = arm_flange(&motion);
    expect_near(flange.x, 0, 1e-12, "x");
    expect_near(flange.y, 0, 1e-12, "y");
    expect_near(flange.z, 1.266, 1e-12, "z");
    for (int i = 0; i < ARM_JOINTS; i++) /* the joints alternate between along and across */
        expect_near(fabs(motion.link[i].base_from_link.m[2][2]), i % 2 == 0 ? 1 : 0, 1e-12, "axis");
}

static void elbow_at_a_right_angle_reaches_forward(void **state)
{
    struct arm_state bent = {.position = {0, 0, 0, -90 * DEGREE, 0, 0, 0}};
    struct arm_motion motion;
    arm_model_run(&model, &bent, 0, &motion);
    struct vec3 flange = arm_flange(&motion);
    expect_near(flange.z, 0.74, 1e-12, "z");
    expect_near(fabs(flange.x), 0.526, 1e-12, "x");
    expect_near(flange.y, 0, 1e-12, "y");
}

static void angular_velocity_is_the_derivative_of_the_pose(void **unused)
{
    struct rng rng;
    rng_init(&rng, 1);
    for (int trial = 0; trial < 20; trial++) {
        struct arm_state now;
        random_state(&rng, true, &now);
        const double h = 1e-5;
        struct arm_state before = later(&now, -h), after = later(&now, h);
        struct arm_motion m, m0, m1;
        arm_model_run(&model, &now, 0, &m);
        arm_model_run(&model, &before, 0, &m0);
        arm_model_run(&model, &after, 0, &m1);
        for (int i = 0; i < ARM_JOINTS; i++) {
            struct rotation dr; /* R^T dR/dt is the cross product with omega */
            for (int a = 0; a < 3; a++)
                for (int b = 0; b < 3; b++) {
                    dr.m[a][b] = 0;
                    for (int k = 0; k < 3; k++)
                        dr.m[a][b] += m.link[i].base_from_link.m[k][a] *
                                      (m1.link[i].base_from_link.m[k][b] -
                                       m0.link[i].base_from_link.m[k][b]) /
                                      (2 * h);
                }
            expect_near(m.link[i].velocity.x, dr.m[2][1], 1e-7, "omega x");
            expect_near(m.link[i].velocity.y, dr.m[0][2], 1e-7, "omega y");
            expect_near(m.link[i].velocity.z, dr.m[1][0], 1e-7, "omega z");
            expect_near(m.link[i].acceleration.x,
                        (m1.link[i].velocity.x - m0.link[i].velocity.x) / (2 * h), 1e-6, "alpha x");
        }
    }
}

static void specific_force_is_the_second_derivative_of_the_position(void **unused)
{
    struct rng rng;
    rng_init(&rng, 2);
    for (int trial = 0; trial < 20; trial++) {
        struct arm_state now;
        random_state(&rng, true, &now);
        const double h = 1e-4;
        struct arm_state before = later(&now, -h), after = later(&now, h);
        struct arm_motion m, m0, m1;
        arm_model_run(&model, &now, 0, &m);
        arm_model_run(&model, &before, 0, &m0);
        arm_model_run(&model, &after, 0, &m1);
        struct vec3 a = arm_flange(&m0), b = arm_flange(&m), c = arm_flange(&m1);
        const struct arm_link_motion *link = &m.link[ARM_JOINTS - 1];
        struct vec3 force = rotation_apply(
            &link->base_from_link, arm_link_specific_force(link, (struct vec3){0, 0, .045}));
        expect_near(force.x, (a.x - 2 * b.x + c.x) / (h * h), 1e-4, "x");
        expect_near(force.y, (a.y - 2 * b.y + c.y) / (h * h), 1e-4, "y");
        expect_near(force.z, (a.z - 2 * b.z + c.z) / (h * h) + ARM_GRAVITY, 1e-4, "z");
    }
}

static void at_rest_each_link_feels_one_g_and_torque_is_the_gradient_of_energy(void **unused)
{
    struct rng rng;
    rng_init(&rng, 3);
    for (int trial = 0; trial < 20; trial++) {
        struct arm_state rest;
        random_state(&rng, false, &rest);
        const double payload = 2, h = 1e-6;
        struct arm_motion motion, shifted;
        arm_model_run(&model, &rest, payload, &motion);
        for (int i = 0; i < ARM_JOINTS; i++) {
            expect_near(vec3_length(motion.link[i].specific_force), ARM_GRAVITY, 1e-12, "g");
            struct arm_state moved = rest;
            moved.position[i] = rest.position[i] + h;
            arm_model_run(&model, &moved, payload, &shifted);
            double gradient = arm_potential_energy(&shifted, payload);
            moved.position[i] = rest.position[i] - h;
            arm_model_run(&model, &moved, payload, &shifted);
            gradient = (gradient - arm_potential_energy(&shifted, payload)) / (2 * h);
            expect_near(motion.torque[i], gradient, 1e-6, "torque");
        }
    }
}

static double energy(const struct arm_state *state, double payload)
{
    struct arm_motion motion;
    arm_model_run(&model, state, payload, &motion);
    return arm_potential_energy(&motion, payload) + arm_kinetic_energy(&model, state, payload);
}

static void power_of_the_joints_is_the_change_of_energy(void **unused)
{
    struct rng rng;
    rng_init(&rng, 4);
    for (int trial = 0; trial < 50; trial++) {
        struct arm_state now;
        random_state(&rng, true, &now);
        const double payload = 1.5, h = 1e-5;
        struct arm_motion motion;
        arm_model_run(&model, &now, payload, &motion);
        double power = 0;
        for (int i = 0; i < ARM_JOINTS; i++)
            power += motion.torque[i] * now.velocity[i];
        struct arm_state before = later(&now, -h), after = later(&now, h);
        double change = (energy(&after, payload) - energy(&before, payload)) / (2 * h);
        expect_near(power, change, 1e-5, "power");
    }
}

static void friction_opposes_motion_and_scales(void **state)
{
    const double velocity[ARM_JOINTS] = {1, -1, 0, .5, -.5, 0, 2};
    double once[ARM_JOINTS], more[ARM_JOINTS];
    arm_friction(velocity, 1, once);
    arm_friction(velocity, 1.5, more);
    for (int i = 0; i < ARM_JOINTS; i++) {
        assert_true(once[i] * velocity[i] >= 0);
        expect_near(more[i], 1.5 * once[i], 1e-12, "friction");
    }
    expect_near(once[0], 14, 1e-9, "Coulomb and viscous");
    expect_near(once[2], 0, 0, "at rest");
}

int main(void)
{
    arm_model_init(&model);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stretched_arm_has_its_length),
        cmocka_unit_test(elbow_at_a_right_angle_reaches_forward),
        cmocka_unit_test(angular_velocity_is_the_derivative_of_the_pose),
        cmocka_unit_test(specific_force_is_the_second_derivative_of_the_position),
        cmocka_unit_test(at_rest_each_link_feels_one_g_and_torque_is_the_gradient_of_energy),
        cmocka_unit_test(power_of_the_joints_is_the_change_of_energy),
        cmocka_unit_test(friction_opposes_motion_and_scales),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
