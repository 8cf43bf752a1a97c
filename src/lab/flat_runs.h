/*
 * flat_runs: for how long readings stand still in health, learnt from training rows.
 *
 * Counted by the same code as live (pipeline/flat.h). What stands still for too large a share of
 * the training to know its longest run, as a temperature does, gets no limit. Thread: any; none of
 * its own.
 */
#ifndef ARMWATCH_LAB_FLAT_RUNS_H
#define ARMWATCH_LAB_FLAT_RUNS_H

#include "base/diag.h"
#include "base/json.h"
#include "lab/recording.h"
#include "lab/split.h"
#include "model/derived.h"

#include <stdbool.h>
#include <stddef.h>

struct flat_runs_source {
    struct recording *const *sessions; /* as sampled, or with derived channels behind */
    size_t count;
    const struct split *split; /* only training rows are looked at */
    const struct derivation *derivation;
    double period_s;
};

/* Runs are in rows; 0: no limit. */
struct flat_runs {
    size_t channels;
    bool *constant; /* [channels] one value in all rows */
    size_t *run;    /* [channels] longest, in rows in motion */
    size_t groups;
    char **group_name; /* [groups] of the channels, in the order in which they appear */
    size_t *group_of;  /* [channels] */
    size_t *group_run; /* [groups] all of its channels, constant ones and the step apart */
    size_t whole_run;  /* the whole sample, in all rows */
};

/* Memory: flat_runs_deinit, also after a failure. Errors: -ENOMEM. */
int flat_runs_learn(const struct flat_runs_source *source, struct flat_runs *ret_runs,
                    struct diag *diag);
void flat_runs_deinit(struct flat_runs *runs);

/* Adds them to a model's configuration, in which the channels stand already. */
void flat_runs_format(const struct flat_runs *runs, cJSON *config);

#endif
