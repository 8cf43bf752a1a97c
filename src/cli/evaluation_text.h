/*
 * evaluation_text: the figures of an evaluation, for people and as JSON.
 */
#ifndef ARMWATCH_CLI_EVALUATION_TEXT_H
#define ARMWATCH_CLI_EVALUATION_TEXT_H

#include "base/json.h"
#include "lab/bootstrap.h"
#include "lab/evaluation.h"
#include "model/model.h"

#include <stdio.h>

struct evaluation_result {
    const struct model *model;
    const struct scored *scored; /* what was measured: the healthy recordings, then the others */
    size_t normal, recordings;   /* healthy ones; all */
    bool simulated;
    double false_alarms_per_day; /* promised */
    struct evaluation evaluation;
    struct bootstrap_interval interval[BOOTSTRAP_METRICS]; /* of the robot's figures */
};

/* What `evaluate --json` prints. The caller owns it. */
cJSON *evaluation_text_json(const struct evaluation_result *result);

void evaluation_text_print(const struct evaluation_result *result, FILE *out);

#endif
