/*
 * reason: why there is no connection, in words for a person.
 */
#ifndef ARMWATCH_MQTT_REASON_H
#define ARMWATCH_MQTT_REASON_H

#include "mqtt/session.h"

/* What a MOSQ_ERR_* of a library call and the errno left by it mean. */
void mqtt_reason_library(const struct mqtt_session *session, int rc, int error,
                         char ret_text[MQTT_REASON_MAX]);

/* What the broker itself said, which is better than any symptom; false when it said nothing. */
bool mqtt_reason_broker(const struct mqtt_session *session, char ret_text[MQTT_REASON_MAX]);

/* Whether the broker gave the session to another client with the same id (MQTT 5 only). */
bool mqtt_reason_is_takeover(const struct mqtt_session *session);

#endif
