/*
 * survey_words: what the names of members and tags give away. Thread: any.
 */
#ifndef ARMWATCH_CLI_SURVEY_WORDS_H
#define ARMWATCH_CLI_SURVEY_WORDS_H

#include <stdbool.h>
#include <stddef.h>

/* Of a member's name; NULL is none of them. */
bool survey_word_is_time(const char *key);
bool survey_word_is_quality(const char *key);
bool survey_word_is_order(const char *key); /* sequence numbers, counters, versions */
bool survey_word_is_value(const char *key);
bool survey_word_is_name(const char *key);  /* of what a value is of */
bool survey_word_is_robot(const char *key); /* the member names the machine */
bool survey_word_is_mode(const char *name); /* the tag is an operating mode */

/* How much the level of a topic looks like the name of a machine: 0 and more. before: the level in
 * front of it, or NULL: in "robot/cell7" it says what follows. */
int survey_word_machine(const char *level, const char *before);

/* A mode as armwatch calls it: AUT is auto, others in small letters; false if it is too long. */
bool survey_word_mode(const char *word, char *ret_mode, size_t size);
/* Whether a word is one of those that operating modes go by. */
bool survey_word_names_mode(const char *word);

/* Letters and digits only, small: "Axis-1_pos" and "axis1Pos" are alike. */
void survey_word_fold(const char *name, char *ret_folded, size_t size);

#endif
