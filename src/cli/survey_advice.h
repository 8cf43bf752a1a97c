/*
 * survey_advice: what a survey means for who sets armwatch up: findings, and the configuration to
 * write.
 *
 * Thread: any, of a survey that has ended. Memory: survey_advice_deinit, also after an error.
 */
#ifndef ARMWATCH_CLI_SURVEY_ADVICE_H
#define ARMWATCH_CLI_SURVEY_ADVICE_H

#include "base/json.h"
#include "cli/survey.h"
#include "cli/survey_findings.h"
#include "cli/survey_levels.h"
#include "cli/survey_sources.h"
#include "model/model.h"

#define SURVEY_FILE_NAME "assembler.json"

struct survey_question {
    const struct survey *survey;
    const char *robot;         /* or NULL */
    const struct model *model; /* or NULL */
};

struct survey_advice {
    struct survey_groups groups;
    struct survey_sources sources;
    size_t *tag_of; /* [model->channels] positions among the tags; SIZE_MAX: none. NULL: no model */
    double period_s; /* of the samples: the model's, or the faster tags'; NAN: not known */
    struct survey_findings findings;
    cJSON *configuration; /* members of armwatchd.json; NULL if there is nothing to write */
    cJSON *assembler;     /* the file of sources, as source_map_parse takes it; NULL: none needed */
};

/* Errors: -ENOMEM. */
int survey_advise(const struct survey_question *question, struct survey_advice *ret_advice);
void survey_advice_deinit(struct survey_advice *advice);

/* ---- its parts, each in a file of its own */

/* Findings on topics, signals and clocks. */
void survey_advise_stream(const struct survey_question *question, struct survey_advice *advice);
/* tag_of; findings against the model. Errors: -ENOMEM. */
int survey_match_model(const struct survey_question *question, struct survey_advice *advice);
void survey_advise_model(const struct survey_question *question, struct survey_advice *advice);
/* configuration and assembler. */
void survey_advise_files(const struct survey_question *question, struct survey_advice *advice);

/* The channel that is made of a tag, NULL if none is; without a model, the tag's own name. */
const char *survey_channel_of(const struct survey_question *question,
                              const struct survey_advice *advice, size_t tag);

#endif
