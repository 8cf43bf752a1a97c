/*
 * program: the pick-and-place programs that a simulated arm repeats.
 *
 * A program is 31 numbered steps of point-to-point moves, made from the seed of a robot: the same
 * robot always has the same program. Between two cycles, step 0 waits for the next part. A run
 * plays a program with what differs from cycle to cycle: durations that jitter, parts that are
 * late.
 *
 * Units: rad, s, kg.
 */
#ifndef ARMWATCH_LAB_PROGRAM_H
#define ARMWATCH_LAB_PROGRAM_H

#include "base/rng.h"
#include "lab/arm_model.h"

#include <stdbool.h>
#include <stddef.h>

#define PROGRAM_STEPS 32 /* with step 0 */
#define PROGRAM_MOVES_MAX 3

/* A movement to `target`, then a rest. */
struct program_move {
    double target[ARM_JOINTS];
    double duration_s;
    double dwell_s;
    bool grips; /* the gripper closes, or opens, at its end */
};

struct program_step {
    struct program_move move[PROGRAM_MOVES_MAX];
    size_t moves;
    double late_chance; /* of a late part before the step begins to move */
};

struct program {
    double home[ARM_JOINTS];
    struct program_step step[PROGRAM_STEPS];
};

void program_init(struct program *program, uint64_t robot_seed);

struct program_run {
    const struct program *program; /* borrowed */
    struct rng rng;
    size_t step;
    size_t move;
    double from[ARM_JOINTS];
    double duration_s; /* of the present move, with its jitter */
    double phase_s;    /* time in the move; runs at `speed` */
    double wait_s;     /* still to rest before the move */
    double dwell_s;    /* still to rest after it */
    double speed;      /* of the phase; 1 is as programmed, below 0 the arm goes back */
    double speed_rate; /* change of the speed, 1/s */
    double carried_kg;
};

void program_run_init(struct program_run *run, const struct program *program, struct rng rng);

/* Goes on by dt while the speed moves towards `speed` by at most `rate` a second, and gives the
 * state of the joints. Position, velocity and acceleration agree at every speed. Returns true if a
 * new step began. */
bool program_run_advance(struct program_run *run, double dt, double speed, double rate,
                         struct arm_state *ret_state);

/* The arm is in a move, not resting. */
bool program_run_is_moving(const struct program_run *run);

#endif
