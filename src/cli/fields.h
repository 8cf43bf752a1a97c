/*
 * fields: members of a message from the daemon, for showing: whatever is missing or of another type
 * becomes the fallback.
 *
 * Memory: texts are borrowed from the tree.
 */
#ifndef ARMWATCH_CLI_FIELDS_H
#define ARMWATCH_CLI_FIELDS_H

#include "base/json.h"

const char *fields_text(const cJSON *object, const char *key, const char *fallback);
double fields_number(const cJSON *object, const char *key, double fallback);

/* "a, b" of an array of strings; cut to size. */
void fields_join(const cJSON *object, const char *key, char *ret_text, size_t size);

/* A score in at most 6 columns, "-" where there is none. */
#define FIELDS_SCORE_MAX 16
void fields_score(double score, char ret_text[FIELDS_SCORE_MAX]);

/* "2:05:09". */
#define FIELDS_SPAN_MAX 32
void fields_span(double seconds, char ret_text[FIELDS_SPAN_MAX]);

/* Local time of day of an RFC 3339 text, "17:00:01"; the date too where it is not today. */
#define FIELDS_TIME_MAX 32
void fields_local_time(const char *text, char ret_text[FIELDS_TIME_MAX]);

/* "no alerts until 17:00:01: REASON" of a robot's state, cut; "" where it is not suspended. */
#define FIELDS_SUSPENSION_MAX 208
void fields_suspension(const cJSON *robot, char ret_text[FIELDS_SUSPENSION_MAX]);

/* Makes every text in the tree safe for a terminal. */
void fields_clean(cJSON *tree);

#endif
