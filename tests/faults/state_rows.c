/* The disk under the journal, and the clock. */
#include "fault.h"
#include "kit.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define ALERT "armwatch/robot/kuka1/alert"
#define SPAN 5

static void begin(struct cell *cell, struct cell_robot *robot, uint64_t seed)
{
    cell_robot_init(robot, "kuka1", TOY_ARM_CHANNELS, seed);
    cell_configure(cell, "alerts.reassert_s", "3600");
    cell_start(cell);
    cell_run(cell, robot, 20, 0);
}

/* An episode from its first row to its end. */
static void run_episode(struct cell *cell, struct cell_robot *robot)
{
    size_t raised = alerts_of(cell, "kuka1", "raised"),
           cleared = alerts_of(cell, "kuka1", "cleared");
    cell_run(cell, robot, 10, GROSS);
    cell_wait(cell, alerts_of(cell, "kuka1", "raised") == raised + 1, 5000);
    cell_run(cell, robot, 60, 0);
    cell_wait(cell, alerts_of(cell, "kuka1", "cleared") == cleared + 1, 5000);
}

static void assert_sound(const struct cell *cell)
{
    const char *path = state_path(cell, "outbox.db");
    assert_int_equal(shell_number("sqlite3 '%s' 'PRAGMA integrity_check' | grep -c '^ok$'", path),
                     1);
}

static long kept(const struct cell *cell, const char *table)
{
    return shell_number("sqlite3 '%s' 'SELECT count(*) FROM %s'", state_path(cell, "outbox.db"),
                        table);
}

/* ---- 30, 31 */

static bool journal_fails(struct cell *cell)
{
    cJSON *reply = cell_command(cell, "\"command\":\"status\"");
    bool fails = json_has_text(json_at(reply, "reasons"), "journal");
    cJSON_Delete(reply);
    return fails;
}

/* The disk works again: how long until the journal does. */
static double wait_recovered(struct cell *cell)
{
    double start_s = seconds_now();
    while (journal_fails(cell)) {
        if (seconds_now() - start_s > 10)
            fail_msg("the journal is still failing after 10 s");
    }
    return seconds_now() - start_s;
}

CHECK(check_disk_full)
{
    struct cell *cell = *state;
    struct cell_robot robot;
    mkdir(state_path(cell, ""), 0700);
    shell("mount -t tmpfs -o size=1m tmpfs '%s'", state_path(cell, ""));
    begin(cell, &robot, 940);
    shell("-dd if=/dev/zero of='%s' bs=4k 2>/dev/null", state_path(cell, "full"));
    cell_run(cell, &robot, 10, GROSS);
    cell_wait(cell, alerts_of(cell, "kuka1", "raised") == 1, 5000);
    cell_wait(cell, status_has_reason(cell, "journal"), 5000);
    cell_run(cell, &robot, 60, 0);
    cell_wait(cell, alerts_of(cell, "kuka1", "cleared") == 1, 5000);
    double errors = status_number(cell, "outbox.journal_errors");
    unlink(state_path(cell, "full"));
    double took_s = wait_recovered(cell);
    run_episode(cell, &robot);
    fault_figure("alerts raised and cleared on the full disk; %.0f errors counted; online %.1f s "
                 "after rm",
                 errors, took_s);
    cell_stop(cell);
    assert_sound(cell);
    assert_int_equal(kept(cell, "message") + kept(cell, "episode"), 0);
    shell("umount '%s'", state_path(cell, ""));
}

static void fail_calls(struct preload_page *page, long first, long count, int error)
{
    atomic_store(&page->calls, 0);
    atomic_store(&page->call_errno, error);
    atomic_store(&page->fail_calls, count);
    atomic_store(&page->fail_call, first);
}

static void check_errors(struct cell *cell, struct cell_robot *robot, struct preload_page *page,
                         int error)
{
    fail_calls(page, 1, 1000000, error);
    run_episode(cell, robot);
    cell_wait(cell, status_has_reason(cell, "journal"), 5000);
    fail_calls(page, 0, 0, 0);
    fault_figure("%s: alerts told, online %.1f s after the end of it", strerrorname_np(error),
                 wait_recovered(cell));
}

CHECK(check_disk_errors)
{
    struct cell *cell = *state;
    struct cell_robot robot;
    struct preload_page *page = preload_open(cell);
    begin(cell, &robot, 941);
    check_errors(cell, &robot, page, EIO);
    check_errors(cell, &robot, page, EROFS);
    check_errors(cell, &robot, page, ENOSPC);
    run_episode(cell, &robot);
    cell_stop(cell);
    assert_sound(cell);
    assert_int_equal(kept(cell, "message") + kept(cell, "episode"), 0);
}

/* ---- 64: each read, write and sync of a run of the journal fails once */

static long run_with_failing_call(struct cell *cell, struct cell_robot *robot,
                                  struct preload_page *page, long nth)
{
    fail_calls(page, nth, 1, EIO);
    run_episode(cell, robot);
    cell_settle(cell); /* what was delivered is written with the next tick */
    long calls = atomic_load(&page->calls);
    fail_calls(page, 0, 0, 0); /* a run may have fewer calls than the first one */
    wait_recovered(cell);
    return calls;
}

/* What was not yet known to be delivered when it was killed is told twice, and counts once. */
static void assert_start_survives(struct cell *cell, struct cell_robot *robot,
                                  struct preload_page *page, long nth)
{
    size_t raised = cell_count_alerts(cell, ALERT, "raised") + 1;
    cell_run(cell, robot, 10, GROSS);
    cell_wait(cell, cell_count_alerts(cell, ALERT, "raised") == raised, 5000);
    cell_settle(cell); /* it is told, and on the disk */
    daemon_process_kill(cell->daemon);
    cell_wait(cell, cell_last_says(cell, CELL_STATUS, "state", "offline"), 5000);
    size_t updated = cell_count_alerts(cell, ALERT, "updated");
    fail_calls(page, nth, 1, EIO);
    cell_start(cell);
    turn_for(cell, 0.3);
    wait_recovered(cell); /* what could not be read is read then */
    cell_run(cell, robot, 20, GROSS);
    /* It goes on as itself. */
    cell_wait(cell, cell_count_alerts(cell, ALERT, "updated") > updated, 5000);
    cell_run(cell, robot, 60, 0);
    fail_calls(page, 0, 0, 0);
    wait_recovered(cell);
    assert_int_equal(cell_count_alerts(cell, ALERT, "raised"), raised);
}

CHECK(check_journal_writes)
{
    struct cell *cell = *state;
    struct cell_robot robot;
    struct preload_page *page = preload_open(cell);
    begin(cell, &robot, 942);
    long calls = run_with_failing_call(cell, &robot, page, 0), failed = 0;
    for (long nth = 1; nth <= (fault_long() ? calls : 4); nth++, failed++)
        run_with_failing_call(cell, &robot, page, nth);
    for (long nth = 1; nth <= (fault_long() ? 40 : 4); nth++, failed++) {
        assert_start_survives(cell, &robot, page, nth);
        shell("test ! -e '%s.damaged'", state_path(cell, "outbox.db"));
    }
    cell_stop(cell);
    assert_sound(cell);
    assert_int_equal(kept(cell, "message") + kept(cell, "episode"), 0);
    fault_figure(
        "%ld reads, writes and syncs failed, one at a time; every alert told, the journal sound",
        failed);
}

/* ---- 63 */

static struct {
    double scored_s, told_s;
    char seq[32];
} arrivals;

/* A score is sent at once, and then the alert that came of it: what lies between is the journal. */
static void note_arrival(struct peer *peer, const struct mqtt_message *message)
{
    const char *topic = message->topic + strlen("armwatch/robot/kuka1/");
    if (!strncmp(message->topic, "armwatch/service", 16) || arrivals.told_s > 0)
        return;
    if (!strcmp(topic, "score"))
        arrivals.scored_s = seconds_now();
    else if (!strcmp(topic, "alert"))
        arrivals.told_s = seconds_now();
}

static double alert_delay_ms(struct cell *cell, struct cell_robot *robot)
{
    size_t raised = alerts_of(cell, "kuka1", "raised");
    memset(&arrivals, 0, sizeof arrivals);
    cell->watcher->on_message = note_arrival;
    double first_s = 0;
    for (int row = 0; row < 30 && alerts_of(cell, "kuka1", "raised") == raised; row++) {
        cell_send(cell, robot, GROSS);
        first_s = row == 0 ? seconds_now() : first_s;
        turn_for(cell, 0.2); /* one row, its score, its alert */
    }
    cell->watcher->on_message = NULL;
    assert_true(arrivals.told_s > 0);
    double delay_ms = 1e3 * (arrivals.told_s - arrivals.scored_s);
    size_t cleared = alerts_of(cell, "kuka1", "cleared");
    cell_run(cell, robot, 60, 0);
    cell_wait(cell, alerts_of(cell, "kuka1", "cleared") > cleared, 5000);
    return delay_ms;
}

CHECK(check_stalled_disk)
{
    struct cell *cell = *state;
    struct cell_robot robot;
    struct preload_page *page = preload_open(cell);
    begin(cell, &robot, 943);
    double usual_ms = 0, stalled_ms = 0;
    int rounds = fault_long() ? 10 : 3;
    for (int i = 0; i < rounds; i++) {
        double delay_ms = alert_delay_ms(cell, &robot);
        usual_ms = delay_ms > usual_ms ? delay_ms : usual_ms;
    }
    atomic_store(&page->sync_delay_ms, 20000);
    for (int i = 0; i < rounds; i++) {
        double delay_ms = alert_delay_ms(cell, &robot);
        stalled_ms = delay_ms > stalled_ms ? delay_ms : stalled_ms;
    }
    cell_wait(cell, status_has_reason(cell, "journal"), 5000);
    fault_figure("alert behind its score: %.0f ms at most, with syncs of 20 s %.0f ms at most "
                 "(%d alerts each)",
                 usual_ms, stalled_ms, rounds);
    assert_true(stalled_ms <= 50 + 30);
    atomic_store(&page->sync_delay_ms, 0);
    double took_s = daemon_process_stop(cell->daemon);
    fault_figure("ended %.1f s after SIGTERM", took_s);
    cell->finished = true;
}

/* ---- 50 */

CHECK(check_clock)
{
    struct cell *cell = *state;
    struct cell_robot robots[2];
    struct preload_page *page = preload_open(cell);
    cell_robot_init(&robots[0], "kuka1", TOY_ARM_CHANNELS, 944);
    cell_robot_init(&robots[1], "kuka2", TOY_ARM_CHANNELS, 945);
    cell_start(cell);
    cell_stream_start(cell, robots, 2);
    turn_for(cell, 2);
    size_t online = daemon_process_logged(cell->daemon, "broker: connected");
    static const long offsets_s[] = {3600, -3600, 1000000000, 0}; /* beyond 2038, too */
    for (size_t i = 0; i < sizeof offsets_s / sizeof offsets_s[0]; i++) {
        atomic_store(&page->clock_offset_s, offsets_s[i]);
        turn_for(cell, 2);
    }
    cell_stream_stop(cell);
    for (size_t i = 0; i < 2; i++) {
        cell_run(cell, &robots[i], 5, 0);
        const char *name = robots[i].name;
        assert_true(cell_counter(cell, name, "received") == (double)robots[i].arm.row);
        assert_true(cell_counter(cell, name, "scored") == (double)robots[i].arm.row - SPAN + 1);
    }
    assert_int_equal(alerts_of(cell, NULL, "raised"), 0);
    assert_int_equal(daemon_process_logged(cell->daemon, "broker: connected"), online);
    fault_figure(
        "+1 h, -1 h, +31 years and back under load: no alert, no reconnect, every window of "
        "%.0f rows scored",
        (double)(robots[0].arm.row + robots[1].arm.row));
    run_episode(cell, &robots[0]);
    cell_stop(cell);
}
