#include "daemon/fault_text.h"

#include "base/clock.h"

#include <stdio.h>
#include <string.h>

#define GROUPS_NAMED 2
#define NAME_SHOWN 60 /* characters */

static double seconds(int64_t from_ns, int64_t to_ns)
{
    return (double)(to_ns - from_ns) / (double)CLOCK_NS_PER_S;
}

/* The groups of the channels that are listed, each once; at most `max` are filled in. */
static size_t find_groups(const struct sensor_fault *fault, const struct model *model,
                          size_t *ret_groups, size_t max)
{
    size_t count = 0;
    for (size_t i = 0; i < fault->channels && i < SENSOR_FAULT_LISTED_MAX; i++) {
        size_t group = model->channel[fault->listed[i].channel].group;
        bool known = false;
        for (size_t j = 0; j < i && !known; j++)
            known = model->channel[fault->listed[j].channel].group == group;
        if (known)
            continue;
        if (count < max)
            ret_groups[count] = group;
        count++;
    }
    return count;
}

/* What stands still: a channel, a group, or several. Returns true if it is one. */
static bool name_subject(const struct robot *robot, char *ret_name, size_t size)
{
    const struct sensor_fault *fault = &robot->fault;
    const struct model *model = robot->model;
    size_t groups[GROUPS_NAMED] = {0};
    size_t count = find_groups(fault, model, groups, GROUPS_NAMED);
    if (fault->channels == 1) {
        snprintf(ret_name, size, "%.*s", NAME_SHOWN, model->channel[fault->listed[0].channel].name);
        return true;
    }
    const char *first = model->group_names[groups[0]];
    if (count == 1)
        snprintf(ret_name, size, "%.*s", NAME_SHOWN, first);
    else if (count == 2)
        snprintf(ret_name, size, "%.*s and %.*s", NAME_SHOWN, first, NAME_SHOWN,
                 model->group_names[groups[1]]);
    else
        snprintf(ret_name, size, "%.*s, %.*s and %zu more", NAME_SHOWN, first, NAME_SHOWN,
                 model->group_names[groups[1]], count - 2);
    return count == 1;
}

void fault_text(const struct robot *robot, enum alert_transition transition, char *ret_text,
                size_t size)
{
    const struct sensor_fault *fault = &robot->fault;
    const struct alert_episode *episode = &fault->episode;
    char name[3 * NAME_SHOWN];
    bool one = name_subject(robot, name, sizeof name);
    bool timed =
        episode->ended_ns >= episode->started_ns; /* else the source's clock was set back */
    if (transition == ALERT_CLEARED && timed)
        snprintf(ret_text, size, "%s %s again after %.1f s", name, one ? "varies" : "vary",
                 seconds(episode->started_ns, episode->ended_ns));
    else if (transition == ALERT_CLEARED)
        snprintf(ret_text, size, "%s %s again", name, one ? "varies" : "vary");
    else
        snprintf(ret_text, size, "%s %s still while the arm moves (%zu channel%s flat for %.1f s)",
                 name, one ? "stands" : "stand", fault->channels, fault->channels == 1 ? "" : "s",
                 fault->flat_s);
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
