#include "daemon/resubscription.h"

#include "base/clock.h"

#include <string.h>

void resubscription_refused(struct resubscription *resubscription, const char *refused,
                            const char *filter, int64_t now_ns)
{
    if (strcmp(refused, filter) != 0) {
        resubscription->other = true;
        return;
    }
    resubscription->filter = filter;
    resubscription->again_ns = now_ns + RESUBSCRIPTION_WAIT_S * CLOCK_NS_PER_S;
    resubscription->sure_ns = 0;
}

bool resubscription_tick(struct resubscription *resubscription, struct mqtt_client *client,
                         int64_t now_ns)
{
    if (!resubscription->filter || !mqtt_client_online(client))
        return false;
    if (resubscription->again_ns != 0 && now_ns >= resubscription->again_ns) {
        resubscription->again_ns = 0;
        resubscription->sure_ns = now_ns + RESUBSCRIPTION_ANSWER_S * CLOCK_NS_PER_S;
        mqtt_client_subscribe(client, resubscription->filter, 1 | MQTT_RETAIN_AS_PUBLISHED);
    }
    if (resubscription->sure_ns == 0 || now_ns < resubscription->sure_ns)
        return false;
    resubscription->filter = NULL;
    resubscription->sure_ns = 0;
    return !resubscription->other;
}
