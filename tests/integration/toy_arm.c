#include "toy_arm.h"

#include "base/file.h"
#include "lab/fit.h"
#include "nn/blas.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ROWS_PER_TURN 50
#define TRAINING_ROWS 9000
#define NOISE 0.05

void toy_arm_init(struct toy_arm *arm, size_t channels, uint64_t seed)
{
    *arm = (struct toy_arm){.channels = channels};
    rng_init(&arm->rng, seed);
}

void toy_arm_next(struct toy_arm *arm, double anomaly, float ret_values[TOY_ARM_CHANNELS])
{
    double phase = 2 * M_PI * (double)(arm->row % ROWS_PER_TURN) / ROWS_PER_TURN;
    for (size_t c = 0; c < arm->channels; c++) {
        double value = sin(phase + (double)c) + 0.5 * sin(2 * phase + 2 * (double)c);
        value += NOISE * rng_normal(&arm->rng);
        ret_values[c] = (float)(c == 0 ? value + anomaly : value);
    }
    arm->row++;
}

int64_t toy_arm_time_ns(size_t row)
{
    return TOY_ARM_START_NS + (int64_t)row * TOY_ARM_PERIOD_NS;
}

const char *toy_arm_channel(size_t channel)
{
    static const char *const names[TOY_ARM_CHANNELS] = {"axis1", "axis2", "axis3", "axis4"};
    return names[channel];
}

struct recording *toy_arm_record(size_t channels, uint64_t seed, size_t rows)
{
    const char *names[TOY_ARM_CHANNELS];
    for (size_t c = 0; c < channels; c++)
        names[c] = toy_arm_channel(c);
    struct recording *recording = recording_new(rows, channels, names, true, false);
    assert_non_null(recording);
    struct toy_arm arm;
    toy_arm_init(&arm, channels, seed);
    for (size_t i = 0; i < rows; i++) {
        float values[TOY_ARM_CHANNELS];
        recording->time_ns[i] = toy_arm_time_ns(i);
        toy_arm_next(&arm, 0, values);
        memcpy(recording->values + i * channels, values, channels * sizeof values[0]);
    }
    return recording;
}

static void must(int result, const struct diag *diag)
{
    if (result < 0)
        fail_msg("%d: %s", result, diag->text);
}

void toy_arm_train(const char *directory, const struct toy_model *toy)
{
    struct diag diag = DIAG_INIT;
    struct recording *recording = toy_arm_record(toy->channels, toy->seed, TRAINING_ROWS);
    struct fit_options options = fit_defaults(ADVERSARY_NONE);
    options.name = toy->name;
    options.version = toy->version;
    options.train.epochs = 4;
    options.train.seed = toy->seed;
    struct draft *draft;
    struct fit_report report;
    blas_init();
    must(fit(&recording, 1, &options, &draft, &report, &diag), &diag);
    void *data;
    size_t size;
    char path[512];
    must(draft_format(draft, &data, &size, &diag), &diag);
    snprintf(path, sizeof path, "%s/%s.safetensors", directory, toy->file_name);
    must(file_write(path, data, size, &diag), &diag);
    free(data);
    draft_free(draft);
    fit_report_deinit(&report);
    recording_free(recording);
}

struct model *toy_arm_load(const char *directory, const char *file_name)
{
    struct diag diag = DIAG_INIT;
    struct model *model;
    char path[512];
    snprintf(path, sizeof path, "%s/%s.safetensors", directory, file_name);
    blas_init();
    must(model_load(path, &model, &diag), &diag);
    return model;
}
