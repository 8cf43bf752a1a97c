/*
 * topic: what MQTT lets stand in a topic. Thread: any.
 */
#ifndef ARMWATCH_MQTT_TOPIC_H
#define ARMWATCH_MQTT_TOPIC_H

#include <stdbool.h>

#define MQTT_TOPIC_RULE "UTF-8 without control characters, + and #"

/* Whether a message can be published on it: MQTT_TOPIC_RULE, not empty, at most 65535 bytes. */
bool mqtt_topic_valid(const char *topic);

#endif
