/* The daemon as a service: its command line, the service manager, the configuration read again. */
#include "cell.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#define SPAN 5

/* ---- command line
 * ------------------------------------------------------------------------------------------ */

static void expect_exit(struct cell *cell, const char *const *arguments, int code, const char *text)
{
    int found = daemon_process_run(cell->daemon, arguments);
    if (found != code || daemon_process_logged(cell->daemon, text) == 0) {
        daemon_process_print_log(cell->daemon);
        fail_msg("%s: exit code %d, expected %d and \"%s\"", arguments[0], found, code, text);
    }
}

#define EXPECT_EXIT(cell, code, text, ...)                                                         \
    expect_exit(cell, (const char *const[]){__VA_ARGS__, NULL}, code, text)

static void test_command_line(void **state)
{
    struct cell *cell = *state;
    cell_write_config(cell);
    EXPECT_EXIT(cell, 0, "armwatchd.json: good", "--check", "--config", "armwatchd.json");
    EXPECT_EXIT(cell, 0, "armwatchd 0", "--version");
    EXPECT_EXIT(cell, 0, "Usage: armwatchd", "--help");
    EXPECT_EXIT(cell, 2, "--frobnicate", "--frobnicate");
    EXPECT_EXIT(cell, 2, "unexpected argument \"stray\"", "stray");
    EXPECT_EXIT(cell, 78, "nowhere.json", "--check", "--config", "nowhere.json");
    EXPECT_EXIT(cell, 78, "nowhere.json", "--config", "nowhere.json");
    cell_configure(cell, "alerts.reassert_s", "0.1");
    cell_write_config(cell);
    EXPECT_EXIT(cell, 78, "alerts.reassert_s: 0.1, must be from 1", "--check", "--config",
                "armwatchd.json");
    EXPECT_EXIT(cell, 78, "alerts.reassert_s", "--config", "armwatchd.json");
    cell_configure(cell, "alerts.reassert_s", "60");
    cell_configure(cell, "alerts.colour", "\"red\"");
    cell_write_config(cell);
    EXPECT_EXIT(cell, 78, "alerts.colour: unknown key; known here: ", "--check", "--config",
                "armwatchd.json");
    cell->finished = true;
}

/* ---- service manager
 * --------------------------------------------------------------------------------------- */

struct manager {
    int fd;
    unsigned ready, reloading, watchdog, stopping, status;
    char last_ready[1024];
};

static void manager_open(struct manager *manager, struct cell *cell, bool abstract)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char name[100];
    snprintf(name, sizeof name, "%s%s/notify", abstract ? "@" : "", cell->daemon->directory);
    size_t length = strlen(name);
    memcpy(address.sun_path, name, length);
    if (abstract)
        address.sun_path[0] = '\0';
    *manager =
        (struct manager){.fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
    if (manager->fd < 0 || bind(manager->fd, (struct sockaddr *)&address, size) < 0)
        fail_msg("%s: %s", name, strerror(errno));
    snprintf(cell->daemon->environment[0], sizeof cell->daemon->environment[0], "NOTIFY_SOCKET=%s",
             name);
}

static bool manager_hear(struct manager *manager)
{
    char text[1024];
    ssize_t size;
    while ((size = recv(manager->fd, text, sizeof text - 1, 0)) > 0) {
        text[size] = '\0';
        manager->ready += !strncmp(text, "READY=1\n", 8);
        manager->reloading += !strncmp(text, "RELOADING=1\nMONOTONIC_USEC=", 27);
        manager->watchdog += !strcmp(text, "WATCHDOG=1");
        manager->stopping += !strcmp(text, "STOPPING=1");
        manager->status += !strncmp(text, "STATUS=", 7);
        if (!strncmp(text, "READY=1\n", 8))
            snprintf(manager->last_ready, sizeof manager->last_ready, "%s", text);
        if (!strncmp(text, "READY=1\n", 8) && manager->reloading > manager->ready - 1)
            fail_msg("RELOADING=1 without READY=1 before");
    }
    return true;
}

static void test_notifications(void **state)
{
    struct cell *cell = *state;
    struct manager manager;
    manager_open(&manager, cell, false);
    snprintf(cell->daemon->environment[1], 256, "WATCHDOG_USEC=1000000");
    broker_stop(cell->harness->broker); /* READY waits for nobody */
    cell_write_config(cell);
    daemon_process_start(cell->daemon);
    cell_wait(cell, manager_hear(&manager) && manager.ready == 1, 5000);
    char pid[32];
    snprintf(pid, sizeof pid, "MAINPID=%d", (int)cell->daemon->pid);
    assert_non_null(strstr(manager.last_ready, pid));
    cell_wait(cell, manager_hear(&manager) && manager.watchdog >= 4, 3000);
    daemon_process_signal(cell->daemon, SIGHUP);
    cell_wait(cell, manager_hear(&manager) && manager.ready == 2, 3000);
    assert_int_equal(manager.reloading, 1);
    daemon_process_configure(cell->daemon, "{ bad");
    daemon_process_signal(cell->daemon, SIGHUP); /* a bad file, too, ends with READY */
    cell_wait(cell, manager_hear(&manager) && manager.ready == 3, 3000);
    assert_int_equal(manager.reloading, 2);
    assert_int_equal(manager.stopping, 0);
    assert_true(manager.status >= 1);
    daemon_process_stop(cell->daemon);
    manager_hear(&manager);
    assert_int_equal(manager.stopping, 1);
    close(manager.fd);
    cell->finished = true;
}

static void test_watchdog_of_somebody_else(void **state)
{
    struct cell *cell = *state;
    struct manager manager;
    manager_open(&manager, cell, true);
    snprintf(cell->daemon->environment[1], 256, "WATCHDOG_USEC=400000");
    snprintf(cell->daemon->environment[2], 256, "WATCHDOG_PID=1");
    cell_start(cell);
    wait_ms(&cell->harness->loop, 600);
    manager_hear(&manager);
    assert_int_equal(manager.ready, 1);
    assert_int_equal(manager.watchdog, 0);
    cell_stop(cell);
    close(manager.fd);
}

/* ---- SIGHUP
 * ------------------------------------------------------------------------------------------------
 */

#define READ_AGAIN "configuration read again"
#define NOT_CHANGED "configuration not changed"

/* Writes the configuration and has it read; the log must say so. */
static void hup(struct cell *cell, const char *outcome)
{
    size_t before = daemon_process_logged(cell->daemon, outcome);
    daemon_process_signal(cell->daemon, SIGHUP);
    cell_wait(cell, daemon_process_logged(cell->daemon, outcome) > before, 5000);
}

static double score_number(const struct cell *cell, const char *robot, const char *key)
{
    cJSON *score = cell_last_json(cell, cell_topic(robot, "score"));
    assert_non_null(score);
    bool of_detector = strcmp(key, "model_version") != 0;
    double number = json_number(of_detector ? json_at(score, "detectors")->child : score, key);
    cJSON_Delete(score);
    return number;
}

static void run_unheard(struct cell *cell, struct cell_robot *robot, size_t rows)
{
    for (size_t i = 0; i < rows; i++)
        cell_send(cell, robot, 0);
    cell_wait(cell, cell_counter(cell, robot->name, "scored") == (double)robot->arm.row - SPAN + 1,
              5000);
}

static void run_after_restart(struct cell *cell, struct cell_robot *robot)
{
    peer_forget(cell->watcher); /* what it heard before */
    cell_run(cell, robot, 10, 0);
}

static void test_live_keys(void **state)
{
    struct cell *cell = *state;
    struct cell_robot robot;
    cell_robot_init(&robot, "kuka1", TOY_ARM_CHANNELS, 500);
    struct model *model = toy_arm_load(cell_models(), "cell");
    cell_start(cell);
    cell_run(cell, &robot, 10, 0);
    double threshold = model_threshold(model, 0, CELL_FALSE_ALARMS);
    assert_true(fabs(score_number(cell, "kuka1", "threshold") / threshold - 1) < 1e-5);

    cell_configure(cell, "alerts.false_alarms_per_day", "50");
    cell_write_config(cell);
    hup(cell, READ_AGAIN);
    cell_run(cell, &robot, 5, 0);
    double lower = model_threshold(model, 0, 50);
    assert_true(lower < threshold);
    assert_true(fabs(score_number(cell, "kuka1", "threshold") / lower - 1) < 1e-5);

    cell_configure(cell, "scores.rate_hz", "0");
    cell_write_config(cell);
    hup(cell, READ_AGAIN);
    size_t scores = cell_count(cell, "armwatch/robot/kuka1/score");
    run_unheard(cell, &robot, 20);
    assert_int_equal(cell_count(cell, "armwatch/robot/kuka1/score"), scores);
    cell_configure(cell, "scores.rate_hz", "0.01"); /* one, and then none for long */
    cell_write_config(cell);
    hup(cell, READ_AGAIN);
    run_unheard(cell, &robot, 20);
    cell_wait(cell, cell_count(cell, "armwatch/robot/kuka1/score") <= scores + 1, 1000);

    static const char nobody[] = "armwatch/robot/n.o/sample", logged[] = "names no robot";
    cell_publish(cell, nobody, "[]", 2); /* told the 1st, 2nd, 4th time */
    cell_wait(cell, daemon_process_logged(cell->daemon, logged) == 1, 3000);
    cell_configure(cell, "log.level", "\"error\"");
    cell_write_config(cell);
    size_t read_again = daemon_process_logged(cell->daemon, READ_AGAIN);
    daemon_process_signal(cell->daemon, SIGHUP);
    run_unheard(cell, &robot, 20);
    cell_publish(cell, nobody, "[]", 2);
    cell_publish(cell, nobody, "[]", 2);
    run_unheard(cell, &robot, 20);
    assert_int_equal(daemon_process_logged(cell->daemon, logged), 1);
    assert_int_equal(daemon_process_logged(cell->daemon, READ_AGAIN), read_again);
    cell_configure(cell, "log.level", "\"info\"");
    cell_write_config(cell);
    hup(cell, READ_AGAIN);
    cell_publish(cell, nobody, "[]", 2);
    cell_wait(cell, daemon_process_logged(cell->daemon, logged) == 2, 3000);
    model_unref(model);
    cell_stop(cell);
}

static void test_bad_and_fixed_keys(void **state)
{
    static const char *const bad[] = {"{", "[]", "{\"mqtt\":{\"url\":\"http://x\"}}",
                                      "{\"instance\":\"a b\"}"};
    struct cell *cell = *state;
    struct cell_robot robot;
    cell_robot_init(&robot, "kuka1", TOY_ARM_CHANNELS, 501);
    cell_start(cell);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        daemon_process_configure(cell->daemon, bad[i]);
        hup(cell, NOT_CHANGED);
        cell_run(cell, &robot, 10, 0);
    }
    char path[128];
    snprintf(path, sizeof path, "%s/armwatchd.json", cell->daemon->directory);
    assert_int_equal(unlink(path), 0);
    hup(cell, NOT_CHANGED);
    cell_configure(cell, "instance", "\"elsewhere\"");
    cell_configure(cell, "topics.root", "\"plant\"");
    cell_write_config(cell);
    hup(cell, READ_AGAIN);
    assert_int_equal(daemon_process_logged(cell->daemon, "next start: instance"), 1);
    cell_run(cell, &robot, 10, 0);
    assert_true(cell_counter(cell, "kuka1", "received") == 50);
    cell_stop(cell);
}

static void test_default_model_changes(void **state)
{
    struct cell *cell = *state;
    struct cell_robot robot;
    cell_robot_init(&robot, "kuka1", TOY_ARM_CHANNELS, 502);
    cell_start(cell);
    cell_stream_start(cell, &robot, 1);
    cell_wait(cell, cell_count(cell, "armwatch/robot/kuka1/score") > 20, 5000);
    cell_configure(cell, "models.default", "\"cell-v2\"");
    cell_write_config(cell);
    hup(cell, READ_AGAIN);
    cell_wait(cell, score_number(cell, "kuka1", "model_version") == 2, 5000);
    cell_configure(cell, "models.default", "\"missing\"");
    cell_write_config(cell);
    hup(cell, READ_AGAIN);
    cell_wait(cell, daemon_process_logged(cell->daemon, "refused (model_not_found)") == 1, 3000);
    cell_configure(cell, "models.robots", "{\"kuka1\":\"cell\"}");
    cell_configure(cell, "models.default", "\"cell-v2\"");
    cell_write_config(cell);
    hup(cell, READ_AGAIN);
    cell_wait(cell, score_number(cell, "kuka1", "model_version") == 1, 5000);
    cell_configure(cell, "models.robots", "{}");
    cell_write_config(cell);
    hup(cell, READ_AGAIN);
    cell_wait(cell, score_number(cell, "kuka1", "model_version") == 2, 5000);
    cell_configure(cell, "models.default", "\"cell\""); /* it follows the default again */
    cell_write_config(cell);
    hup(cell, READ_AGAIN);
    cell_wait(cell, score_number(cell, "kuka1", "model_version") == 1, 5000);
    cell_stream_stop(cell);
    run_unheard(cell, &robot, 1); /* no window was lost on the way */
    cell_stop(cell);
    cell_start(cell);
    run_after_restart(cell, &robot);
    assert_true(score_number(cell, "kuka1", "model_version") == 1);
    cell_stop(cell);
}

/* Some signals coincide; what counts is the last file, and that nothing is left over. */
static void test_two_hundred_hups(void **state)
{
    enum { HUPS = 200, WARM_UP = 50 };
    struct cell *cell = *state;
    struct cell_robot robots[2];
    cell_robot_init(&robots[0], "a", TOY_ARM_CHANNELS, 503);
    cell_robot_init(&robots[1], "b", TOY_ARM_CHANNELS, 504);
    cell_start(cell);
    cell_stream_start(cell, robots, 2);
    cell_wait(cell, cell_count(cell, cell_topic("b", "score")) > 20, 5000);
    int descriptors = 0;
    long rss_kib = 0;
    for (int i = 1; i <= HUPS; i++) {
        cell_configure(cell, "models.default", i % 2 ? "\"cell-v2\"" : "\"cell\"");
        cell_configure(cell, "alerts.false_alarms_per_day", i % 2 ? "1" : "0.01");
        cell_write_config(cell);
        hup(cell, READ_AGAIN);
        if (i == WARM_UP) {
            descriptors = daemon_process_descriptors(cell->daemon);
            rss_kib = daemon_process_rss_kib(cell->daemon);
        }
    }
    cell_wait(cell, score_number(cell, "a", "model_version") == 1, 5000);
    cell_stream_stop(cell);
    for (size_t i = 0; i < 2; i++)
        run_unheard(cell, &robots[i], 1);
    cell_wait(cell, daemon_process_descriptors(cell->daemon) <= descriptors, 3000);
    long grown = daemon_process_rss_kib(cell->daemon) - rss_kib;
    if (!SANITIZED && grown > 1024)
        fail_msg("resident memory grew by %ld KiB", grown);
    cell_stop(cell);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CELL_TEST(test_command_line),
        CELL_TEST(test_notifications),
        CELL_TEST(test_watchdog_of_somebody_else),
        CELL_TEST(test_live_keys),
        CELL_TEST(test_bad_and_fixed_keys),
        CELL_TEST(test_default_model_changes),
        CELL_TEST(test_two_hundred_hups),
    };
    return cmocka_run_group_tests(tests, cell_group_setup, cell_group_teardown);
}
