/*
 * rebirth: when a node may be asked for its births, and how: an NCMD with Node Control/Rebirth.
 *
 * The first request goes at once. The next one waits for min, then for twice as long each time, up
 * to max: births that do not help must become no flood. After a pause of twice the last wait it
 * begins at min again. Thread: any.
 */
#ifndef ARMWATCH_SPARKPLUG_REBIRTH_H
#define ARMWATCH_SPARKPLUG_REBIRTH_H

#include "sparkplug/topic.h"

#include <stdint.h>

#define SPARKPLUG_COMMAND_MAX 64 /* bytes of the payload */

struct sparkplug_rebirth {
    bool wanted;     /* until a birth */
    int64_t wait_ns; /* 0: there was no request yet */
    int64_t asked_ns;
};

struct sparkplug_wait {
    int64_t min_ns, max_ns;
};

/* Whether a request is to go now; then it counts as sent. */
bool sparkplug_rebirth_ask(struct sparkplug_rebirth *rebirth, const struct sparkplug_wait *wait,
                           int64_t now_ns);

struct sparkplug_command {
    char topic[SPARKPLUG_TOPIC_SIZE];
    unsigned char payload[SPARKPLUG_COMMAND_MAX];
    size_t size;
};

/* The NCMD for the node of a topic; to be sent with QoS 0, not retained. time_ms: Unix epoch, now.
 * Errors: -ENOMEM. */
int sparkplug_format_rebirth(const struct sparkplug_topic *of_node, int64_t time_ms,
                             struct sparkplug_command *ret_command);

#endif
