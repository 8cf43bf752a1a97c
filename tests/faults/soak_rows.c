/*
 * Hours of robots' time, as fast as the daemon takes it, with a fault of each kind in each hour;
 * then memory, descriptors, and every counter against what was sent.
 *
 * ARMWATCH_SOAK_HOURS: how many (default 1); ARMWATCH_SOAK_TABLE: a file that gets a line each
 * hour.
 */
#include "fault.h"
#include "kit.h"

#include "pipeline/sample.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ROBOTS = 3, HOUR = 36000, BLOCK = 100, HOURS_MAX = 1000, SPAN = 5 };
enum { BAD = 50, GAP = 20, TWICE = 20, LATE = 5, FLAT = 60, WRONG = 10 }; /* of each, each hour */

#define SLOPE_KIB_MAX 64.0 /* per hour of robots' time, after the first */

struct sent {
    struct cell_robot robot;
    unsigned long messages, rows, bad, duplicates, late, missing;
    float flat;
    unsigned char last[LATE + 1][SAMPLE_BINARY_HEADER + 4 * TOY_ARM_CHANNELS];
};

static struct soak {
    struct cell *cell;
    struct sent sent[ROBOTS];
    unsigned hours, restarts;
    unsigned raised, cleared; /* heard */
    unsigned alerts;          /* counted by the daemon */
    double rss_kib[HOURS_MAX + 1];
    int descriptors;
    FILE *table;
} soak;

/* ---- what is sent */

static void send_bytes(struct sent *sent, const void *bytes, size_t size)
{
    cell_publish(soak.cell, cell_topic(sent->robot.name, "sample"), bytes, size);
    sent->messages++;
}

static void send_row(struct sent *sent, double anomaly, bool flat)
{
    float values[TOY_ARM_CHANNELS];
    size_t row = sent->robot.arm.row;
    unsigned char *bytes = sent->last[row % (LATE + 1)];
    const struct sample sample = {
        .time_ns = toy_arm_time_ns(row), .seq = row, .has_time = true, .has_seq = true};
    toy_arm_next(&sent->robot.arm, anomaly, values);
    if (flat)
        values[1] = sent->flat;
    sent->flat = values[1];
    send_bytes(sent, bytes, sample_format_binary(&sample, values, TOY_ARM_CHANNELS, bytes));
    sent->rows++;
}

static void send_again(struct sent *sent, size_t row)
{
    send_bytes(sent, sent->last[row % (LATE + 1)], sizeof sent->last[0]);
}

/* The faults of an hour, by the row where they begin. */
static void send_hours_row(struct sent *sent, size_t at)
{
    size_t row = sent->robot.arm.row;
    if (at == 3000) {
        for (int i = 0; i < BAD; i++)
            send_bytes(sent, i % 2 ? "{\"values\":[1,2" : "nonsense", i % 2 ? 14 : 8);
        sent->bad += BAD;
    }
    if (at == 12000) {
        for (size_t back = LATE; back >= 1; back--)
            send_again(sent, row - 1 - back);
        sent->late += LATE;
    }
    send_row(sent, at >= 20000 && at < 20000 + WRONG ? GROSS : 0, at >= 15000 && at < 15000 + FLAT);
    if (at >= 9000 && at < 9000 + TWICE) {
        send_again(sent, row);
        sent->duplicates++;
    }
    if (at == 6000) {
        sent->robot.arm.row += GAP;
        sent->missing += GAP;
    }
}

/* ---- what comes back */

static void hear_alert(struct peer *peer, const struct mqtt_message *message)
{
    if (!strstr(message->topic, "/alert"))
        return;
    soak.raised += memmem(message->payload, message->size, "armwatch.alert.raised", 21) != NULL;
    soak.cleared += memmem(message->payload, message->size, "armwatch.alert.cleared", 22) != NULL;
}

static double counter(const cJSON *robot, const char *name)
{
    char path[64];
    snprintf(path, sizeof path, "counters.%s", name);
    return json_number(robot, path);
}

static bool is_done(const cJSON *reply)
{
    const cJSON *robot;
    unsigned done = 0;
    cJSON_ArrayForEach(robot, json_at(reply, "robot_states"))
    {
        for (size_t r = 0; r < ROBOTS; r++)
            done += !strcmp(json_text(robot, "robot"), soak.sent[r].robot.name) &&
                    counter(robot, "received") == (double)soak.sent[r].messages &&
                    counter(robot, "windows") == counter(robot, "scored");
    }
    return done == ROBOTS;
}

static void wait_done(void)
{
    double end_s = seconds_now() + 20 * TIME_SCALE;
    for (bool done = false; !done;) {
        cJSON *reply = cell_command(soak.cell, "\"command\":\"status\"");
        done = is_done(reply);
        if (!done && seconds_now() > end_s) {
            char *text = cJSON_PrintUnformatted(reply);
            fail_msg("sent %lu each; not all of it came to an end: %s", soak.sent[0].messages,
                     text);
        }
        cJSON_Delete(reply);
        peer_forget(soak.cell->watcher);
    }
}

/* ---- what happens to the daemon */

static void restart_broker(void)
{
    struct cell *cell = soak.cell;
    size_t before = daemon_process_logged(cell->daemon, "broker: connected");
    cell_restart_broker(cell, NULL);
    wait_logged(cell, "broker: connected", before + 1,
                45000);  /* by the back-off: hours are short here */
    turn_for(cell, 0.3); /* its subscriptions are under way */
    harness_subscribe(cell->harness, cell->watcher, "armwatch/robot/+/alert", 1);
    soak.restarts++;
}

static void reload_model(unsigned hour)
{
    cJSON *reply =
        cell_command(soak.cell, hour % 2 ? "\"command\":\"reload\",\"model\":\"cell\""
                                         : "\"command\":\"reload\",\"model\":\"cell-v2\"");
    assert_true(cJSON_IsTrue(json_at(reply, "ok")));
    cJSON_Delete(reply);
}

static void run_hour(unsigned hour)
{
    for (size_t at = 0; at < HOUR; at += BLOCK) {
        for (size_t row = at; row < at + BLOCK; row++) {
            for (size_t r = 0; r < ROBOTS; r++)
                send_hours_row(&soak.sent[r], row);
        }
        wait_done();
        if (at == 25000)
            restart_broker();
        if (at == 28000)
            reload_model(hour);
        if (at == 30000)
            daemon_process_signal(soak.cell->daemon, SIGHUP);
    }
}

/* ---- the sum of it */

static void expect(const cJSON *robot, const char *name, double expected)
{
    double found = counter(robot, name);
    if (found != expected) {
        char *text = cJSON_PrintUnformatted(robot);
        fail_msg("%s: %.0f, expected %.0f: %s", name, found, expected, text);
    }
}

/* A row is missing from the windows for each of the first rows of a run, and where readings stood
 * still. Runs begin at the start, and behind what was bad or missing and behind flat rows. */
static void check_robot(const cJSON *robot, const struct sent *sent)
{
    double runs = 1 + 3.0 * soak.hours, lost = runs * (SPAN - 1) + counter(robot, "faulty");
    expect(robot, "received", (double)sent->messages);
    expect(robot, "rejected.malformed", (double)sent->bad);
    expect(robot, "duplicates", (double)sent->duplicates);
    expect(robot, "late", (double)sent->late);
    expect(robot, "missing", (double)sent->missing);
    expect(robot, "windows", (double)sent->rows - lost);
    expect(robot, "scored", (double)sent->rows - lost);
    expect(robot, "gaps", soak.hours);
    expect(robot, "overload", 0);
    expect(robot, "nonfinite", 0);
    expect(robot, "retained", 0);
    /* An anomaly and a sensor that stands still; before it is known as such, that is one, too. */
    assert_true(counter(robot, "alerts") >= 2.0 * soak.hours);
    assert_true(counter(robot, "alerts") <= 3.0 * soak.hours);
    soak.alerts += (unsigned)counter(robot, "alerts");
}

static void check_counters(void)
{
    const cJSON *robot;
    cJSON *reply = cell_command(soak.cell, "\"command\":\"status\"");
    unsigned long messages = 0;
    cJSON_ArrayForEach(robot, json_at(reply, "robot_states"))
    {
        for (size_t r = 0; r < ROBOTS; r++) {
            if (!strcmp(json_text(robot, "robot"), soak.sent[r].robot.name))
                check_robot(robot, &soak.sent[r]);
        }
    }
    for (size_t r = 0; r < ROBOTS; r++)
        messages += soak.sent[r].messages;
    assert_true(json_number(reply, "samples") == (double)messages);
    assert_int_equal(soak.raised, soak.alerts);
    assert_int_equal(soak.cleared, soak.alerts);
    cJSON_Delete(reply);
    fault_figure(
        "%lu messages of %d robots in %u h of their time: every counter exact, %u alerts raised "
        "and cleared",
        messages, ROBOTS, soak.hours, soak.raised);
}

/* Least squares over the hours after the first, KiB each. */
static double slope(void)
{
    double n = soak.hours, x = 0, y = 0, xx = 0, xy = 0;
    for (unsigned h = 1; h <= soak.hours; h++) {
        x += h;
        y += soak.rss_kib[h];
        xx += (double)h * h;
        xy += h * soak.rss_kib[h];
    }
    return (n * xy - x * y) / (n * xx - x * x);
}

static void note_hour(unsigned hour, double took_s)
{
    soak.rss_kib[hour] = (double)daemon_process_rss_kib(soak.cell->daemon);
    int descriptors = daemon_process_descriptors(soak.cell->daemon);
    if (hour == 1)
        soak.descriptors = descriptors;
    if (soak.table) {
        fprintf(soak.table, "%5u %14.0f %12d %14.0f\n", hour, soak.rss_kib[hour], descriptors,
                ROBOTS * HOUR / took_s);
        fflush(soak.table);
    }
    assert_int_equal(descriptors, soak.descriptors);
}

static void start_soak(struct cell *cell)
{
    static const char *const names[ROBOTS] = {"kuka1", "kuka2", "kuka3"};
    const char *hours = getenv("ARMWATCH_SOAK_HOURS"), *table = getenv("ARMWATCH_SOAK_TABLE");
    memset(&soak, 0, sizeof soak);
    soak.cell = cell;
    soak.hours = hours ? (unsigned)strtoul(hours, NULL, 10) : 1;
    assert_true(soak.hours >= 1 && soak.hours <= HOURS_MAX);
    soak.table = table ? fopen(table, "we") : NULL;
    if (soak.table)
        fprintf(soak.table, "%5s %14s %12s %14s\n", "hour", "resident KiB", "descriptors",
                "samples/s");
    for (size_t r = 0; r < ROBOTS; r++)
        cell_robot_init(&soak.sent[r].robot, names[r], TOY_ARM_CHANNELS, 980 + r);
    cell_configure(cell, "scores.rate_hz", "5");
    cell_configure(cell, "alerts.reassert_s", "3600");
    cell_start(cell);
    cell->watcher->on_message = hear_alert;
}

CHECK(check_soak)
{
    struct cell *cell = *state;
    start_soak(cell);
    for (unsigned hour = 1; hour <= soak.hours; hour++) {
        double start_s = seconds_now();
        run_hour(hour);
        note_hour(hour, seconds_now() - start_s);
    }
    if (soak.table)
        fclose(soak.table);
    check_counters();
    if (soak.hours >= 4) {
        double kib = slope();
        fault_figure(
            "resident memory %+.1f KiB an hour after the first, descriptors constant (%d), %u "
            "restarts of the broker",
            kib, soak.descriptors, soak.restarts);
        assert_true(kib <= SLOPE_KIB_MAX);
    }
    cell->watcher->on_message = NULL;
    cell_stop(cell);
}
