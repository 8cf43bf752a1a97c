#include "mqtt/subscriptions.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct mqtt_subscription *subscriptions_find(struct mqtt_subscriptions *subscriptions,
                                                    const char *filter)
{
    for (size_t i = 0; i < subscriptions->count; i++) {
        if (!strcmp(subscriptions->items[i].filter, filter))
            return &subscriptions->items[i];
    }
    return NULL;
}

int mqtt_subscriptions_put(struct mqtt_subscriptions *subscriptions, const char *filter,
                           int options, struct mqtt_subscription **ret_item)
{
    struct mqtt_subscription *item = subscriptions_find(subscriptions, filter);
    if (!item) {
        if (subscriptions->count == subscriptions->capacity) {
            size_t capacity = subscriptions->capacity ? 2 * subscriptions->capacity : 8;
            void *items = reallocarray(subscriptions->items, capacity, sizeof *item);
            if (!items)
                return -ENOMEM;
            subscriptions->items = items;
            subscriptions->capacity = capacity;
        }
        char *copy = strdup(filter);
        if (!copy)
            return -ENOMEM;
        item = &subscriptions->items[subscriptions->count++];
        *item = (struct mqtt_subscription){.filter = copy};
    }
    item->options = options;
    *ret_item = item;
    return 0;
}

bool mqtt_subscriptions_remove(struct mqtt_subscriptions *subscriptions, const char *filter)
{
    struct mqtt_subscription *item = subscriptions_find(subscriptions, filter);
    if (!item)
        return false;
    free(item->filter);
    *item = subscriptions->items[--subscriptions->count];
    return true;
}

struct mqtt_subscription *mqtt_subscriptions_by_mid(struct mqtt_subscriptions *subscriptions,
                                                    int mid)
{
    for (size_t i = 0; i < subscriptions->count; i++) {
        if (subscriptions->items[i].mid == mid)
            return &subscriptions->items[i];
    }
    return NULL;
}

void mqtt_subscriptions_deinit(struct mqtt_subscriptions *subscriptions)
{
    for (size_t i = 0; i < subscriptions->count; i++)
        free(subscriptions->items[i].filter);
    free(subscriptions->items);
    *subscriptions = (struct mqtt_subscriptions){0};
}
