/* A template of sample topics in the first line, a topic in the second. libmosquitto is the oracle:
 * the subscription made from the template must be one, and must bring exactly the topics that the
 * template takes. */
#include "config/topic_template.h"
#include "fuzz.h"

#include <mosquitto.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The level of the topic at the place of {robot}. */
static void copy_level(const char *template, const char *topic, char ret_level[128])
{
    const char *mark = strstr(template, "{robot}");
    for (const char *c = template; c < mark; c++) {
        if (*c == '/')
            topic = strchr(topic, '/') + 1;
    }
    snprintf(ret_level, 128, "%.*s", (int)strcspn(topic, "/"), topic);
}

static void check_topic(const char *template, const char *filter, const char *topic)
{
    char robot[NAME_MAX_LENGTH + 1], level[128];
    bool subscribed = false;
    bool taken = topic_template_match(template, topic, robot);
    if (mosquitto_topic_matches_sub(filter, topic, &subscribed) != MOSQ_ERR_SUCCESS)
        return; /* no broker sends such a topic */
    FUZZ_CHECK(!taken || subscribed ||
               !*robot); /* a topic with a $ is in no subscription with a + */
    if (!subscribed)
        return;
    copy_level(template, topic, level);
    FUZZ_CHECK(taken && !strcmp(robot, name_valid(level) ? level : ""));
}

static void check_filled(const char *template, const char *filter)
{
    char robot[NAME_MAX_LENGTH + 1], *topic;
    const char *mark = strstr(template, "{robot}");
    FUZZ_CHECK(asprintf(&topic, "%.*s%s%s", (int)(mark - template), template, "Kuka_1-a",
                        mark + strlen("{robot}")) >= 0);
    FUZZ_CHECK(topic_template_match(template, topic, robot) && !strcmp(robot, "Kuka_1-a"));
    FUZZ_CHECK(mosquitto_pub_topic_check(topic) == MOSQ_ERR_SUCCESS);
    check_topic(template, filter, topic);
    free(topic);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *template = fuzz_text(data, size);
    char *topic = strchr(template, '\n');
    topic = topic ? topic : template + strlen(template);
    if (*topic)
        *topic++ = '\0';
    struct diag diag = DIAG_INIT;
    int r = topic_template_check(template, &diag);
    if (r == 0) {
        char *filter = topic_template_filter(template);
        FUZZ_CHECK(filter && mosquitto_sub_topic_check(filter) == MOSQ_ERR_SUCCESS);
        FUZZ_CHECK(mosquitto_validate_utf8(filter, (int)strlen(filter)) == MOSQ_ERR_SUCCESS);
        check_filled(template, filter);
        check_topic(template, filter, topic);
        free(filter);
    } else {
        fuzz_check_refusal(r, &diag);
    }
    free(template);
    return 0;
}
