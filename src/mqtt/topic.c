#include "mqtt/topic.h"

#include <mosquitto.h>
#include <string.h>

bool mqtt_topic_valid(const char *topic)
{
    return *topic && mosquitto_pub_topic_check(topic) == MOSQ_ERR_SUCCESS &&
           mosquitto_validate_utf8(topic, (int)strlen(topic)) == MOSQ_ERR_SUCCESS;
}
