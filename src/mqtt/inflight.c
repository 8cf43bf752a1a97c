#include "mqtt/inflight.h"

#include <assert.h>
#include <string.h>

static struct mqtt_inflight_entry *inflight_find(struct mqtt_inflight *inflight, int mid)
{
    for (unsigned i = 0; i < inflight->count; i++) {
        if (inflight->entries[i].mid == mid)
            return &inflight->entries[i];
    }
    return NULL;
}

bool mqtt_inflight_has(const struct mqtt_inflight *inflight, int mid)
{
    return inflight_find((struct mqtt_inflight *)inflight, mid) != NULL;
}

uint64_t mqtt_inflight_add(struct mqtt_inflight *inflight, int mid, uint64_t deadline_ms)
{
    assert(inflight->count < MQTT_INFLIGHT_MAX);
    struct mqtt_inflight_entry *entry = &inflight->entries[inflight->count++];
    *entry = (struct mqtt_inflight_entry){
        .mid = mid, .token = ++inflight->last_token, .deadline_ms = deadline_ms};
    return entry->token;
}

bool mqtt_inflight_ack(struct mqtt_inflight *inflight, int mid, int reason)
{
    struct mqtt_inflight_entry *entry = inflight_find(inflight, mid);
    if (!entry)
        return false;
    entry->acked = true;
    entry->reason = reason;
    return true;
}

bool mqtt_inflight_take(struct mqtt_inflight *inflight, struct mqtt_inflight_entry *ret_entry)
{
    for (unsigned i = 0; i < inflight->count; i++) {
        if (!inflight->entries[i].acked)
            continue;
        *ret_entry = inflight->entries[i];
        inflight->count--;
        memmove(&inflight->entries[i], &inflight->entries[i + 1],
                (inflight->count - i) * sizeof inflight->entries[0]);
        return true;
    }
    return false;
}

bool mqtt_inflight_overdue(const struct mqtt_inflight *inflight, uint64_t now_ms)
{
    for (unsigned i = 0; i < inflight->count; i++) {
        if (!inflight->entries[i].acked && now_ms > inflight->entries[i].deadline_ms)
            return true;
    }
    return false;
}

void mqtt_inflight_renew(struct mqtt_inflight *inflight, uint64_t deadline_ms)
{
    for (unsigned i = 0; i < inflight->count; i++)
        inflight->entries[i].deadline_ms = deadline_ms;
}
