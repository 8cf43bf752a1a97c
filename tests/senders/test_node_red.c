/*
 * Node-RED, real: its flow replays a toy arm as single tags and as one object a row; the daemon
 * hears it through the shipped assembler files. The program is $NODE_RED (node_red.sh installs it).
 */
#include "cell.h"
#include "child.h"
#include "node_red_bytes.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define START_MS 60000 /* it loads hundreds of files */
#define FLOW SENDERS_DIR "/flow.json"
#define RSI_FLOW SOURCES_DIR "/kuka-rsi-flow.json"

struct site {
    struct cell *cell;
    pid_t node; /* 0: does not run */
    char directory[96];
};

/* ---- Node-RED */

/* Its own user directory is the test's; the flow takes the broker's port from the environment. */
static void start_node_red(struct site *site, const char *flow)
{
    char port[16];
    if (!getenv("NODE_RED"))
        fail_msg("$NODE_RED is not set: it says where Node-RED is");
    snprintf(port, sizeof port, "%d", broker_port(site->cell->harness->broker));
    setenv("BROKER_HOST", "127.0.0.1", 1);
    setenv("BROKER_PORT", port, 1);
    snprintf(site->directory, sizeof site->directory, "%s/node-red", site->cell->daemon->directory);
    assert_int_equal(mkdir(site->directory, 0700), 0);
    const char *const arguments[] = {
        "node",      getenv("NODE_RED"), "--settings", SENDERS_DIR "/settings.js",
        "--userDir", site->directory,    flow,         NULL};
    site->node = child_start(&(struct child_program){
        .arguments = arguments, .directory = site->directory, .log = "node-red.log"});
}

static bool log_says(const struct site *site, const char *text)
{
    char path[128], line[1024];
    bool found = false;
    snprintf(path, sizeof path, "%s/node-red.log", site->directory);
    FILE *file = fopen(path, "r");
    while (file && !found && fgets(line, sizeof line, file))
        found = strstr(line, text) != NULL;
    if (file)
        fclose(file);
    return found;
}

static void print_log(const struct site *site)
{
    char command[160];
    snprintf(command, sizeof command, "cat '%s/node-red.log' >&2", site->directory);
    if (system(command) != 0)
        print_error("(no log of Node-RED)\n");
}

/* It ends in order, and has listened to nobody's HTTP. */
static void stop_node_red(struct site *site)
{
    int status = -1;
    child_signal(site->node, SIGTERM, "Node-RED");
    cell_wait(site->cell, child_reap(&site->node, WNOHANG, &status), 20000);
    if (status != 0)
        print_log(site);
    assert_int_equal(status, 0);
    assert_true(log_says(site, "Running in headless mode"));
}

/* ---- through the daemon */

static void start(struct site *site, const char *assembler_file)
{
    char text[600];
    snprintf(text, sizeof text, "\"%s/%s\"", SOURCES_DIR, assembler_file);
    cell_configure(site->cell, "input.assembler_file", text);
    cell_configure(site->cell, "input.gate.mode", "[\"auto\"]");
    cell_configure(site->cell, "alerts.reassert_s", "3600");
    harness_subscribe(site->cell->harness, site->cell->watcher, "types/#", 1);
    cell_start(site->cell);
    start_node_red(site, FLOW);
}

static void tell_anomaly(struct site *site, const char *amount)
{
    cell_publish(site->cell, "senders/anomaly", amount, strlen(amount));
}

static size_t raised(const struct site *site, const char *robot)
{
    return cell_count_alerts(site->cell, cell_topic(robot, "alert"), "raised");
}

/* Healthy movement raises nothing, an anomaly one alert, which ends with it. */
static void expect_episode(struct site *site, const char *robot)
{
    struct cell *cell = site->cell;
    cell_wait(cell, cell_last(cell, cell_topic(robot, "state")), START_MS);
    cell_wait(cell, cell_counter(cell, robot, "windows") >= 60, 40000);
    assert_int_equal(raised(site, robot), 0);
    tell_anomaly(site, "4");
    cell_wait(cell, raised(site, robot) == 1, 20000);
    tell_anomaly(site, "0");
    cell_wait(cell, cell_count_alerts(cell, cell_topic(robot, "alert"), "cleared") == 1, 40000);
    assert_int_equal(raised(site, robot), 1);
}

/* Bare numbers, each on a topic of its own; what becomes of other types is as in node_red_bytes.h.
 */
static void test_single_tags(void **state)
{
    struct site *site = *state;
    struct cell *cell = site->cell;
    start(site, "node-red-tags.json");
    expect_episode(site, "kuka1");
    assert_int_equal(cell_counter(cell, "kuka1", "rejected.missing_channel"), 0);
    for (size_t i = 0; i < sizeof node_red_bytes / sizeof node_red_bytes[0]; i++) {
        char topic[40];
        snprintf(topic, sizeof topic, "types/%s", node_red_bytes[i].type);
        const struct peer_message *message = cell_last(cell, topic);
        if (!message)
            fail_msg("nothing was published on %s", topic);
        assert_string_equal(message->payload, node_red_bytes[i].bytes);
    }
    stop_node_red(site);
    cell_stop(cell);
}

/* One object a row, with the row's time and the mode. */
static void test_one_object(void **state)
{
    struct site *site = *state;
    start(site, "node-red-object.json");
    expect_episode(site, "kuka2");
    assert_int_equal(cell_counter(site->cell, "kuka2", "gated"), 0);
    stop_node_red(site);
    cell_stop(site->cell);
}

/* ---- KUKA's RSI, by the shipped flow */

static int udp_socket(struct sockaddr_in *ret_address)
{
    socklen_t size = sizeof *ret_address;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    *ret_address =
        (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)ret_address, size), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)ret_address, &size), 0);
    return fd;
}

/* One message a period, on its borders, of the means of all axes. */
static double check_rsi(const struct cell *cell)
{
    double last_ms = 0, cycles = 0;
    for (size_t i = 0; i < cell->watcher->message_count; i++) {
        const struct peer_message *message = &cell->watcher->messages[i];
        if (strcmp(message->topic, "rsi/kuka1") != 0)
            continue;
        cJSON *tree = json_parse(message->payload, message->size, NULL);
        assert_non_null(tree);
        double time_ms = json_number(tree, "time");
        assert_true(time_ms > last_ms && (long long)time_ms % 100 == 0);
        assert_true(json_number(tree, "cycles") >= 1);
        assert_non_null(strstr(message->payload, "," NODE_RED_RSI_AXES "}"));
        cycles += json_number(tree, "cycles");
        last_ms = time_ms;
        cJSON_Delete(tree);
    }
    return cycles;
}

static void test_rsi(void **state)
{
    struct site *site = *state;
    struct cell *cell = site->cell;
    struct sockaddr_in own, flow;
    char port[16], byte;
    double frames = 0;
    cell->finished = true; /* no daemon here */
    int fd = udp_socket(&own), other = udp_socket(&flow);
    close(other);
    snprintf(port, sizeof port, "%d", ntohs(flow.sin_port));
    setenv("RSI_PORT", port, 1);
    setenv("ROBOT", "kuka1", 1);
    harness_subscribe(cell->harness, cell->watcher, "rsi/#", 1);
    start_node_red(site, RSI_FLOW);
    cell_wait(cell, log_says(site, "Connected to broker"), START_MS);
    for (; cell_count(cell, "rsi/kuka1") < 5; frames++) {
        assert_true(frames < 10000);
        sendto(fd, NODE_RED_RSI_FRAME, strlen(NODE_RED_RSI_FRAME), 0, (struct sockaddr *)&flow,
               sizeof flow);
        wait_ms(&cell->harness->loop, 4);
    }
    double cycles = check_rsi(cell);
    assert_true(cycles > 5 && cycles <= frames);
    /* It must not answer a controller. */
    assert_int_equal(recv(fd, &byte, 1, MSG_DONTWAIT), -1);
    assert_int_equal(errno, EAGAIN);
    close(fd);
    stop_node_red(site);
}

/* ---- */

static int setup(void **state)
{
    struct site *site = calloc(1, sizeof *site);
    assert_non_null(site);
    *state = site;
    return cell_setup((void **)&site->cell);
}

static int teardown(void **state)
{
    struct site *site = *state;
    if (site->node > 0) {
        print_log(site);
        kill(site->node, SIGKILL);
        waitpid(site->node, NULL, 0);
    }
    int r = cell_teardown((void **)&site->cell);
    free(site);
    return r;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(test_single_tags), TEST(test_one_object),
                                       TEST(test_rsi)};
    return cmocka_run_group_tests(tests, cell_group_setup, cell_group_teardown);
}
