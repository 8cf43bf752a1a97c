#include "fake_client.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct fake_client fake_client;

int __wrap_mqtt_client_publish(struct mqtt_client *client, const struct mqtt_message *message,
                               uint64_t *ret_token);
bool __wrap_mqtt_client_online(const struct mqtt_client *client);
const char *__wrap_mqtt_client_reason(const struct mqtt_client *client);

struct mqtt_client *fake_client_handle(void)
{
    return (struct mqtt_client *)&fake_client; /* never looked into */
}

void fake_client_reset(void)
{
    for (size_t i = 0; i < fake_client.count; i++) {
        free(fake_client.message[i].topic);
        free(fake_client.message[i].payload);
        free(fake_client.message[i].correlation);
    }
    memset(&fake_client, 0, sizeof fake_client);
    fake_client.online = true;
    fake_client.room = SIZE_MAX;
}

const struct fake_message *fake_client_last(const char *topic)
{
    for (size_t i = fake_client.count; i-- > 0;) {
        if (!strcmp(fake_client.message[i].topic, topic))
            return &fake_client.message[i];
    }
    return NULL;
}

static char *copy(const void *data, size_t size)
{
    char *text = malloc(size + 1);
    assert_non_null(text);
    if (size)
        memcpy(text, data, size);
    text[size] = '\0';
    return text;
}

int __wrap_mqtt_client_publish(struct mqtt_client *client, const struct mqtt_message *message,
                               uint64_t *ret_token)
{
    assert_ptr_equal(client, &fake_client);
    if (!fake_client.online)
        return -ENOTCONN;
    if (fake_client.error)
        return fake_client.error;
    if (message->qos == 1 && fake_client.room == 0)
        return -EAGAIN;
    assert_true(fake_client.count < FAKE_CLIENT_MAX);
    fake_client.room -= message->qos == 1;
    struct fake_message *taken = &fake_client.message[fake_client.count++];
    *taken = (struct fake_message){
        .topic = copy(message->topic, strlen(message->topic)),
        .payload = copy(message->payload, message->size),
        .correlation = copy(message->correlation, message->correlation_size),
        .qos = message->qos,
        .retained = message->retained,
        .token = ++fake_client.last_token,
    };
    if (ret_token)
        *ret_token = taken->token;
    return 0;
}

bool __wrap_mqtt_client_online(const struct mqtt_client *client)
{
    assert_ptr_equal(client, &fake_client);
    return fake_client.online;
}

const char *__wrap_mqtt_client_reason(const struct mqtt_client *client)
{
    return fake_client.reason ? fake_client.reason : "";
}
