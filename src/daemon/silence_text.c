#include "daemon/silence_text.h"

#include "base/clock.h"

#include <stdio.h>

static double seconds(int64_t from_ns, int64_t to_ns)
{
    return (double)(to_ns - from_ns) / (double)CLOCK_NS_PER_S;
}

void silence_text(const struct robot *robot, enum alert_transition transition, int64_t now_ns,
                  char *ret_text, size_t size)
{
    const struct alert_episode *episode = &robot->silence;
    if (transition == ALERT_CLEARED)
        snprintf(ret_text, size, "%s sends samples again after %.0f s", robot->name,
                 seconds(episode->started_ns, episode->ended_ns));
    else
        snprintf(ret_text, size, "%s is silent: no sample for %.0f s", robot->name,
                 seconds(episode->started_ns, now_ns));
}
