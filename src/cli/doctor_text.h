/*
 * doctor_text: what `armwatch doctor` has found, for a person and as JSON. Thread: any.
 */
#ifndef ARMWATCH_CLI_DOCTOR_TEXT_H
#define ARMWATCH_CLI_DOCTOR_TEXT_H

#include "cli/survey_advice.h"
#include "cli/survey_trial.h"

#include <stdio.h>

struct doctor_report {
    const struct survey *survey;
    const struct survey_advice *advice;
    const struct survey_trial *trial; /* or NULL */
    const char *written;              /* where the file of sources went, or NULL */
};

void doctor_text_print(const struct doctor_report *report, FILE *out);
/* NULL when memory is out. */
cJSON *doctor_json(const struct doctor_report *report);

#endif
