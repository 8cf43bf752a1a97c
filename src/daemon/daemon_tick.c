/*
 * What time brings, four times a second: robots that are stale, alerts that last, retries, the
 * watchdog.
 */
#include "base/clock.h"
#include "base/log.h"
#include "daemon/context.h"
#include "daemon/daemon_internal.h"
#include "daemon/maintenance.h"
#include "daemon/notify.h"

/* Without a broker the message that waits says it all; hours of repetitions would fill the outbox
 * and leave no room for the next alert. Of a robot that is not judged nothing new is known. */
static void assert_again(struct daemon *daemon, struct robot *robot, int64_t now_ns)
{
    if (!mqtt_client_online(daemon->client) || robot->suspended)
        return;
    for (int kind = 0; kind < ALERT_KINDS; kind++) {
        double asserted_s = (double)(now_ns - robot->alerts[kind].last_assert_ns) / 1e9;
        bool judged = kind == ALERT_SILENT || !robot->gated;
        if (judged && robot_episode(robot, (enum alert_kind)kind)->open &&
            asserted_s >= daemon->config->alerts.reassert_s)
            publisher_assert(&daemon->publisher, robot, (enum alert_kind)kind, now_ns);
    }
}

static void tick_robot(struct daemon *daemon, struct robot *robot, int64_t now_ns)
{
    if (robot->absent)
        return;
    double limit_s = daemon->config->input.stale_periods * robot->model->period_s;
    double quiet_s = (double)(now_ns - robot->last_arrival_ns) / 1e9;
    robot->stale = quiet_s > (limit_s > 1 ? limit_s : 1);
    if (robot->stale)
        robot_heard_nothing(robot, now_ns);
    if (robot->stale && robot->commissioning)
        robot->commissioning->quiet = true;
    context_suspended(robot, now_ns);
    assert_again(daemon, robot, now_ns);
    if (!robot->suspended)
        publisher_retry(&daemon->publisher, robot, now_ns);
    evidence_tick_robot(&daemon->evidence, robot, now_ns);
    publisher_state(&daemon->publisher, robot, false, now_ns);
}

/* The watchdog is fed only while both threads work; a scorer without work counts as working. One
 * that stalls is not fed from the first second on, so that it is ended little later than a stalled
 * loop: only a whole watchdog interval without progress ends the daemon, a long batch does not. */
static void feed_watchdog(struct daemon *daemon, int64_t now_ns)
{
    if (daemon->watchdog_ns == 0 || now_ns < daemon->watchdog_next_ns ||
        scorer_stalled_s(daemon->scorer) > SCORER_STALLED_S)
        return;
    daemon->watchdog_next_ns = now_ns + daemon->watchdog_ns / 4;
    notify_watchdog();
}

/* A lease has ended while messages of its robots were under way. As long as the connection stands
 * the library sends nothing again. */
static void guard_messages(struct daemon *daemon)
{
    struct partitions *partitions = &daemon->partitions;
    if (!partitions->under_way)
        return;
    if (mqtt_client_inflight(daemon->client) == 0)
        partitions->under_way = false;
    else if (!mqtt_client_online(daemon->client))
        daemon_connect_anew(daemon);
}

void daemon_on_tick(uv_timer_t *handle)
{
    struct daemon *daemon = handle->data;
    int64_t now_ns = clock_monotonic_ns();
    uint64_t jumps = daemon->intake.clock.jumps;
    intake_tick(&daemon->intake, clock_realtime_ns(), clock_monotonic_ns());
    if (daemon_is_parted(daemon))
        partitions_tick(&daemon->partitions, now_ns);
    guard_messages(daemon);
    if (resubscription_tick(&daemon->control_again, daemon->client, now_ns))
        daemon->service.troubles &= ~(1U << SERVICE_SUBSCRIPTION);
    maintenance_tick(&daemon->fleet, now_ns);
    if (jumps != daemon->intake.clock.jumps && daemon->fleet.suspensions.count > 0)
        daemon_save(daemon);                      /* their ends have other names now */
    size_t first = daemon->publisher.states_from; /* its state may have had to wait */
    for (size_t i = 0; i < daemon->fleet.count; i++)
        tick_robot(daemon, daemon->fleet.robot[(first + i) % daemon->fleet.count], now_ns);
    if (saved_state_is_due(&daemon->saved, now_ns))
        daemon_save(daemon);
    commissioning_tick(&daemon->fleet.commissioning, now_ns);
    publisher_tick(&daemon->publisher, false, now_ns);
    silence_tick(&daemon->silence, daemon->config->input.silent_s, now_ns);
    recovery_tick(&daemon->recovery, clock_realtime_ns(), now_ns);
    operations_tick(&daemon->operations, now_ns);
    assembly_tick(&daemon->assembly, now_ns);
    http_tick(daemon->http, now_ns);
    log_tick();
    evidence_tick(&daemon->evidence, now_ns);
    daemon_tell_discovery(daemon, false);
    service_publish(&daemon->service, false, now_ns);
    feed_watchdog(daemon, now_ns);
}
