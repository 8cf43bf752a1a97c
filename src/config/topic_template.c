#include "config/topic_template.h"

#include "mqtt/topic.h"

#include <stdio.h>
#include <string.h>

#define ROBOT_MARK "{robot}"

int topic_template_check(const char *template, struct diag *diag)
{
    const char *mark = strstr(template, ROBOT_MARK);
    const char *behind = mark ? mark + strlen(ROBOT_MARK) : NULL;
    if (!mark || (mark > template && mark[-1] != '/') || (*behind && *behind != '/') ||
        strstr(behind, ROBOT_MARK))
        return diag_set(diag, "\"%.100s\": {robot} must stand for one whole level, once", template);
    if (strlen(template) > TOPIC_TEMPLATE_MAX)
        return diag_set(diag, "%zu bytes, at most %d are allowed", strlen(template),
                        TOPIC_TEMPLATE_MAX);
    if (!mqtt_topic_valid(template))
        return diag_set(diag, "\"%.100s\": must be a topic: " MQTT_TOPIC_RULE, template);
    return 0;
}

char *topic_template_filter(const char *template)
{
    const char *mark = strstr(template, ROBOT_MARK);
    char *filter;
    return asprintf(&filter, "%.*s+%s", (int)(mark - template), template,
                    mark + strlen(ROBOT_MARK)) < 0
               ? NULL
               : filter;
}

bool topic_template_match(const char *template, const char *topic,
                          char ret_robot[NAME_MAX_LENGTH + 1])
{
    const char *mark = strstr(template, ROBOT_MARK);
    size_t before = (size_t)(mark - template);
    if (strncmp(topic, template, before) != 0)
        return false;
    const char *robot = topic + before;
    size_t length = strcspn(robot, "/");
    if (strcmp(robot + length, mark + strlen(ROBOT_MARK)) != 0)
        return false;
    length = length <= NAME_MAX_LENGTH ? length : 0;
    memcpy(ret_robot, robot, length);
    ret_robot[length] = '\0';
    if (!name_valid(ret_robot))
        *ret_robot = '\0';
    return true;
}
