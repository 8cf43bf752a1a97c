/*
 * assembler_rules: how tags become channels: which tag a channel is made of, how long its value
 * holds, what words mean, and when a sample is made of them all.
 *
 * Rules are constant once they are parsed. Thread: any.
 */
#ifndef ARMWATCH_PIPELINE_ASSEMBLER_RULES_H
#define ARMWATCH_PIPELINE_ASSEMBLER_RULES_H

#include "base/json.h"

#include <math.h>
#include <stdbool.h>
#include <stddef.h>

#define ASSEMBLER_RULES_MAX 1024
#define ASSEMBLER_WORDS_MAX 256
#define ASSEMBLER_NAME_MAX 256 /* bytes of a tag's or channel's name */
#define ASSEMBLER_MODE "mode"  /* the channel that is a sample's mode */
#define ASSEMBLER_HOLD ((double)INFINITY)

/* What a word stands for: a number, or, of the mode, another word. */
struct assembler_word {
    char *word, *text;
    double number;
};

struct assembler_rule {
    char *channel, *tag;
    double scale, offset; /* channel = scale * tag + offset, of numbers that a message brings */
    double max_age_s;     /* ASSEMBLER_HOLD: for ever */
    bool substituted;     /* a value that is missing or too old is `substitute`; else no sample */
    double substitute;
    struct assembler_word *words;
    size_t word_count;
};

struct assembler_rules {
    double period_s;  /* of the samples; 0: the model's */
    char *tick;       /* channel whose arrival makes a sample; NULL: the clock does */
    double max_age_s; /* of channels without a rule that says otherwise */
    struct assembler_rule *rules;
    size_t count;
};

/* From the members "tick", "max_age_s" and "channels" of an object. Errors: -EINVAL with the key,
 * what was found and what is allowed; -ENOMEM. Memory: to be released with _deinit, also after an
 * error. */
int assembler_rules_parse(const cJSON *object, struct assembler_rules *ret_rules,
                          struct diag *diag);
void assembler_rules_deinit(struct assembler_rules *rules);

/* NULL if a channel has none: it is made of the tag of its own name. */
const struct assembler_rule *assembler_rules_find(const struct assembler_rules *rules,
                                                  const char *channel);

#endif
