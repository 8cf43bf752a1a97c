/*
 * source_topic: the topics of a source: levels that are the same, that name the robot ({robot}) or
 * the tag ({channel}), or that may be anything (+; # at the end for any number of them).
 *
 * "cell7/{robot}/{channel}/#" takes all levels from {channel} on as the tag's name: "axis/1/speed".
 * Thread: any.
 */
#ifndef ARMWATCH_SOURCE_SOURCE_TOPIC_H
#define ARMWATCH_SOURCE_SOURCE_TOPIC_H

#include "base/diag.h"
#include "base/name.h"

#include <stdbool.h>

#define SOURCE_TOPIC_MAX 1024  /* bytes */
#define SOURCE_CHANNEL_MAX 256 /* bytes */

struct source_match {
    char robot[NAME_MAX_LENGTH + 1];      /* "" if it is not named, or by no valid name */
    char channel[SOURCE_CHANNEL_MAX + 1]; /* "" if it is not named, or too long */
};

/* ret_robot, ret_channel: whether the topic names them. Errors: -EINVAL with what is allowed. The
 * other two take only what this has accepted. */
int source_topic_check(const char *topic, bool *ret_robot, bool *ret_channel, struct diag *diag);

/* What to subscribe to. Memory: the caller frees it; NULL when memory is out. */
char *source_topic_filter(const char *topic);

/* True if a message's topic fits. */
bool source_topic_match(const char *pattern, const char *topic, struct source_match *ret_match);

#endif
