/*
 * Robots that fall silent within half of silent_s of each other do so together: when the first of
 * them is due, the others have been quiet for more than half of it. A gateway or a network is down
 * then, and fifty alerts would say less than one reason in the status. Those that are silent
 * already, with an alert of their own, say nothing about it.
 */
#include "daemon/silence.h"

#include "base/clock.h"
#include "base/log.h"
#include "daemon/context.h"

void silence_listen(struct silence *silence, bool listening, int64_t now_ns)
{
    silence->listening_since_ns = listening ? now_ns : 0;
}

static int64_t later(int64_t a_ns, int64_t b_ns)
{
    return a_ns > b_ns ? a_ns : b_ns;
}

/* Since when a robot could have been heard and was not. */
static int64_t unheard_since_ns(const struct silence *silence, const struct robot *robot)
{
    return later(robot->last_arrival_ns, silence->listening_since_ns);
}

/* For how long that has counted; negative: it is not watched. */
static double quiet_s(const struct silence *silence, const struct robot *robot, int64_t now_ns)
{
    if (robot->last_arrival_ns == 0 || robot->silence.open || robot->suspended ||
        context_may_be_silent(robot))
        return -1;
    int64_t since_ns = later(unheard_since_ns(silence, robot), silence->together_until_ns);
    since_ns = later(since_ns, robot->resumed_ns);
    return (double)(now_ns - since_ns) / (double)CLOCK_NS_PER_S;
}

struct census {
    size_t watched, quiet, due; /* quiet: for more than half of silent_s */
};

static struct census count(const struct silence *silence, double silent_s, int64_t now_ns)
{
    struct census census = {0};
    for (size_t i = 0; i < silence->fleet->count; i++) {
        double quiet = quiet_s(silence, silence->fleet->robot[i], now_ns);
        census.watched += quiet >= 0;
        census.quiet += quiet > silent_s / 2;
        census.due += quiet >= silent_s;
    }
    return census;
}

static void open_episode(struct silence *silence, struct robot *robot, int64_t now_ns)
{
    const struct history *history = &robot->track.history;
    robot->silence = (struct alert_episode){
        .open = true,
        .severity = ALERT_INFO,
        .started_ns = clock_realtime_ns() - (now_ns - unheard_since_ns(silence, robot)),
        .first_seq = history->last_has_seq ? history->last_seq : robot->arrivals,
        .p_value = 1};
    robot->silence.last_seq = robot->silence.first_seq;
    publisher_alert(silence->publisher, robot, ALERT_SILENT, ALERT_RAISED, now_ns);
}

void silence_tick(struct silence *silence, double silent_s, int64_t now_ns)
{
    if (silence->listening_since_ns == 0)
        return;
    struct census census = count(silence, silent_s, now_ns);
    bool most = census.quiet >= SILENCE_TOGETHER_MIN && 2 * census.quiet > census.watched;
    /* Until then nobody can have been quiet, whether they send or not. */
    double listened_s = (double)(now_ns - silence->listening_since_ns) / (double)CLOCK_NS_PER_S;
    if (silence->together && !most && listened_s > silent_s / 2) {
        /* They come back one after the other: those that are not back yet get their time anew. */
        log_info("robots send samples again");
        silence->together = false;
        silence->together_until_ns = now_ns;
        return;
    }
    if (!silence->together && census.due > 0 && most) {
        log_warning("%zu of %zu robots have fallen silent together", census.quiet, census.watched);
        silence->together = true;
    }
    for (size_t i = 0; i < silence->fleet->count && !silence->together; i++) {
        struct robot *robot = silence->fleet->robot[i];
        if (quiet_s(silence, robot, now_ns) >= silent_s)
            open_episode(silence, robot, now_ns);
    }
}

void silence_end(struct publisher *publisher, struct robot *robot, int64_t now_ns)
{
    if (!robot->silence.open)
        return;
    robot->silence.open = false;
    robot->silence.ended_ns = clock_realtime_ns();
    publisher_alert(publisher, robot, ALERT_SILENT, ALERT_CLEARED, now_ns);
}
