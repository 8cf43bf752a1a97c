/*
 * resubscription: a subscription that the broker refused is asked for again now and then: a cluster
 * that elects a leader refuses what it would take a little later, and says no word then.
 *
 * It stands for one filter, at QoS 1; a refusal of another one is remembered, too, as that does not
 * pass by asking for this. Thread: the loop.
 */
#ifndef ARMWATCH_DAEMON_RESUBSCRIPTION_H
#define ARMWATCH_DAEMON_RESUBSCRIPTION_H

#include "mqtt/client.h"

#include <stdbool.h>
#include <stdint.h>

#define RESUBSCRIPTION_WAIT_S 10
#define RESUBSCRIPTION_ANSWER_S 6 /* a refusal may take so long */

struct resubscription {        /* of one connection; {0} at its beginning */
    const char *filter;        /* borrowed; NULL: it was not refused */
    bool other;                /* another one was */
    int64_t again_ns, sure_ns; /* monotonic; 0: not */
};

/* `refused` was. `filter`: the one that this stands for. */
void resubscription_refused(struct resubscription *resubscription, const char *refused,
                            const char *filter, int64_t now_ns);
/* Asks again when it is due. True, once, when nothing is refused any more. */
bool resubscription_tick(struct resubscription *resubscription, struct mqtt_client *client,
                         int64_t now_ns);

#endif
