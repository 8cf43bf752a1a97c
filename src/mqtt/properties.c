#include "mqtt/properties.h"

#include <errno.h>
#include <mqtt_protocol.h>
#include <stdlib.h>
#include <string.h>

static int properties_error(int rc)
{
    return rc == MOSQ_ERR_NOMEM ? -ENOMEM : -EINVAL;
}

int mqtt_properties_connect(mosquitto_property **ret_properties)
{
    mosquitto_property *list = NULL;
    /* Expiry 0: a command queued while the client was away must not run hours later. */
    int rc = mosquitto_property_add_int32(&list, MQTT_PROP_SESSION_EXPIRY_INTERVAL, 0);
    if (!rc)
        rc = mosquitto_property_add_int32(&list, MQTT_PROP_MAXIMUM_PACKET_SIZE, MQTT_PACKET_MAX);
    if (rc) {
        mosquitto_property_free_all(&list);
        return properties_error(rc);
    }
    *ret_properties = list;
    return 0;
}

int mqtt_properties_publish(const struct mqtt_message *message, mosquitto_property **ret_properties)
{
    mosquitto_property *list = NULL;
    int rc = 0;
    if (message->content_type)
        rc = mosquitto_property_add_string(&list, MQTT_PROP_CONTENT_TYPE, message->content_type);
    if (!rc && message->response_topic)
        rc =
            mosquitto_property_add_string(&list, MQTT_PROP_RESPONSE_TOPIC, message->response_topic);
    if (!rc && message->correlation)
        rc = mosquitto_property_add_binary(&list, MQTT_PROP_CORRELATION_DATA, message->correlation,
                                           (uint16_t)message->correlation_size);
    if (rc) {
        mosquitto_property_free_all(&list);
        return properties_error(rc);
    }
    *ret_properties = list;
    return 0;
}

size_t mqtt_properties_publish_size(const struct mqtt_message *message)
{
    /* One byte of identifier and two of length each. */
    return (message->content_type ? 3 + strlen(message->content_type) : 0) +
           (message->response_topic ? 3 + strlen(message->response_topic) : 0) +
           (message->correlation ? 3 + message->correlation_size : 0);
}

void mqtt_properties_received_init(struct mqtt_properties_received *received,
                                   const mosquitto_property *properties)
{
    *received = (struct mqtt_properties_received){0};
    if (!properties)
        return;
    uint16_t size = 0;
    mosquitto_property_read_string(properties, MQTT_PROP_RESPONSE_TOPIC, &received->response_topic,
                                   false);
    mosquitto_property_read_binary(properties, MQTT_PROP_CORRELATION_DATA, &received->correlation,
                                   &size, false);
    received->correlation_size = size;
}

void mqtt_properties_received_deinit(struct mqtt_properties_received *received)
{
    free(received->response_topic);
    free(received->correlation);
}
