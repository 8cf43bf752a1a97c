/*
 * Moves are quintic in time (rest to rest, no jump in acceleration). A reduced override is a clock
 * that runs slower inside of a move, which is what a robot controller does: the path stays, speed
 * scales with the clock and acceleration with its square. Rests keep their length.
 */
#include "lab/program.h"

#include <math.h>

#define SPEED_SHARE 0.35   /* of the speed limits at the peak of a move */
#define QUINTIC_PEAK 1.875 /* peak over mean speed of the quintic */
#define MOVE_LEAST_S 1.4
#define PART_KG 0.02
#define IDLE_REST_S 6.0

/* Where the work is: the middle of each joint's range in the program, and half its width. */
static const double middle_deg[ARM_JOINTS] = {0, 35, 0, -85, 0, 60, 0};
static const double spread_deg[ARM_JOINTS] = {72, 28, 36, 28, 45, 35, 90};

static double between(struct rng *rng, double low, double high)
{
    return low + (high - low) * rng_uniform(rng);
}

static void choose_pose(struct rng *rng, double share, double ret_pose[ARM_JOINTS])
{
    for (int i = 0; i < ARM_JOINTS; i++)
        ret_pose[i] = DEGREE * (middle_deg[i] + share * spread_deg[i] * (2 * rng_uniform(rng) - 1));
}

static double move_duration(const double from[ARM_JOINTS], const double to[ARM_JOINTS])
{
    double duration = MOVE_LEAST_S;
    for (int i = 0; i < ARM_JOINTS; i++)
        duration = fmax(duration,
                        QUINTIC_PEAK * fabs(to[i] - from[i]) / (SPEED_SHARE * arm_speed_limit(i)));
    return duration;
}

static void set_move(struct program_move *move, struct rng *rng, const double from[ARM_JOINTS])
{
    move->duration_s = move_duration(from, move->target);
    move->dwell_s = between(rng, .2, 1.2);
}

void program_init(struct program *program, uint64_t robot_seed)
{
    struct rng rng;
    rng_init(&rng, robot_seed);
    *program = (struct program){.home = {0}};
    choose_pose(&rng, 0.1, program->home);
    const double *from = program->home;
    program->step[0].late_chance = 0.12;
    for (size_t s = 1; s < PROGRAM_STEPS; s++) {
        struct program_step *step = &program->step[s];
        step->moves = 2 + rng_below(&rng, 2);
        step->late_chance = s % 6 == 1 ? 0.02 : 0;
        for (size_t m = 0; m < step->moves; m++) {
            struct program_move *move = &step->move[m];
            bool last = s == PROGRAM_STEPS - 1 && m == step->moves - 1;
            choose_pose(&rng, 1, move->target);
            for (int i = 0; last && i < ARM_JOINTS; i++)
                move->target[i] = program->home[i];
            move->grips = m == 1 && s < PROGRAM_STEPS - 1; /* 30 times: it ends empty */
            set_move(move, &rng, from);
            from = move->target;
        }
    }
}

static void begin_move(struct program_run *run)
{
    const struct program_move *move = &run->program->step[run->step].move[run->move];
    run->phase_s = 0;
    run->duration_s = move->duration_s * (1 + 0.005 * rng_normal(&run->rng));
    run->dwell_s = move->dwell_s * fmax(0.5, 1 + 0.1 * rng_normal(&run->rng));
}

/* A part comes on time, or late: seldom, and then by up to two minutes. */
static void begin_step(struct program_run *run, size_t step)
{
    run->step = step;
    run->move = 0;
    run->wait_s = step == 0 ? IDLE_REST_S * (1 + 0.1 * rng_normal(&run->rng)) : 0;
    double chance = rng_uniform(&run->rng), late_s = 8 - 20 * log(1 - rng_uniform(&run->rng));
    if (chance < run->program->step[step].late_chance)
        run->wait_s += fmin(late_s, 130);
    if (step > 0)
        begin_move(run);
}

void program_run_init(struct program_run *run, const struct program *program, struct rng rng)
{
    *run = (struct program_run){.program = program, .rng = rng, .speed = 1};
    for (int i = 0; i < ARM_JOINTS; i++)
        run->from[i] = program->home[i];
    begin_step(run, 0);
    run->wait_s *= rng_uniform(&run->rng); /* a recording does not begin with the cycle */
}

/* The end of the rest behind a move, or of step 0. */
static bool end_move(struct program_run *run)
{
    const struct program_step *step = &run->program->step[run->step];
    if (run->move < step->moves) {
        const struct program_move *move = &step->move[run->move];
        for (int i = 0; i < ARM_JOINTS; i++)
            run->from[i] = move->target[i];
        run->move++;
    }
    if (run->move < step->moves) {
        begin_move(run);
        return false;
    }
    begin_step(run, (run->step + 1) % PROGRAM_STEPS);
    return true;
}

bool program_run_is_moving(const struct program_run *run)
{
    return run->step > 0 && run->wait_s <= 0 && run->phase_s < run->duration_s;
}

static void give_state(const struct program_run *run, struct arm_state *ret_state)
{
    double u = 0, speed = 0, acceleration = 0, t = run->duration_s;
    const double *target = run->from;
    if (run->step > 0) {
        target = run->program->step[run->step].move[run->move].target;
        u = run->phase_s / t;
    }
    if (program_run_is_moving(run)) {
        double slope = 30 * u * u * (1 - u) * (1 - u);
        double bend = 60 * u * (1 - u) * (1 - 2 * u);
        speed = slope * run->speed / t;
        acceleration = bend * run->speed * run->speed / (t * t) + slope * run->speed_rate / t;
    }
    double share = u * u * u * (10 - 15 * u + 6 * u * u);
    for (int i = 0; i < ARM_JOINTS; i++) {
        double way = target[i] - run->from[i];
        ret_state->position[i] = run->from[i] + way * share;
        ret_state->velocity[i] = way * speed;
        ret_state->acceleration[i] = way * acceleration;
    }
}

/* An arm at rest takes a new speed at once: there is nothing to bend. */
static void change_speed(struct program_run *run, double dt, double speed, double rate)
{
    double before = run->speed;
    run->speed_rate = 0;
    if (!program_run_is_moving(run)) {
        run->speed = speed;
        return;
    }
    double change = fmin(fabs(speed - before), rate * dt);
    run->speed = speed < before ? before - change : before + change;
    run->speed_rate = (run->speed - before) / dt;
}

bool program_run_advance(struct program_run *run, double dt, double speed, double rate,
                         struct arm_state *ret_state)
{
    bool new_step = false;
    double before = run->speed;
    change_speed(run, dt, speed, rate);
    if (run->wait_s > 0) {
        run->wait_s -= dt;
    } else if (program_run_is_moving(run)) {
        /* The mean speed of the interval keeps the position the integral of the velocity. */
        double mean = 0.5 * (before + run->speed);
        run->phase_s = fmin(fmax(run->phase_s + dt * mean, 0), run->duration_s);
        const struct program_move *move = &run->program->step[run->step].move[run->move];
        if (run->phase_s >= run->duration_s && move->grips)
            run->carried_kg = PART_KG - run->carried_kg;
    } else if (run->step > 0 && run->dwell_s > 0) {
        run->dwell_s -= dt;
    } else {
        new_step = end_move(run);
    }
    give_state(run, ret_state);
    return new_step;
}
