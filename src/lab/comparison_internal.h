/*
 * comparison_internal: what comparison.c gathers and comparison_json.c tells.
 */
#ifndef ARMWATCH_LAB_COMPARISON_INTERNAL_H
#define ARMWATCH_LAB_COMPARISON_INTERNAL_H

#include "lab/comparison.h"
#include "lab/holdout.h"
#include "lab/split.h"
#include "lab/trial.h"

/* What the seeds of one row came to. */
struct comparison_row {
    struct trial_outcome *outcome; /* [seeds] */
    cJSON **training;              /* [seeds], of the trial that filled it; NULL: none */
    double *seconds;               /* [seeds] */
    char note[256];
    char skipped[DIAG_TEXT_MAX]; /* why there are no figures; "": there are */
};

struct comparison {
    const struct comparison_input *input;
    const struct comparison_options *options;
    struct study study;
    struct comparison_row row[STUDY_ROWS_MAX];
    struct holdout holdout;
    struct split split; /* of holdout.fit */
    struct recording **calibration;
    size_t calibration_count;
    struct recording **test;
    const char **test_names;
    size_t test_count;
    struct evaluation_options evaluation;
    struct bootstrap_plan plan;
    struct trial_data data;
    bool kinds_are_files; /* label i is of anomalous file i - 1 */
    double seconds;
    long peak_memory_kb;
};

/* Thresholds and figures of scores that no model gave: calibration_scores [calibration_count] and
 * test_scores [test_count], a score for each row, NAN where there is none. */
struct comparison_scores {
    double **calibration, **test;
    size_t span;
};
int comparison_try_scores(struct comparison *comparison, const struct comparison_scores *scores,
                          struct trial_outcome *ret_outcome, struct diag *diag);

/* Without its directories. */
const char *comparison_file_name(const char *path);

/* Room for the seeds of a row. Errors: -ENOMEM. */
int comparison_allocate_row(struct comparison *comparison, size_t index, struct diag *diag);

/* Adds rows for what the script brings. A script that cannot run is a row that says so. Errors:
 * -ENOMEM. */
int comparison_try_peers(struct comparison *comparison, struct diag *diag);

/* Errors: -ENOMEM. */
int comparison_json(const struct comparison *comparison, cJSON **ret_report);

#endif
