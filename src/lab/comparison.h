/*
 * comparison: a whole study on one set of recordings: every row with every seed, all on the same
 * split, with intervals and differences.
 *
 * The traps are built in: test rows come from other sessions, or from the end of the same ones
 * behind a gap; no window spans a border; scalers see training rows only; thresholds come from
 * healthy calibration rows and a budget, never from the test; a random score stands in every table;
 * and healthy rows are ranked against other healthy rows, so that a session that looks like a fault
 * shows. Thread: the one that owns BLAS, in a process without other threads.
 */
#ifndef ARMWATCH_LAB_COMPARISON_H
#define ARMWATCH_LAB_COMPARISON_H

#include "base/diag.h"
#include "base/json.h"
#include "lab/evaluation.h"
#include "lab/recording.h"
#include "lab/study.h"
#include "lab/worker.h"

#include <stdbool.h>
#include <stddef.h>

struct comparison_recordings {
    struct recording *const *item;
    const char *const *name; /* of the files */
    size_t count;
};

struct comparison_options {
    struct study_options study; /* names and channels are filled in */
    double period_s;
    double test_share; /* of the normal recordings: holdout.h */
    double false_alarms_per_day;
    enum evaluation_events events;
    const char *peers_script; /* or NULL */
    bool simulated;
    size_t jobs;               /* at a time */
    worker_progress *progress; /* or NULL */
    void *user;
};

struct comparison_input {
    struct comparison_recordings normal;    /* labels in them are not looked at */
    struct comparison_recordings anomalous; /* with labels; where all of several files say just 0
                                               and 1, they are numbered: a file is a kind */
    struct comparison_recordings labelled;  /* for choosing settings; may be empty */
};

/* All recordings have the same channels. Memory: the caller deletes *ret_report (its members are
 * described in docs/comparison.md). Errors: -EINVAL with what is wrong with the data, -ENOMEM, and
 * those of worker_pool_run. */
int comparison_run(const struct comparison_input *input, const struct comparison_options *options,
                   cJSON **ret_report, struct diag *diag);

#endif
