/*
 * topic_template: where samples come: a topic in which one whole level, {robot}, names the robot,
 * and another one, {partition}, may say by its number to which part of a fleet it belongs.
 *
 * Thread: any.
 */
#ifndef ARMWATCH_CONFIG_TOPIC_TEMPLATE_H
#define ARMWATCH_CONFIG_TOPIC_TEMPLATE_H

#include "base/diag.h"
#include "base/name.h"

#include <stdbool.h>
#include <stddef.h>

#define TOPIC_TEMPLATE_MAX 1024 /* bytes */

/* Errors: -EINVAL with what is allowed. The others take only what this has accepted. */
int topic_template_check(const char *template, struct diag *diag);

bool topic_template_has_partition(const char *template);

/* What to subscribe to: every robot, of every partition. Memory: the caller frees it; NULL when
 * memory is out. */
char *topic_template_filter(const char *template);
/* The same for one partition. */
char *topic_template_filter_partition(const char *template, size_t partition);

/* True if the topic fits the template; the robot's name is copied, "" if it is no valid one. */
bool topic_template_match(const char *template, const char *topic,
                          char ret_robot[NAME_MAX_LENGTH + 1]);

#define TOPIC_PARTITION_NONE (-1)    /* the template has no such level */
#define TOPIC_PARTITION_INVALID (-2) /* what stands there is no number */
/* The same, with the partition: a number from 0 to 9999 without leading zeros, or one of these. */
bool topic_template_match_partition(const char *template, const char *topic,
                                    char ret_robot[NAME_MAX_LENGTH + 1], int *ret_partition);

#endif
