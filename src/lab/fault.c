/*
 * A collision pushes the joints: a short half-sine of acceleration into a damped oscillator that
 * stands for the compliance of the arm, while the controller slows down or backs off along its
 * path. The oscillator is integrated, so position, velocity and acceleration agree.
 */
#include "lab/fault.h"

#include <string.h>

#define SPEED_RATE 2.0 /* of an override that is turned, 1/s */
#define DAMPING 0.25
#define SUBSTEPS 10
#define VISIBLE 0.004       /* rad/s; a swing below it is cut off */
#define CONTACT_INERTIA 3.0 /* kg m^2, that the push acts on */

static const struct {
    double speed, rate, length_s;
} stages[2][3] = {
    {{0.4, 6, 0.3}, {1, 4, 0.3}, {1, 4, 0}},
    {{-0.25, 10, 0.5}, {0, 5, 0.5}, {1, 3, 0.4}},
};

static double between(struct rng *rng, double low, double high)
{
    return low + (high - low) * rng_uniform(rng);
}

void fault_init(struct fault *fault, struct rng rng)
{
    *fault = (struct fault){.rng = rng};
}

static void choose_sensor(struct fault *fault)
{
    int any = 1 + (int)rng_below(&fault->rng, 7);
    fault->sensor = fault->anomaly.amount > 0 ? (int)fault->anomaly.amount : any;
    fault->frozen = false;
}

void fault_set(struct fault *fault, const struct anomaly *anomaly, double first_s)
{
    fault->anomaly = anomaly ? *anomaly : (struct anomaly){ANOMALY_NONE, 0, false};
    fault->next_s = first_s;
    fault->left_s = 0;
    fault->sensor = 0;
    fault->slow_step = false;
    fault->steps_until_slow = (int)rng_below(&fault->rng, 7);
    fault->collision.stage = 3;
    if (fault->anomaly.kind == ANOMALY_LOOSE)
        choose_sensor(fault);
}

static void begin_collision(struct fault *fault)
{
    struct collision *c = &fault->collision;
    struct rng *rng = &fault->rng;
    c->retreats = rng_uniform(rng) < 0.5;
    c->stage = 0;
    c->stage_s = stages[c->retreats][0].length_s;
    c->push_s = 0;
    c->push_length_s = between(rng, 0.08, 0.15);
    c->frequency_hz = between(rng, 2, 5);
    double strength = between(rng, 6, 15);
    int hit = (int)rng_below(rng, 4);
    for (int i = 0; i < ARM_JOINTS; i++) {
        double sign = rng_uniform(rng) < 0.5 ? -1 : 1;
        double share = i == hit ? 1 : between(rng, 0.1, 0.5);
        c->push[i] = sign * share * strength;
    }
}

static void begin_occurrence(struct fault *fault)
{
    fault->next_s = between(&fault->rng, 30, 60);
    if (fault->anomaly.kind == ANOMALY_COLLISION) {
        begin_collision(fault);
        return;
    }
    bool stuck = fault->anomaly.kind == ANOMALY_STUCK;
    fault->left_s = stuck ? between(&fault->rng, 3, 10) : between(&fault->rng, 1, 5);
    choose_sensor(fault);
}

/* Passing faults wait for motion, and begin in it. */
static void wait_for_occurrence(struct fault *fault, double dt, bool moving)
{
    bool passing = fault->anomaly.kind == ANOMALY_COLLISION ||
                   fault->anomaly.kind == ANOMALY_STUCK || fault->anomaly.kind == ANOMALY_DROPOUT;
    if (!passing)
        return;
    if (fault->left_s > 0) {
        fault->left_s -= dt;
        if (fault->left_s <= 0)
            fault->sensor = 0;
    } else if (moving && fault->collision.stage == 3) {
        fault->next_s -= dt;
        if (fault->next_s <= 0)
            begin_occurrence(fault);
    }
}

/* One step of seven on average is slow, and never two in a row; step 0 has nothing to slow. */
static void choose_slow_step(struct fault *fault, int step)
{
    if (step < 0 || fault->anomaly.kind != ANOMALY_SLOW || !fault->anomaly.some)
        return;
    fault->slow_step = step > 0 && fault->steps_until_slow <= 0;
    if (fault->slow_step)
        fault->steps_until_slow = 4 + (int)rng_below(&fault->rng, 5);
    else
        fault->steps_until_slow--;
}

/* Returns true while the arm still swings visibly. */
static bool swing(struct fault *fault, double dt, struct fault_effect *ret_effect)
{
    struct collision *c = &fault->collision;
    double omega = 360 * DEGREE * c->frequency_hz, h = dt / SUBSTEPS;
    bool visible = false;
    for (int n = 0; n < SUBSTEPS; n++) {
        c->push_s += h;
        bool contact = c->push_s < c->push_length_s;
        double shape = contact ? sin(180 * DEGREE * c->push_s / c->push_length_s) : 0;
        for (int i = 0; i < ARM_JOINTS; i++) {
            double push = c->push[i] * shape, *x = &fault->deflection[i];
            double *v = &fault->deflection_velocity[i];
            double a = push - 2 * DAMPING * omega * *v - omega * omega * *x;
            *v += h * a;
            *x += h * *v;
            ret_effect->deflection[i] = *x;
            ret_effect->deflection_velocity[i] = *v;
            ret_effect->deflection_acceleration[i] = a;
            ret_effect->torque[i] = CONTACT_INERTIA * push;
            visible |= contact || fabs(*v) > VISIBLE || omega * fabs(*x) > VISIBLE;
        }
    }
    return visible;
}

static void collide(struct fault *fault, double dt, struct fault_effect *ret_effect)
{
    struct collision *c = &fault->collision;
    bool swings = c->frequency_hz > 0 && swing(fault, dt, ret_effect);
    if (!swings) {
        if (c->stage == 3)
            c->frequency_hz = 0;
        memset(fault->deflection, 0, sizeof fault->deflection);
        memset(fault->deflection_velocity, 0, sizeof fault->deflection_velocity);
    }
    ret_effect->active |= swings;
    if (c->stage == 3)
        return;
    ret_effect->active = true;
    ret_effect->speed = stages[c->retreats][c->stage].speed;
    ret_effect->speed_rate = stages[c->retreats][c->stage].rate;
    c->stage_s -= dt;
    if (c->stage_s <= 0 && ++c->stage < 3)
        c->stage_s = stages[c->retreats][c->stage].length_s;
}

void fault_advance(struct fault *fault, double dt, bool moving, int step,
                   struct fault_effect *ret_effect)
{
    const struct anomaly *anomaly = &fault->anomaly;
    *ret_effect = (struct fault_effect){.speed = 1, .speed_rate = SPEED_RATE, .friction = 1};
    fault->step = step >= 0 ? step : fault->step;
    choose_slow_step(fault, step);
    wait_for_occurrence(fault, dt, moving);
    collide(fault, dt, ret_effect);
    if (anomaly->kind == ANOMALY_SLOW && (!anomaly->some || fault->slow_step)) {
        ret_effect->speed = anomaly->amount;
        ret_effect->active = fault->step > 0; /* step 0 waits: it has no movement to slow */
    } else if (anomaly->kind == ANOMALY_PAYLOAD) {
        ret_effect->payload_kg = anomaly->amount;
        ret_effect->active = true;
    } else if (anomaly->kind == ANOMALY_FRICTION) {
        ret_effect->friction = anomaly->amount;
        ret_effect->active = true;
    }
    ret_effect->active |= anomaly->kind == ANOMALY_LOOSE;
}

bool fault_alter(struct fault *fault, int sensor, float values[IMU_CHANNELS])
{
    if (sensor != fault->sensor)
        return false;
    if (fault->anomaly.kind == ANOMALY_DROPOUT) {
        memset(values, 0, sizeof fault->held);
        return true;
    }
    if (fault->anomaly.kind != ANOMALY_STUCK)
        return false;
    bool frozen = fault->frozen;
    if (frozen)
        memcpy(values, fault->held, sizeof fault->held);
    else
        memcpy(fault->held, values, sizeof fault->held);
    fault->frozen = true;
    return frozen;
}
