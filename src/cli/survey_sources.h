/*
 * survey_sources: how the topics of a survey would be named as sources of the assembler, or as
 * topics of samples: which level names the robot, which the tag.
 *
 * Thread: any. Memory: sources borrow the survey.
 */
#ifndef ARMWATCH_CLI_SURVEY_SOURCES_H
#define ARMWATCH_CLI_SURVEY_SOURCES_H

#include "base/json.h"
#include "cli/survey_levels.h"
#include "model/model.h"
#include "source/source_topic.h"

#define SURVEY_ROBOT "robot1" /* where nothing names one */

struct survey_source {
    const struct survey_recipe *recipe;
    enum survey_form form;
    char pattern[SOURCE_TOPIC_MAX + 1];
    char robot[SURVEY_PLACE_MAX]; /* a name or a place; "": in the pattern */
    bool guessed;                 /* the robot's name is SURVEY_ROBOT */
    size_t *topics;               /* positions in the survey */
    size_t count;
};

/* One tag of a source, as the assembler would call it. */
struct survey_tag {
    const struct survey_signal *signal;
    size_t source;
    char name[SURVEY_NAME_MAX + 1];
};

struct survey_sources {
    struct survey_source *items;
    size_t count;
    size_t *store;
    struct survey_tag *tags; /* [tag_count] of all sources; of a source of samples its channels */
    size_t tag_count;
};

/* robot: the name that is looked for, or NULL; model: whose channels are, or NULL.
 * Errors: -ENOMEM. Memory: survey_sources_deinit, also after an error. */
int survey_sources_find(const struct survey *survey, const struct survey_groups *groups,
                        const char *robot, const struct model *model,
                        struct survey_sources *ret_sources);
void survey_sources_deinit(struct survey_sources *sources);

/* Whether its messages are samples, whole. */
bool survey_source_is_sample(const struct survey_source *source);

#endif
