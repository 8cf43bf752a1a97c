/*
 * fake_client: what mqtt_client_publish is given, without a broker. The test is linked with
 * -Wl,--wrap for the functions of mqtt/client.h that are named here.
 */
#ifndef ARMWATCH_TESTS_FAKE_CLIENT_H
#define ARMWATCH_TESTS_FAKE_CLIENT_H

#include "mqtt/client.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FAKE_CLIENT_MAX 4096

struct fake_message {
    char *topic, *payload, *correlation;
    int qos;
    bool retained;
    uint64_t token;
};

struct fake_client {
    bool online;
    const char *reason; /* why it is not */
    int error;          /* of the next publishes; 0: none */
    size_t room;        /* publishes of QoS 1 before -EAGAIN */
    uint64_t last_token;
    size_t count; /* taken */
    struct fake_message message[FAKE_CLIENT_MAX];
};

extern struct fake_client fake_client;
/* For what wants a client. */
struct mqtt_client *fake_client_handle(void);
/* Online, with much room, nothing taken. */
void fake_client_reset(void);
/* The newest message on a topic; NULL if there is none. */
const struct fake_message *fake_client_last(const char *topic);

#endif
