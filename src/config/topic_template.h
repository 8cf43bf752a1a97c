/*
 * topic_template: where samples come: a topic in which one whole level, {robot}, names the robot.
 *
 * Thread: any.
 */
#ifndef ARMWATCH_CONFIG_TOPIC_TEMPLATE_H
#define ARMWATCH_CONFIG_TOPIC_TEMPLATE_H

#include "base/diag.h"
#include "base/name.h"

#include <stdbool.h>

#define TOPIC_TEMPLATE_MAX 1024 /* bytes */

/* Errors: -EINVAL with what is allowed. The other two take only what this has accepted. */
int topic_template_check(const char *template, struct diag *diag);

/* What to subscribe to. Memory: the caller frees it; NULL when memory is out. */
char *topic_template_filter(const char *template);

/* True if the topic fits the template; the robot's name is copied, "" if it is no valid one. */
bool topic_template_match(const char *template, const char *topic,
                          char ret_robot[NAME_MAX_LENGTH + 1]);

#endif
