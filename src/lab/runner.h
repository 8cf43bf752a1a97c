/*
 * runner: recordings through the pipeline, row by row, as a live robot would send them.
 *
 * Thread: the one that owns BLAS.
 */
#ifndef ARMWATCH_LAB_RUNNER_H
#define ARMWATCH_LAB_RUNNER_H

#include "base/diag.h"
#include "lab/recording.h"
#include "model/calibration.h"
#include "pipeline/monitor.h"

#include <stddef.h>

struct runner_row {
    size_t row;
    int64_t time_ns; /* runner_row_time */
    bool hole;       /* the row was not measured; result is empty */
    struct monitor_result result;
    const struct monitor *monitor; /* after this row */
};

/* Of the recording, or row * period where it has none. */
int64_t runner_row_time(const struct recording *recording, size_t row, double period_s);

/* Called for every row in order. Non-zero ends the run and is returned by it. */
typedef int runner_sink(const struct runner_row *row, void *user);

/* One session from its beginning. The recording's channels must be the model's (recording_select).
 * Errors: -EINVAL, -ENOMEM, or what the sink returned. */
int runner_run(const struct recording *recording, struct model *model, double false_alarms_per_day,
               runner_sink *sink, void *user);

/* Calibrates every detector of a model on healthy sessions, and tries each session against the
 * others at the model's own budget: ret [model->detectors], to be freed by
 * calibration_deinit. Errors: -EINVAL (too short, see diag), -ENOMEM. */
int runner_calibrate(struct recording *const *sessions, size_t count, struct model *model,
                     struct calibration *ret_calibrations, struct diag *diag);

#endif
