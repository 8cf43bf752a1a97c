/*
 * survey_writer: shared by the files that write the configuration: survey_files.c, survey_rules.c.
 */
#ifndef ARMWATCH_CLI_SURVEY_WRITER_H
#define ARMWATCH_CLI_SURVEY_WRITER_H

#include "cli/survey_advice.h"
#include "source/source_map.h"

#define SURVEY_LEAST_AGES 3 /* periods that a value is to hold */

struct survey_writer {
    const struct survey_question *question;
    struct survey_advice *advice;
    bool *used;     /* [sources] */
    size_t mode;    /* the tag that is one; SIZE_MAX: none */
    double age_s;   /* of the file */
    size_t dropped; /* sources or rules over the limits */
};

/* "/axis/1/pos" as a tag is "axis_1_pos". */
void survey_name_place(const char *place, char ret_name[SURVEY_NAME_MAX + 1]);
/* To one digit. */
double survey_round_up(double age_s);
/* The tag that tells the operating mode; SIZE_MAX if none does. */
size_t survey_find_mode(const struct survey_sources *sources);
/* The member "channels" of a file of sources, where one is needed. */
void survey_write_channels(struct survey_writer *writer, cJSON *file);
/* The member "gate" of a configuration's input. */
void survey_put_gate(const struct survey_writer *writer, cJSON *input);

#endif
