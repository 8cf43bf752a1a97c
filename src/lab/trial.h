/*
 * trial: one row of a comparison with one seed: trained, calibrated, and tried on recordings that
 * it has not seen.
 *
 * Runs in a child process (worker.h): its result travels as bytes. With an adversary there are two
 * outcomes: that of the network, and that of its twin. Thread: the one that owns BLAS.
 */
#ifndef ARMWATCH_LAB_TRIAL_H
#define ARMWATCH_LAB_TRIAL_H

#include "base/diag.h"
#include "base/json.h"
#include "lab/bootstrap.h"
#include "lab/evaluation.h"
#include "lab/recording.h"
#include "lab/study.h"
#include "lab/worker.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What all trials of a comparison share. Borrowed. */
struct trial_data {
    struct recording *const *fit; /* healthy: training, held-out and calibration */
    size_t fit_count;
    struct recording *const *calibration; /* the part of `fit` that calibrates, cut out */
    size_t calibration_count;
    struct recording *const *test; /* the healthy ones first */
    const char *const *test_names;
    size_t test_count, healthy_count;
    struct recording *const *validation; /* labelled, to choose settings on */
    size_t validation_count;
    double period_s;
    double false_alarms_per_day;
    const struct evaluation_options *evaluation; /* with `events` resolved */
    const struct bootstrap_plan *plan;           /* of the test recordings */
};

struct trial_outcome {
    bool present;
    struct evaluation evaluation;
    struct bootstrap bootstrap;
    double healthy_roc_auc;              /* test-healthy against calibration windows: NAN if none */
    double validation_average_precision; /* NAN without validation recordings */
    double supported_per_day;
    cJSON *curves; /* or NULL */
};

struct trial_result {
    double seconds; /* of processor time, training and trying */
    struct trial_outcome own, twin;
    cJSON *training; /* per epoch, as in the model file; NULL where nothing was trained */
};

/* with_curves: also the points of plots. Memory: trial_result_deinit. Errors: as fit and
 * evaluate. */
int trial_run(const struct study_row *row, uint64_t seed, bool with_curves,
              const struct trial_data *data, const struct worker_child *child,
              struct trial_result *ret_result, struct diag *diag);
void trial_result_deinit(struct trial_result *result);

/* The outcome of scores that did not come from a model: `scored` of the test recordings. */
int trial_measure(const struct scored *scored, const struct trial_data *data,
                  struct trial_outcome *ret_outcome, struct diag *diag);

/* There and back. Errors: -ENOMEM; -EINVAL not what was written. */
int trial_result_write(const struct trial_result *result, struct worker_answer *answer);
int trial_result_read(struct worker_reader *reader, struct trial_result *ret_result);

#endif
