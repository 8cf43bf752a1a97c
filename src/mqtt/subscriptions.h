/*
 * subscriptions: the filters a client wants, sent again at every connect.
 */
#ifndef ARMWATCH_MQTT_SUBSCRIPTIONS_H
#define ARMWATCH_MQTT_SUBSCRIPTIONS_H

#include <stdbool.h>
#include <stddef.h>

struct mqtt_subscription {
    char *filter;
    int options; /* as in mqtt_client_subscribe */
    int mid;     /* of the last SUBSCRIBE, or 0 */
    int reason;  /* the broker refused it with this reason and nobody was told yet, or 0 */
};

struct mqtt_subscriptions {
    struct mqtt_subscription *items;
    size_t count, capacity;
};

/* Adds a filter or changes its options. Errors: -ENOMEM. */
int mqtt_subscriptions_put(struct mqtt_subscriptions *subscriptions, const char *filter,
                           int options, struct mqtt_subscription **ret_item);
/* false when the filter is not there. */
bool mqtt_subscriptions_remove(struct mqtt_subscriptions *subscriptions, const char *filter);
struct mqtt_subscription *mqtt_subscriptions_by_mid(struct mqtt_subscriptions *subscriptions,
                                                    int mid);
void mqtt_subscriptions_deinit(struct mqtt_subscriptions *subscriptions);

#endif
