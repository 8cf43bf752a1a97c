/*
 * survey_trial: a file of sources, tried on what comes: the same reading and the same assembler as
 * in the daemon, without a model's judgement.
 *
 * Without a model the channels of a robot are the tags that it sent in the first seconds
 * (learn_ns), by the names that the file gives them, and those of the file that no robot sent. What
 * came meanwhile is put in then. Memory: bounded. Thread: one at a time.
 */
#ifndef ARMWATCH_CLI_SURVEY_TRIAL_H
#define ARMWATCH_CLI_SURVEY_TRIAL_H

#include "cli/survey.h"
#include "cli/survey_findings.h"
#include "model/model.h"
#include "pipeline/assembler.h"
#include "source/source_map.h"
#include "source/source_read.h"
#include "source/source_sparkplug.h"

#define TRIAL_ROBOTS_MAX 64
#define TRIAL_TAGS_MAX 4096 /* of all robots */
#define TRIAL_WORDS_MAX 64

struct trial_robot {
    char name[NAME_MAX_LENGTH + 1];
    struct assembler_layout *layout; /* NULL before it is learnt */
    size_t channels;                 /* of it */
    struct assembler *assembler;
    uint64_t samples, refused[SAMPLE_REFUSALS];
    char refused_text[SAMPLE_REFUSALS][160]; /* the newest of each */
};

struct trial_tag {
    char *name;
    size_t robot;
    enum tag_type type;
    double number;
    char text[SURVEY_WORD_BYTES + 1];
    int64_t time_ns;
    bool old, used; /* used: a channel is made of it */
};

struct survey_trial {
    struct source_map *map;               /* borrowed */
    const struct model *model;            /* borrowed, or NULL */
    struct source_sparkplug *sparkplug;   /* NULL: no source is of it */
    const struct survey_message *message; /* that is being taken */
    bool begun;                           /* the layouts are known */
    int64_t begin_ns, learn_ns;
    struct trial_robot robots[TRIAL_ROBOTS_MAX];
    size_t robot_count;
    struct trial_tag *tags;
    size_t tag_count;
    uint64_t lost; /* tags of robots or tags over the limits */
    uint64_t messages[SOURCES_MAX];
    uint64_t refused[SOURCE_REFUSALS];
    char refused_text[SOURCE_REFUSALS][200]; /* of the first */
    uint64_t refused_tags[ASSEMBLER_REFUSALS];
    char words[TRIAL_WORDS_MAX][160]; /* the texts of words that no table has */
    size_t word_count;
    bool failed; /* memory was out */
};

/* begin_ns is to be set when listening begins. Errors: -ENOMEM. Memory: survey_trial_deinit, also
 * after an error and of zeros. */
int survey_trial_init(struct survey_trial *trial, struct source_map *map, const struct model *model,
                      int64_t learn_ns);
void survey_trial_deinit(struct survey_trial *trial);
void survey_trial_take(struct survey_trial *trial, const struct survey_message *message);
/* Makes what is still to be made. */
void survey_trial_end(struct survey_trial *trial);
void survey_trial_findings(const struct survey_trial *trial, struct survey_findings *findings);
cJSON *survey_trial_json(const struct survey_trial *trial);
uint64_t survey_trial_samples(const struct survey_trial *trial);

#endif
