/*
 * toy_arm: a machine of a few channels that repeats a movement, and models that were trained on it.
 *
 * A row depends on its number and on the seed only, so that a test can know what a daemon was sent.
 */
#ifndef ARMWATCH_TESTS_TOY_ARM_H
#define ARMWATCH_TESTS_TOY_ARM_H

#include "base/rng.h"
#include "lab/recording.h"
#include "model/model.h"

#include <stddef.h>
#include <stdint.h>

#define TOY_ARM_CHANNELS 4 /* at most */
#define TOY_ARM_PERIOD_NS INT64_C(100000000)
#define TOY_ARM_START_NS INT64_C(1767225600000000000) /* 2026-01-01 */

struct toy_arm {
    size_t channels;
    size_t row; /* the next one */
    struct rng rng;
};

void toy_arm_init(struct toy_arm *arm, size_t channels, uint64_t seed);
/* anomaly: how far the first channel is off, in units of its amplitude; 0: healthy. */
void toy_arm_next(struct toy_arm *arm, double anomaly, float ret_values[TOY_ARM_CHANNELS]);
int64_t toy_arm_time_ns(size_t row);
const char *toy_arm_channel(size_t channel);

/* A healthy session. */
struct recording *toy_arm_record(size_t channels, uint64_t seed, size_t rows);

/* Trains, calibrates and writes DIRECTORY/FILE_NAME.safetensors. */
struct toy_model {
    const char *file_name, *name;
    int64_t version;
    size_t channels;
    uint64_t seed;
};
void toy_arm_train(const char *directory, const struct toy_model *toy);

/* Loads it; ends the test where that fails. */
struct model *toy_arm_load(const char *directory, const char *file_name);

#endif
