/* Brokers and networks that go away, hang, are slow, or refuse. */
#include "fault.h"
#include "kit.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define ALERT "armwatch/robot/kuka1/alert"
#define REACHED "broker: connected"

static size_t times_online(const struct cell *cell)
{
    return daemon_process_logged(cell->daemon, REACHED);
}

static double wait_online_again(struct cell *cell, size_t before, int limit_ms)
{
    return wait_logged(cell, REACHED, before + 1, limit_ms);
}

/* ---- 13 */

static double measure_reconnect(struct cell *cell, double outage_s)
{
    size_t before = times_online(cell);
    broker_stop(cell->harness->broker);
    turn_for(cell, outage_s);
    broker_start(cell->harness->broker, NULL); /* returns when the port is open */
    double took_s = wait_online_again(cell, before, 40000);
    fault_figure("online %.2f s after the port opened (outage of %g s)", took_s, outage_s);
    return took_s;
}

CHECK(check_reconnect)
{
    struct cell *cell = *state;
    cell_start(cell);
    double first_s = measure_reconnect(cell, 1);
    double second_s = measure_reconnect(cell, fault_long() ? 60 : 8);
    double third_s = measure_reconnect(cell, 1); /* what was learnt in a long one is forgotten */
    assert_true(first_s <= 5 && second_s <= 5 && third_s <= 5);
    cell_wait(cell, cell_last_says(cell, CELL_STATUS, "state", "online"), 5000);
    cell_stop(cell);
}

/* ---- 15 */

CHECK(check_reassertion)
{
    struct cell *cell = *state;
    struct cell_robot robot;
    cell_robot_init(&robot, "kuka1", TOY_ARM_CHANNELS, 900);
    cell_configure(cell, "alerts.reassert_s", "2");
    cell_start(cell);
    cell_run(cell, &robot, 20, 0);
    cell_run(cell, &robot, 10, GROSS);
    cell_wait(cell, alerts_of(cell, "kuka1", "raised") == 1, 3000);
    cJSON *raised = cell_json(cell, ALERT, 0);
    size_t before = times_online(cell);
    cell_end_broker(cell, broker_kill); /* with what it had acknowledged: nothing is stored */
    size_t heard = cell_count(cell, ALERT);
    cell_start_broker(cell, NULL);
    wait_online_again(cell, before, 10000);
    double start_s = seconds_now();
    cell_wait(cell, cell_count(cell, ALERT) > heard, 6000);
    double took_s = seconds_now() - start_s;
    cJSON *again = cell_last_json(cell, ALERT);
    assert_string_equal(json_text(again, "data.alert_id"), json_text(raised, "data.alert_id"));
    cJSON_Delete(again);
    cJSON_Delete(raised);
    fault_figure("asserted again %.2f s after the reconnect (reassert_s 2)", took_s);
    assert_true(took_s <= 2.5);
    cell_stop(cell);
}

/* ---- 16: alerts are denied, and each of many robots asserts its own again each second */

static void write_acl(struct cell *cell, bool alerts)
{
    char text[400];
    snprintf(
        text, sizeof text,
        "topic read #\ntopic write armwatch/robot/+/sample\ntopic write armwatch/robot/+/state\n"
        "topic write armwatch/robot/+/score\ntopic write armwatch/service/#\n%s",
        alerts ? "topic write armwatch/robot/+/alert\n" : "");
    broker_write(cell->harness->broker, "acl", text);
}

static void start_denied(struct cell *cell)
{
    write_acl(cell, false);
    cell_restart_broker(
        cell, &(struct broker_options){.lines = "acl_file acl\nmax_queued_messages 100000"});
    harness_subscribe(cell->harness, cell->watcher, "armwatch/robot/+/alert", 1);
    cell_start(cell);
}

static void allow_alerts(struct cell *cell)
{
    write_acl(cell, true);
    broker_reload(cell->harness->broker);
}

/* Every robot raises one alert. */
static void raise_many(struct cell *cell, char names[][8], size_t count)
{
    cell->watcher->on_message = NULL;
    for (size_t r = 0; r < count; r++) {
        struct cell_robot robot;
        snprintf(names[r], sizeof names[r], "r%zu", r);
        cell_robot_init(&robot, names[r], TOY_ARM_CHANNELS, 1000 + r);
        for (int row = 0; row < 24; row++)
            cell_send(cell, &robot, row < 12 ? 0 : GROSS);
        if (r % 10 == 9) {
            size_t raised = r + 1;
            cell_wait(cell, daemon_process_logged(cell->daemon, " raised (") >= raised, 20000);
        }
    }
}

CHECK(check_full_outbox)
{
    enum { ROBOTS = 200 };
    static char names[ROBOTS][8];
    struct cell *cell = *state;
    cell_configure(cell, "robots.max", "300");
    cell_configure(cell, "alerts.reassert_s", "1");
    cell_configure(cell, "input.silent_s", "3600");
    cell_configure(cell, "log.level", "\"info\"");
    start_denied(cell);
    raise_many(cell, names, ROBOTS);
    long before_kib = daemon_process_rss_kib(cell->daemon), most_kib = 0;
    double start_s = seconds_now(), limit_s = fault_long() ? 180 : 90, dropped = 0;
    while (dropped < 1000 && seconds_now() - start_s < limit_s) {
        turn_for(cell, 2);
        cJSON *reply = cell_command(cell, "\"command\":\"status\",\"robot\":\"r0\"");
        dropped = json_number(reply, "outbox.dropped");
        assert_true(json_number(reply, "outbox.waiting") <= 8192);
        cJSON_Delete(reply);
        long kib = daemon_process_rss_kib(cell->daemon);
        most_kib = kib > most_kib ? kib : most_kib;
        peer_forget(cell->watcher);
    }
    fault_figure("8192 messages kept, %.0f dropped and counted; resident memory +%.1f MiB", dropped,
                 (double)(most_kib - before_kib) / 1024);
    assert_true(dropped >= 1000);
    assert_grown(most_kib - before_kib, 40 * 1024);
    peer_forget(cell->watcher);
    allow_alerts(cell);
    size_t want = 8000;
    double allowed_s = seconds_now();
    cell_wait(cell, cell->watcher->message_count >= want, 60000);
    fault_figure("%zu delivered within %.1f s of the right's return", want,
                 seconds_now() - allowed_s);
    cell_stop(cell);
}

/* ---- 17, 58 */

CHECK(check_half_open)
{
    struct cell *cell = *state;
    struct link link;
    link_start(&link, cell);
    size_t before = times_online(cell);
    link_set(false);
    double lost_s = wait_logged(cell, "broker: the broker does not answer", 1, 20000);
    turn_for(cell, fault_long() ? 40 : 5);
    assert_int_equal(times_online(cell), before);
    link_set(true);
    double found_s = wait_online_again(cell, before, 40000);
    fault_figure("known %.1f s after the link went down, online %.1f s after it came up", lost_s,
                 found_s);
    assert_true(lost_s <= 11.5 && found_s <= 5.5);
    cell_stop(cell);
    link_close(&link);
}

CHECK(check_flapping)
{
    struct cell *cell = *state;
    struct link link;
    link_start(&link, cell);
    int flaps = fault_long() ? 300 : 20, descriptors = daemon_process_descriptors(cell->daemon);
    long before_kib = daemon_process_rss_kib(cell->daemon);
    size_t before = times_online(cell);
    for (int i = 0; i < flaps; i++) {
        link_set(false);
        turn_for(cell, 1);
        link_set(true);
        turn_for(cell, 1);
    }
    daemon_process_assert_alive(cell->daemon);
    size_t heard = cell_count(cell, CELL_STATUS);
    double start_s = seconds_now();
    cell_wait(cell, cell_count(cell, CELL_STATUS) > heard,
              35000); /* every 30 s, or a new connection */
    fault_figure("%d times; status heard %.1f s later, %zu reconnects; descriptors %+d, resident "
                 "memory %+ld KiB",
                 flaps, seconds_now() - start_s, times_online(cell) - before,
                 daemon_process_descriptors(cell->daemon) - descriptors,
                 daemon_process_rss_kib(cell->daemon) - before_kib);
    cell_wait(cell, daemon_process_descriptors(cell->daemon) <= descriptors, 8000);
    assert_grown(daemon_process_rss_kib(cell->daemon) - before_kib, 1024);
    cell_stop(cell);
    link_close(&link);
}

/* ---- 18 */

CHECK(check_frozen_broker)
{
    struct cell *cell = *state;
    struct cell_robot robot;
    cell_robot_init(&robot, "kuka1", TOY_ARM_CHANNELS, 910);
    pings_open(cell);
    cell_start(cell);
    cell_run(cell, &robot, 20, 0);
    pings_restart();
    turn_for(cell, 2);
    double idle_ms = loop_lag_ms();
    size_t before = times_online(cell);
    pings_restart();
    broker_freeze(cell->harness->broker);
    double lost_s = wait_logged(cell, "broker: ", before + 1, 20000);
    turn_for(cell, (fault_long() ? 30 : 12) - lost_s);
    double lag_ms = loop_lag_ms();
    assert_int_equal(times_online(cell), before);
    broker_thaw(cell->harness->broker);
    double found_s = wait_online_again(cell, before, 40000);
    fault_figure("known after %.1f s; loop lag at worst %.0f ms (%.0f ms before); online %.1f s "
                 "after the thaw",
                 lost_s, lag_ms, idle_ms, found_s);
    assert_true(lost_s <= 11.5);
    assert_true(lag_ms < 50);
    cell_stop(cell);
    pings_close();
}

/* ---- 19 */

CHECK(check_slow_link)
{
    enum { ROBOTS = 10 };
    struct cell *cell = *state;
    struct link link;
    struct cell_robot robots[ROBOTS];
    static const char *const names[ROBOTS] = {"r0", "r1", "r2", "r3", "r4",
                                              "r5", "r6", "r7", "r8", "kuka1"};
    for (size_t r = 0; r < ROBOTS; r++)
        cell_robot_init(&robots[r], names[r], TOY_ARM_CHANNELS, 920 + r);
    cell_configure(cell, "alerts.reassert_s", "3600");
    link_start(&link, cell);
    cell_stream_start(cell, robots, ROBOTS); /* a thousand scores a second come of it */
    turn_for(cell, 2);
    long before_kib = daemon_process_rss_kib(cell->daemon);
    link_limit(&link, 64);
    turn_for(cell, fault_long() ? 60 : 15);
    long grown_kib = daemon_process_rss_kib(cell->daemon) - before_kib;
    cell_stream_stop(cell);
    double start_s = seconds_now();
    for (int row = 0; row < 10; row++)
        cell_send(cell, &robots[ROBOTS - 1], GROSS);
    cell_wait(cell, alerts_of(cell, "kuka1", "raised") == 1, 120000);
    fault_figure("resident memory +%.1f MiB with 1000 scores/s on 64 kbit/s; an alert came through "
                 "in %.1f s",
                 (double)grown_kib / 1024, seconds_now() - start_s);
    assert_grown(grown_kib, 16 * 1024);
    assert_true(seconds_now() - start_s <= 30);
    link_limit(&link, 0);
    size_t heard = cell_count(cell, CELL_STATUS);
    cell_wait(cell, cell_count(cell, CELL_STATUS) > heard, 35000);
    cell_stop(cell);
    link_close(&link);
}

/* ---- 20, 49: a DNS server that never answers */

static int deaf_server(void)
{
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_port = htons(53),
                                        .sin_addr.s_addr = htonl(0x7f000035)}; /* 127.0.0.53 */
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof address) < 0)
        fail_msg("no server on 127.0.0.53:53");
    return fd;
}

/* Returns the server's socket. */
static int start_in_dns(struct cell *cell)
{
    int fd = deaf_server();
    char path[128];
    snprintf(path, sizeof path, "%s/resolv.conf", cell->daemon->directory);
    shell("echo 'nameserver 127.0.0.53' >'%s' && mount --bind '%s' \"$(readlink -f "
          "/etc/resolv.conf)\"",
          path, path);
    cell_configure(cell, "mqtt.url", "\"mqtt://broker.cell.example:1883\"");
    start_unheard(cell);
    char query[512];
    cell_wait(cell, recv(fd, query, sizeof query, MSG_DONTWAIT) > 0, 10000);
    return fd;
}

CHECK(check_dead_dns)
{
    struct cell *cell = *state;
    pings_open(cell);
    int fd = start_in_dns(cell);
    pings_restart();
    double start_s = seconds_now(), cpu_s = cpu_seconds(cell->daemon->pid);
    double failed_s = wait_logged(cell, "broker: look-up of broker.cell.example", 1, 30000);
    turn_for(cell, fault_long() ? 20 : 2);
    double elapsed_s = seconds_now() - start_s;
    double share = (cpu_seconds(cell->daemon->pid) - cpu_s) / elapsed_s;
    struct pings pings = pings_so_far();
    double lag_ms = loop_lag_ms();
    fault_figure(
        "a look-up took %.1f s; loop lag at worst %.0f ms; %u pings in %.1f s; CPU %.2f %%",
        failed_s, lag_ms, pings.count, elapsed_s, 100 * share);
    assert_true(lag_ms < 50);
    assert_true(pings.count >= elapsed_s * 3);
    assert_true(share < 0.02);
    daemon_process_stop(cell->daemon);
    cell->finished = true;
    close(fd);
    pings_close();
}

CHECK(check_stop_in_dns)
{
    struct cell *cell = *state;
    int fd = start_in_dns(cell);
    double took_s = daemon_process_stop(cell->daemon); /* asserts exit code 0 */
    fault_figure("ended %.2f s after SIGTERM, in a look-up", took_s);
    assert_true(took_s <= 5 * TIME_SCALE); /* the thread sanitizer sleeps for a second at an exit */
    assert_int_equal(shell_number("sqlite3 '%s' 'PRAGMA integrity_check' | grep -c '^ok$'",
                                  state_path(cell, "outbox.db")),
                     1);
    cell->finished = true;
    close(fd);
}

/* ---- 23 */

CHECK(check_password)
{
    struct cell *cell = *state;
    struct broker *broker = cell->harness->broker;
    char path[160];
    if (!broker_shell(broker, "mosquitto_passwd -b -c users armwatch wrong && chmod 644 users"))
        fault_skip("no mosquitto_passwd");
    broker_stop(broker);
    broker_start(broker, &(struct broker_options){.lines = "password_file users"});
    cell_configure(cell, "mqtt.username", "\"armwatch\"");
    snprintf(path, sizeof path, "\"%s/secret\"", cell->daemon->directory);
    cell_configure(cell, "mqtt.password_file", path);
    shell("umask 077; echo right >'%s/secret'", cell->daemon->directory);
    start_unheard(cell);
    wait_logged(cell, "broker: the broker refused", 1, 10000);
    turn_for(cell, fault_long() ? 60 : 5);
    pid_t pid = cell->daemon->pid;
    assert_int_equal(times_online(cell), 0);
    assert_true(broker_shell(broker, "mosquitto_passwd -b users armwatch right"));
    broker_reload(broker);
    double took_s = wait_online_again(cell, 0, 40000);
    fault_figure("the same process was online %.1f s after the broker knew the password", took_s);
    assert_true(took_s <= 35);
    daemon_process_assert_alive(cell->daemon);
    assert_int_equal(cell->daemon->pid, pid);
    daemon_process_stop(cell->daemon);
    cell->finished = true;
}

/* ---- 25 */

CHECK(check_read_denied)
{
    struct cell *cell = *state;
    broker_write(cell->harness->broker, "acl", "topic write #\ntopic read armwatch/service/#\n");
    cell_restart_broker(cell, &(struct broker_options){.lines = "acl_file acl"});
    cell_configure(cell, "input.silent_s", "2");
    struct cell_robot robot;
    cell_robot_init(&robot, "kuka1", TOY_ARM_CHANNELS, 930);
    cell_start(cell);
    for (int row = 0; row < 20; row++)
        cell_send(cell, &robot, 0);
    double start_s = seconds_now();
    cell_wait(cell, status_has_reason(cell, "no_samples"), 10000);
    fault_figure("degraded(no_samples) after %.1f s (input.silent_s 2)", seconds_now() - start_s);
    cell_stop(cell);
}

/* ---- 26 */

static unsigned connects(struct cell *cell)
{
    return (unsigned)shell_number("grep -c 'New client connected .* as armwatch-" CELL_INSTANCE
                                  " ' '%s/broker.log'",
                                  broker_directory(cell->harness->broker));
}

CHECK(check_twins)
{
    struct cell *cell = *state;
    struct daemon_process *twin = daemon_process_new();
    cell_start(cell);
    char *text = cJSON_Print(cell->config);
    daemon_process_configure(twin, text);
    cJSON_free(text);
    daemon_process_start(twin);
    double start_s = seconds_now();
    turn_for(cell, 60);
    unsigned first = connects(cell);
    turn_for(cell, fault_long() ? 120 : 60);
    unsigned second = connects(cell) - first;
    double elapsed_s = seconds_now() - start_s - 60;
    size_t said = daemon_process_logged(cell->daemon, "does another client use the client id") +
                  daemon_process_logged(twin, "does another client use the client id");
    fault_figure("%u connects of the two in the first 60 s, then one in %.0f s; %zu lines name the "
                 "suspicion",
                 first, elapsed_s / (second ? second : 1), said);
    assert_true(first <= 24);
    assert_true(second > 0 && elapsed_s / second >= 7.5); /* two clients, 15 s at least each */
    assert_true(said > 0);
    daemon_process_stop(twin);
    daemon_process_free(twin);
    daemon_process_stop(cell->daemon);
    cell->finished = true;
}

/* ---- 48 */

CHECK(check_stop_with_outbox)
{
    enum { ROBOTS = 500 };
    static char names[ROBOTS][8];
    struct cell *cell = *state;
    cell_configure(cell, "robots.max", "600");
    cell_configure(cell, "alerts.reassert_s", "3600");
    cell_configure(cell, "input.silent_s", "3600");
    start_denied(cell);
    raise_many(cell, names, ROBOTS);
    double took_s = cell_stop(cell);
    long kept =
        shell_number("sqlite3 '%s' 'SELECT count(*) FROM message'", state_path(cell, "outbox.db"));
    allow_alerts(cell);
    peer_forget(cell->watcher);
    cell_start(cell);
    cell_wait(cell, alerts_of(cell, NULL, "raised") >= ROBOTS, 20000);
    fault_figure(
        "ended in %.2f s with %ld alerts in the journal; all %d raised ones delivered after "
        "the restart",
        took_s, kept, ROBOTS);
    assert_true(took_s <= 5 * TIME_SCALE);
    assert_true(kept >= ROBOTS);
    for (size_t r = 0; r < ROBOTS; r++)
        assert_int_equal(alerts_of(cell, names[r], "raised"), 1);
    cell_stop(cell);
}
