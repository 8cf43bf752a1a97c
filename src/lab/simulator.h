/*
 * simulator: a robot cell in the layout of the KukaVelocityDataset: 86 channels at 10 Hz.
 *
 * For commissioning a pipeline without a robot, for demos, and for tests that need the truth; it
 * says nothing about real arms. The robot's seed makes its program, and where its sensors sit; the
 * session's seed makes biases, warm-up, waits and noise. The same seeds give the same rows, and an
 * anomaly changes nothing but what it touches: noise and program are drawn apart from it.
 *
 * Thread: none of its own; one simulator, one thread.
 */
#ifndef ARMWATCH_LAB_SIMULATOR_H
#define ARMWATCH_LAB_SIMULATOR_H

#include "base/diag.h"
#include "lab/anomaly.h"
#include "lab/recording.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SIMULATOR_CHANNELS 86
#define SIMULATOR_RATE_HZ 10

struct simulator_options {
    uint64_t robot_seed;
    uint64_t session_seed;
    int64_t start_ns; /* time of the first row, since the Unix epoch */
    struct anomaly anomaly;
};

struct simulator;

/* Memory: simulator_free, which accepts NULL. Returns NULL when memory is out. */
struct simulator *simulator_new(const struct simulator_options *options);
void simulator_free(struct simulator *simulator);

/* The names of the channels, in order. */
const char *const *simulator_names(void);

/* The next row. label: 1 where an anomaly touched it, else 0. */
void simulator_next(struct simulator *simulator, float ret_values[SIMULATOR_CHANNELS],
                    int *ret_label, int64_t *ret_time_ns);

/* Switches the anomaly while the arm runs; NULL or ANOMALY_NONE ends it. A passing one occurs for
 * the first time within seconds of motion. */
void simulator_set_anomaly(struct simulator *simulator, const struct anomaly *anomaly);

/* What a plant does with a healthy arm. The override: the share of the programmed speed; the arm
 * brakes or speeds up to it. 0 is an emergency stop: it brakes hard, and the program stands still
 * until it is above 0 again. */
void simulator_set_override(struct simulator *simulator, double speed);
/* The part of the next step is late by so much. */
void simulator_delay_part(struct simulator *simulator, double seconds);
/* The arm waits for a part. */
bool simulator_waits(const struct simulator *simulator);

/* A whole session. Passing faults are 30 to 60 s of motion apart. Errors: -EINVAL: no rows;
 * -ENOMEM. */
int simulator_record(const struct simulator_options *options, size_t rows,
                     struct recording **ret_recording, struct diag *diag);

#endif
