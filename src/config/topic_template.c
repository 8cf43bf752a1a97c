#include "config/topic_template.h"

#include "mqtt/topic.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROBOT_MARK "{robot}"
#define PARTITION_MARK "{partition}"
#define PARTITION_DIGITS 4

/* One level of a topic, and what is behind it. */
struct level {
    const char *text;
    size_t length;
};

static struct level level_at(const char *text)
{
    return (struct level){text, strcspn(text, "/")};
}

static bool level_is(struct level level, const char *text)
{
    return level.length == strlen(text) && !memcmp(level.text, text, level.length);
}

/* How often a mark stands in the template, and how often as a whole level. */
static void count_mark(const char *template, const char *mark, int *ret_all, int *ret_whole)
{
    *ret_all = *ret_whole = 0;
    for (const char *at = template; (at = strstr(at, mark)); at += strlen(mark))
        ++*ret_all;
    for (const char *at = template; at; at = strchr(at, '/')) {
        at += at > template;
        *ret_whole += level_is(level_at(at), mark);
    }
}

int topic_template_check(const char *template, struct diag *diag)
{
    int all, whole;
    count_mark(template, ROBOT_MARK, &all, &whole);
    if (all != 1 || whole != 1)
        return diag_set(diag, "\"%.100s\": {robot} must stand for one whole level, once", template);
    count_mark(template, PARTITION_MARK, &all, &whole);
    if (all > 1 || whole != all)
        return diag_set(diag, "\"%.100s\": {partition} must stand for one whole level, once",
                        template);
    if (strlen(template) > TOPIC_TEMPLATE_MAX)
        return diag_set(diag, "%zu bytes, at most %d are allowed", strlen(template),
                        TOPIC_TEMPLATE_MAX);
    if (!mqtt_topic_valid(template))
        return diag_set(diag, "\"%.100s\": must be a topic: " MQTT_TOPIC_RULE, template);
    return 0;
}

bool topic_template_has_partition(const char *template)
{
    return strstr(template, PARTITION_MARK) != NULL;
}

static size_t append(char *text, size_t used, struct level level)
{
    memcpy(text + used, level.text, level.length);
    return used + level.length;
}

/* A number is no longer than its mark. */
static char *make_filter(const char *template, const char *partition)
{
    char filter[TOPIC_TEMPLATE_MAX + 1];
    size_t used = 0;
    for (const char *at = template;;) {
        struct level level = level_at(at);
        at += level.length;
        if (level_is(level, ROBOT_MARK))
            level = level_at("+");
        else if (level_is(level, PARTITION_MARK))
            level = level_at(partition);
        used = append(filter, used, level);
        if (!*at)
            break;
        filter[used++] = *at++;
    }
    filter[used] = '\0';
    return strdup(filter);
}

char *topic_template_filter(const char *template)
{
    return make_filter(template, "+");
}

char *topic_template_filter_partition(const char *template, size_t partition)
{
    char number[12];
    snprintf(number, sizeof number, "%u", (unsigned)partition % 10000);
    return make_filter(template, number);
}

static void read_robot(struct level level, char ret_robot[NAME_MAX_LENGTH + 1])
{
    size_t length = level.length <= NAME_MAX_LENGTH ? level.length : 0;
    memcpy(ret_robot, level.text, length);
    ret_robot[length] = '\0';
    if (!name_valid(ret_robot))
        *ret_robot = '\0';
}

static int read_partition(struct level level)
{
    int number = 0;
    bool good = level.length > 0 && level.length <= PARTITION_DIGITS &&
                (level.length == 1 || level.text[0] != '0');
    for (size_t i = 0; good && i < level.length; i++) {
        good = level.text[i] >= '0' && level.text[i] <= '9';
        number = 10 * number + (level.text[i] - '0');
    }
    return good ? number : TOPIC_PARTITION_INVALID;
}

bool topic_template_match_partition(const char *template, const char *topic,
                                    char ret_robot[NAME_MAX_LENGTH + 1], int *ret_partition)
{
    struct level robot = {NULL, 0}, partition = {NULL, 0};
    for (;;) {
        struct level mine = level_at(template), its = level_at(topic);
        if (level_is(mine, ROBOT_MARK))
            robot = its;
        else if (level_is(mine, PARTITION_MARK))
            partition = its;
        else if (mine.length != its.length || memcmp(mine.text, its.text, its.length) != 0)
            return false;
        template += mine.length;
        topic += its.length;
        if (!*template || !*topic)
            break;
        template ++;
        topic++;
    }
    if (*template || *topic)
        return false;
    read_robot(robot, ret_robot);
    *ret_partition = partition.text ? read_partition(partition) : TOPIC_PARTITION_NONE;
    return true;
}

bool topic_template_match(const char *template, const char *topic,
                          char ret_robot[NAME_MAX_LENGTH + 1])
{
    int partition;
    return topic_template_match_partition(template, topic, ret_robot, &partition);
}
