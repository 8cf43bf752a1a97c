#include "source/source_topic.h"

#include "mqtt/topic.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RULE                                                                                       \
    "must be a topic; {robot}, {channel} and + stand for one whole level, # or {channel}/# for "   \
    "all that follow"

enum level { LITERAL, ANY, REST, ROBOT, CHANNEL, CHANNEL_REST };

static bool level_is(const char *level, size_t length, const char *text)
{
    return strlen(text) == length && !memcmp(level, text, length);
}

static enum level read_level(const char *level, size_t length)
{
    if (!strcmp(level, "{channel}/#"))
        return CHANNEL_REST;
    if (level_is(level, length, "{channel}"))
        return CHANNEL;
    if (level_is(level, length, "{robot}"))
        return ROBOT;
    if (level_is(level, length, "+"))
        return ANY;
    return level_is(level, length, "#") ? REST : LITERAL;
}

static int refuse(const char *topic, struct diag *diag)
{
    return diag_set(diag, "\"%.100s\": " RULE, topic);
}

int source_topic_check(const char *topic, bool *ret_robot, bool *ret_channel, struct diag *diag)
{
    char plain[SOURCE_TOPIC_MAX + 1]; /* without what is no text of the topic */
    size_t used = 0, robots = 0, channels = 0;
    if (strlen(topic) > SOURCE_TOPIC_MAX)
        return diag_set(diag, "%zu bytes, at most %d are allowed", strlen(topic), SOURCE_TOPIC_MAX);
    for (const char *at = topic;; at++) {
        size_t length = strcspn(at, "/");
        enum level level = read_level(at, length);
        if (level == LITERAL && (memchr(at, '+', length) || memchr(at, '#', length) ||
                                 memchr(at, '{', length) || memchr(at, '}', length)))
            return refuse(topic, diag);
        if (level == REST && at[length])
            return refuse(topic, diag);
        robots += level == ROBOT;
        channels += level == CHANNEL || level == CHANNEL_REST;
        used += (size_t)snprintf(plain + used, sizeof plain - used, "%s%.*s", used ? "/" : "",
                                 level == LITERAL ? (int)length : 1, level == LITERAL ? at : "x");
        at += length;
        if (level == CHANNEL_REST || !*at)
            break;
    }
    if (robots > 1 || channels > 1)
        return diag_set(diag, "\"%.100s\": {robot} and {channel} at most once each", topic);
    if (!mqtt_topic_valid(plain))
        return refuse(topic, diag);
    *ret_robot = robots > 0;
    *ret_channel = channels > 0;
    return 0;
}

char *source_topic_filter(const char *topic)
{
    char *filter = malloc(strlen(topic) + 2), *to = filter;
    if (!filter)
        return NULL;
    for (const char *at = topic;;) {
        size_t length = strcspn(at, "/");
        enum level level = read_level(at, length);
        const char *text = level == CHANNEL_REST                ? "#"
                           : level == ROBOT || level == CHANNEL ? "+"
                                                                : NULL;
        to = text ? stpcpy(to, text) : (char *)memcpy(to, at, length) + length;
        at += length;
        if (level == CHANNEL_REST || !*at)
            break;
        *to++ = *at++;
    }
    *to = '\0';
    return filter;
}

static void copy_name(char *to, size_t max, const char *name, size_t length)
{
    length = length <= max ? length : 0;
    memcpy(to, name, length);
    to[length] = '\0';
}

static void copy_robot(struct source_match *match, const char *name, size_t length)
{
    copy_name(match->robot, NAME_MAX_LENGTH, name, length);
    if (!name_valid(match->robot))
        *match->robot = '\0';
}

bool source_topic_match(const char *pattern, const char *topic, struct source_match *ret_match)
{
    *ret_match = (struct source_match){.robot = ""};
    for (;;) {
        size_t length = strcspn(pattern, "/"), given = strcspn(topic, "/");
        enum level level = read_level(pattern, length);
        if (level == REST)
            return true;
        if (level == CHANNEL_REST) {
            copy_name(ret_match->channel, SOURCE_CHANNEL_MAX, topic, strlen(topic));
            return true;
        }
        if (level == LITERAL && (given != length || strncmp(pattern, topic, length) != 0))
            return false;
        if (level == ROBOT)
            copy_robot(ret_match, topic, given);
        if (level == CHANNEL)
            copy_name(ret_match->channel, SOURCE_CHANNEL_MAX, topic, given);
        pattern += length;
        topic += given;
        if (!*pattern || !*topic)
            break;
        pattern++;
        topic++;
    }
    /* "a/#" fits "a" as well, as in MQTT. */
    return *pattern == *topic || (!*topic && !strcmp(pattern, "/#"));
}
