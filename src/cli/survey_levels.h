/*
 * survey_levels: topics of a survey that belong together, because they differ in one level only and
 * are read alike. Thread: any.
 */
#ifndef ARMWATCH_CLI_SURVEY_LEVELS_H
#define ARMWATCH_CLI_SURVEY_LEVELS_H

#include "cli/survey.h"

#include <stdbool.h>
#include <stddef.h>

#define SURVEY_LEVELS_MAX 16 /* deeper topics are grouped with none */
#define SURVEY_NO_LEVEL SIZE_MAX

struct survey_levels {
    size_t count;
    const char *text[SURVEY_LEVELS_MAX]; /* in the topic, not terminated */
    size_t length[SURVEY_LEVELS_MAX];
};

/* False if there are too many. */
bool survey_levels_split(const char *topic, struct survey_levels *ret_levels);
bool survey_levels_equal(const struct survey_levels *a, const struct survey_levels *b,
                         size_t level);
/* Copies a level, cut to size. */
void survey_levels_copy(const struct survey_levels *levels, size_t level, char *ret_text,
                        size_t size);

struct survey_group {
    size_t *topics; /* positions in the survey, in its order */
    size_t count;
    size_t level; /* that differs; SURVEY_NO_LEVEL: one topic */
};

struct survey_groups {
    struct survey_group *items;
    size_t count;
    size_t *store;
};

/* Errors: -ENOMEM. Memory: survey_groups_deinit, also after an error. */
int survey_groups_find(const struct survey *survey, struct survey_groups *ret_groups);
void survey_groups_deinit(struct survey_groups *groups);

/* "cell7/+/velocity", cut to size. */
void survey_group_pattern(const struct survey *survey, const struct survey_group *group,
                          char *ret_text, size_t size);

#endif
