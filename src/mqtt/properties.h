/*
 * properties: MQTT 5 properties to and from struct mqtt_message.
 */
#ifndef ARMWATCH_MQTT_PROPERTIES_H
#define ARMWATCH_MQTT_PROPERTIES_H

#include "mqtt/client.h"

#include <mosquitto.h>

/* Both give a list the caller frees with mosquitto_property_free_all; NULL when there is nothing to
 * say. Errors: -ENOMEM, -EINVAL (a string that is not UTF-8). */
int mqtt_properties_connect(mosquitto_property **ret_properties);
int mqtt_properties_publish(const struct mqtt_message *message,
                            mosquitto_property **ret_properties);

/* The encoded size of what mqtt_properties_publish makes. */
size_t mqtt_properties_publish_size(const struct mqtt_message *message);

/* What a received message carried; freed with mqtt_properties_received_deinit. */
struct mqtt_properties_received {
    char *response_topic; /* or NULL */
    void *correlation;    /* or NULL */
    size_t correlation_size;
};

void mqtt_properties_received_init(struct mqtt_properties_received *received,
                                   const mosquitto_property *properties);
void mqtt_properties_received_deinit(struct mqtt_properties_received *received);

#endif
