/* Every allocation of a start, of scoring, of an alert and of a reload fails once. */
#include "fault.h"
#include "kit.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define SETTLED_TURNS 4 /* of 10 ms without an allocation */

struct tally {
    long tried, survived, ended;
};

static struct {
    struct cell *cell;
    struct cell_robot robot;
    struct preload_page *page;
    unsigned bad_alerts, alerts;
} torture;

/* ---- what comes out has to be whole */

static void check_alert(struct peer *peer, const struct mqtt_message *message)
{
    static const char *const members[] = {
        "specversion",   "id",         "source",         "type",          "time",
        "data.alert_id", "data.robot", "data.state",     "data.severity", "data.text",
        "data.started",  "data.kind",  "data.detectors", "data.channels", "data.model.name"};
    if (!strstr(message->topic, "/alert"))
        return;
    cJSON *alert = cJSON_ParseWithLength(message->payload, message->size);
    bool whole = alert != NULL;
    for (size_t i = 0; whole && i < sizeof members / sizeof members[0]; i++) {
        whole = json_at(alert, members[i]) != NULL;
        if (!whole)
            print_message("an alert without %s: %.*s\n", members[i], (int)message->size,
                          (const char *)message->payload);
    }
    torture.alerts++;
    torture.bad_alerts += !whole;
    cJSON_Delete(alert);
}

/* ---- how a daemon ended that did */

static long log_size(void)
{
    struct stat info;
    char path[160];
    snprintf(path, sizeof path, "%s/daemon.log", torture.cell->daemon->directory);
    return stat(path, &info) < 0 ? 0 : (long)info.st_size;
}

/* Whether it has ended; then it must have been by itself, and not without a word. */
static bool has_ended(struct tally *tally, const char *when, long nth, long log_before)
{
    struct daemon_process *daemon = torture.cell->daemon;
    int status;
    if (waitpid(daemon->pid, &status, WNOHANG) != daemon->pid)
        return false;
    daemon->pid = 0;
    tally->ended++;
    bool exited = WIFEXITED(status) && WEXITSTATUS(status) != 0;
    bool aborted = WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
    print_message("%s, allocation %ld: ended with status %x\n", when, nth, (unsigned)status);
    if (!exited && !aborted)
        fail_msg("%s, allocation %ld: the daemon ended with status %x", when, nth,
                 (unsigned)status);
    if (log_size() == log_before)
        fail_msg("%s, allocation %ld: the daemon ended without a word (status %x)", when, nth,
                 (unsigned)status);
    return true;
}

static void arm(long nth)
{
    atomic_store(&torture.page->allocations, 0);
    atomic_store(&torture.page->fail_allocation, nth);
}

/* ---- start */

static bool start_with_failure(struct tally *tally, long nth)
{
    struct cell *cell = torture.cell;
    long before = log_size();
    size_t ready = daemon_process_logged(cell->daemon, "armwatchd 0.");
    arm(nth);
    daemon_process_start(cell->daemon);
    while (daemon_process_logged(cell->daemon, "armwatchd 0.") == ready) {
        if (has_ended(tally, "start", nth, before))
            return true;
        turn_for(cell, 0.005);
    }
    bool reached = atomic_load(&torture.page->allocations) >= nth;
    arm(0);
    turn_for(cell, 0.01);
    if (has_ended(tally, "start", nth, before))
        return reached;
    daemon_process_stop(cell->daemon);
    tally->survived++;
    return reached;
}

static void torture_start(long step)
{
    struct tally tally = {0};
    long last = 1;
    for (long nth = 1; start_with_failure(&tally, nth); nth += step, tally.tried++)
        last = nth;
    fault_figure("start: %ld of %ld allocations, %ld survived, %ld ended with a message",
                 tally.tried, last, tally.survived, tally.ended);
}

/* ---- while it runs */

static void settle(void)
{
    int quiet = 0;
    for (long seen = -1; quiet < SETTLED_TURNS;) {
        long count = atomic_load(&torture.page->allocations);
        quiet = count == seen ? quiet + 1 : 0;
        seen = count;
        turn_for(torture.cell, 0.01);
    }
}

/* The command or its answer may be what was lost. */
static void wait_answers(void)
{
    static const char text[] = "{\"command\":\"status\"}";
    struct cell *cell = torture.cell;
    size_t heard = cell_count(cell, CELL_REPLY);
    double end_s = seconds_now() + 40;
    while (cell_count(cell, CELL_REPLY) == heard) {
        if (seconds_now() > end_s)
            cell_fail(cell, __FILE__, __LINE__, "an answer to status");
        cell_publish(cell, CELL_CONTROL, text, sizeof text - 1);
        double next_s = seconds_now() + 0.3;
        while (cell_count(cell, CELL_REPLY) == heard && seconds_now() < next_s)
            uv_run(&cell->harness->loop, UV_RUN_ONCE);
    }
}

/* It still works: it answers, and tells of an anomaly and its end. */
static void assert_works(void)
{
    struct cell *cell = torture.cell;
    size_t raised = alerts_of(cell, "kuka1", "raised");
    cell_run(cell, &torture.robot, 60, 0);
    cell_run(cell, &torture.robot, 12, GROSS);
    cell_wait(cell, alerts_of(cell, "kuka1", "raised") > raised, 5000);
    cell_run(cell, &torture.robot, 60, 0);
    cell_wait(cell, !cell_last_says(cell, cell_topic("kuka1", "state"), "state", "alert"), 5000);
    peer_forget(cell->watcher);
}

static void start_again(void)
{
    arm(0);
    cell_start(torture.cell);
}

/* One that goes from row to row, and one that loads a model. */
static void do_episode(void)
{
    for (int row = 0; row < 44; row++)
        cell_send(torture.cell, &torture.robot, row < 10 ? GROSS : 0);
}

static void do_reload(void)
{
    static const char text[] = "{\"command\":\"reload\",\"model\":\"cell\"}";
    cell_publish(torture.cell, CELL_CONTROL, text, sizeof text - 1);
}

static void torture_running(const char *when, void (*act)(void), long step)
{
    struct tally tally = {0};
    long last = 0;
    for (long nth = 1;; nth += step) {
        long before = log_size();
        arm(nth);
        act();
        settle();
        bool reached = atomic_load(&torture.page->allocations) >= nth;
        arm(0);
        if (has_ended(&tally, when, nth, before))
            start_again();
        else if (reached)
            tally.survived++;
        wait_answers();
        if (!reached)
            break;
        last = nth;
        tally.tried++;
        peer_forget(torture.cell->watcher);
        if (tally.tried % 50 == 0)
            assert_works();
    }
    assert_works();
    fault_figure("%s: %ld of %ld, %ld survived, %ld ended with a message", when, tally.tried, last,
                 tally.survived, tally.ended);
}

CHECK(check_allocations)
{
    struct cell *cell = *state;
    torture.cell = cell;
    torture.page = preload_open(cell);
    long step = fault_long() ? 1 : 97;
    cell_robot_init(&torture.robot, "kuka1", TOY_ARM_CHANNELS, 970);
    cell_configure(cell, "alerts.reassert_s", "3600");
    cell_write_config(cell);
    torture_start(step);
    cell_start(cell);
    cell_run(cell, &torture.robot, 20, 0);
    cell->watcher->on_message = check_alert;
    torture_running("score and alert", do_episode, step);
    torture_running("reload", do_reload, step);
    cell->watcher->on_message = NULL;
    if (torture.bad_alerts > 0)
        fail_msg("%u of %u alert messages lack a member", torture.bad_alerts, torture.alerts);
    cell_stop(cell);
    const char *path = state_path(cell, "outbox.db");
    assert_int_equal(shell_number("sqlite3 '%s' 'PRAGMA integrity_check' | grep -c '^ok$'", path),
                     1);
    shell("test ! -e '%s.damaged'", path);
    fault_figure("%u alerts heard, each with all its members; the journal sound, never set aside",
                 torture.alerts);
}
