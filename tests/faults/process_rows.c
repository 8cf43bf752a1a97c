/* The daemon itself: reloads, threads that stand still, descriptors that run out. */
#include "fault.h"
#include "kit.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#define SPAN 5
#define READ_AGAIN "configuration read again"
#define NOT_CHANGED "configuration not changed"

/* ---- 40 */

struct replacer {
    char command[700];
    atomic_bool stop;
    unsigned rounds;
};

static void *replace(void *user)
{
    struct replacer *replacer = user;
    for (; !atomic_load(&replacer->stop); replacer->rounds++)
        if (system(replacer->command) != 0) /* NOLINT(cert-env33-c): our own */
            break;
    return NULL;
}

/* One way is a rename, the other truncates and writes in place. */
static void start_replacing(struct replacer *replacer, const char *models)
{
    snprintf(
        replacer->command, sizeof replacer->command,
        "cd '%s' && for i in 1 2 3 4 5; do cp cell.safetensors new && mv new race.safetensors; "
        "cp cell-v2.safetensors race.safetensors; head -c 3000 cell.safetensors "
        ">race.safetensors; cat cell.safetensors >race.safetensors; done",
        models);
}

CHECK(check_replaced_model)
{
    struct cell *cell = *state;
    struct cell_robot robot;
    struct replacer replacer = {.rounds = 0};
    pthread_t thread;
    unsigned loaded = 0, refused = 0, rounds = fault_long() ? 1000 : 100;
    start_replacing(&replacer, cell_own_models(cell));
    cell_robot_init(&robot, "kuka1", TOY_ARM_CHANNELS, 950);
    cell_start(cell);
    cell_stream_start(cell, &robot, 1);
    assert_int_equal(pthread_create(&thread, NULL, replace, &replacer), 0);
    for (unsigned i = 0; i < rounds; i++) {
        cJSON *reply = cell_command(cell, "\"command\":\"reload\",\"model\":\"race\"");
        bool ok = cJSON_IsTrue(json_at(reply, "ok"));
        double version = ok ? json_number(reply, "model_version") : 1;
        assert_true(version == 1 || version == 2);
        loaded += ok;
        refused += !ok;
        cJSON_Delete(reply);
        peer_forget(cell->watcher);
    }
    atomic_store(&replacer.stop, true);
    pthread_join(thread, NULL);
    cell_stream_stop(cell);
    cell_run(cell, &robot, 5, 0);
    assert_true(cell_counter(cell, "kuka1", "scored") == (double)robot.arm.row - SPAN + 1);
    assert_true(loaded > 0 && refused > 0);
    fault_figure("%u loads while the file was replaced %u times: %u took it whole, %u refused, no "
                 "window of %zu rows lost",
                 rounds, 20 * replacer.rounds, loaded, refused, robot.arm.row);
    cell_stop(cell);
}

/* ---- 46, 47 */

static void hup(struct cell *cell, const char *outcome)
{
    size_t before = daemon_process_logged(cell->daemon, outcome);
    daemon_process_signal(cell->daemon, SIGHUP);
    cell_wait(cell, daemon_process_logged(cell->daemon, outcome) > before, 5000);
}

static void assert_all_scored(struct cell *cell, struct cell_robot *robots, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        cell_run(cell, &robots[i], 5, 0);
        assert_true(cell_counter(cell, robots[i].name, "received") == (double)robots[i].arm.row);
        assert_true(cell_counter(cell, robots[i].name, "scored") ==
                    (double)robots[i].arm.row - SPAN + 1);
    }
}

static void start_streaming(struct cell *cell, struct cell_robot robots[2])
{
    cell_robot_init(&robots[0], "kuka1", TOY_ARM_CHANNELS, 951);
    cell_robot_init(&robots[1], "kuka2", TOY_ARM_CHANNELS, 952);
    cell_start(cell);
    cell_stream_start(cell, robots, 2);
    turn_for(cell, 1);
}

CHECK(check_bad_reload_under_load)
{
    static const char *const bad[] = {"{", "[]", "{\"mqtt\":{\"url\":\"http://x\"}}",
                                      "{\"instance\":\"a b\"}", ""};
    struct cell *cell = *state;
    struct cell_robot robots[2];
    unsigned rounds = fault_long() ? 200 : 25;
    start_streaming(cell, robots);
    for (unsigned i = 0; i < rounds; i++) {
        daemon_process_configure(cell->daemon, bad[i % (sizeof bad / sizeof bad[0])]);
        hup(cell, NOT_CHANGED);
    }
    cell_stream_stop(cell);
    assert_all_scored(cell, robots, 2);
    fault_figure("%u bad files under load: each refused, %zu rows, none lost", rounds,
                 robots[0].arm.row + robots[1].arm.row);
    cell_stop(cell);
}

/* Memory of the scorer's queues is touched only as windows go through them, up to once around. */
static void fill_queues(struct cell *cell, struct cell_robot *robot)
{
    enum { BLOCKS = 700, BLOCK = 100 };
    for (int block = 0; block < BLOCKS; block++) {
        for (int row = 0; row < BLOCK; row++)
            cell_send(cell, robot, 0);
        while (cell_counter(cell, robot->name, "received") < (double)robot->arm.row)
            ;
        peer_forget(cell->watcher);
    }
}

CHECK(check_many_reloads)
{
    enum { WARM_UP = 100 };
    struct cell *cell = *state;
    struct cell_robot robots[2];
    unsigned rounds = fault_long() ? 1000 : 250;
    int descriptors = 0;
    long rss_kib = 0;
    struct cell_robot filler;
    cell_robot_init(&filler, "filler", TOY_ARM_CHANNELS, 955);
    start_streaming(cell, robots);
    fill_queues(cell, &filler);
    for (unsigned i = 1; i <= rounds; i++) {
        cell_configure(cell, "alerts.false_alarms_per_day", i % 2 ? "1" : "0.01");
        cell_write_config(cell);
        daemon_process_signal(cell->daemon, SIGHUP);
        turn_for(cell, 0.01);
        if (i % 50 == 0)
            hup(cell, READ_AGAIN);
        if (i == WARM_UP) {
            descriptors = daemon_process_descriptors(cell->daemon);
            rss_kib = daemon_process_rss_kib(cell->daemon);
        }
    }
    cell_stream_stop(cell);
    assert_all_scored(cell, robots, 2);
    long grown_kib = daemon_process_rss_kib(cell->daemon) - rss_kib;
    int more = daemon_process_descriptors(cell->daemon) - descriptors;
    fault_figure(
        "%u SIGHUPs under load: resident memory %+ld KiB, descriptors %+d, no row of %zu lost",
        rounds, grown_kib, more, robots[0].arm.row + robots[1].arm.row);
    assert_grown(grown_kib, 256);
    assert_true(more <= 0);
    cell_stop(cell);
}

/* ---- 51, 52 */

CHECK(check_stalled_scorer)
{
    struct cell *cell = *state;
    struct cell_robot robot;
    cell_robot_init(&robot, "kuka1", TOY_ARM_CHANNELS, 953);
    pings_open(cell);
    cell_start(cell);
    cell_run(cell, &robot, 20, 0);
    pid_t scorer = thread_named(cell->daemon->pid, "scorer");
    double start_s = seconds_now();
    thread_stop(scorer);
    cell_stream_start(cell, &robot, 1);
    cell_wait(cell, status_has_reason(cell, "scorer"), 5000);
    double known_s = seconds_now() - start_s;
    turn_for(cell, 4);
    double last_s = pings_so_far().last_s - start_s;
    thread_release(scorer);
    pings_restart();
    cell_wait(cell, pings_so_far().count > 0, 3000);
    cell_wait(cell, !status_has_reason(cell, "scorer"), 3000);
    fault_figure(
        "degraded(scorer) after %.2f s; last ping at %.2f s, so ended by WatchdogSec=10 at "
        "%.1f s at the latest with pings each 2.5 s; goes on when released",
        known_s, last_s, last_s + 10);
    assert_true(known_s <= 2 && last_s + 10 <= 12);
    cell_stream_stop(cell);
    cell_run(cell, &robot, 5, 0);
    cell_stop(cell);
    pings_close();
}

CHECK(check_stalled_loop)
{
    struct cell *cell = *state;
    pings_open(cell);
    cell_start(cell);
    turn_for(cell, 1);
    double start_s = seconds_now();
    thread_stop(cell->daemon->pid); /* its main thread, the others go on */
    turn_for(cell, 3);
    double last_s = pings_so_far().last_s - start_s;
    thread_release(cell->daemon->pid);
    pings_restart();
    cell_wait(cell, pings_so_far().count > 0, 3000);
    fault_figure("last ping at %+.2f s, so ended by WatchdogSec=10 within %.1f s", last_s,
                 last_s + 10);
    assert_true(last_s <= 0.1);
    cell_stop(cell);
    pings_close();
}

/* ---- 53 */

static void limit_descriptors(struct cell *cell, rlim_t count)
{
    const struct rlimit limit = {.rlim_cur = count, .rlim_max = 1024};
    if (prlimit(cell->daemon->pid, RLIMIT_NOFILE, &limit, NULL) < 0)
        fault_skip("prlimit is not allowed here");
}

CHECK(check_no_descriptors)
{
    struct cell *cell = *state;
    struct cell_robot robot;
    cell_robot_init(&robot, "kuka1", TOY_ARM_CHANNELS, 954);
    pings_open(cell);
    cell_start(cell);
    cell_run(cell, &robot, 20, 0);
    limit_descriptors(cell, 3);
    broker_stop(cell->harness->broker);
    pings_restart();
    broker_start(cell->harness->broker, NULL);
    turn_for(cell, fault_long() ? 15 : 5);
    daemon_process_assert_alive(cell->daemon);
    struct pings pings = pings_so_far();
    double gap_ms = loop_lag_ms();
    size_t before = daemon_process_logged(cell->daemon, "broker: connected");
    limit_descriptors(cell, 1024);
    double took_s = wait_logged(cell, "broker: connected", before + 1, 40000);
    fault_figure(
        "alive, %u pings, loop lag at worst %.0f ms; online %.1f s after the limit was lifted",
        pings.count, gap_ms, took_s);
    assert_true(took_s <= 10);
    assert_true(pings.count >= 12);
    cell_wait(cell, mqtt_client_online(cell->sender->client), 5000);
    cell_run(cell, &robot, 20, 0);
    cell_stop(cell);
    pings_close();
}
