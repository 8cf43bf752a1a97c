/*
 * mosquitto's bridge, real: a broker in the cell, bridged to the plant's by the shipped
 * bridge.conf; the daemon listens at the plant's, whose configuration and ACL are the shipped ones,
 * too.
 */
#include "cell.h"
#include "shipped.h"

#include "base/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define GROSS 4.0
#define ALERT "armwatch/robot/kuka1/alert"
#define STATE "armwatch/robot/kuka1/state"

enum {
    OPERATOR,
    ROBOT,
    SCREEN,
    LATE
}; /* peers; the first at the plant's broker, the others at the cell's */

struct site {
    struct cell *cell; /* its harness's broker is the plant's */
    struct broker *cell_broker;
    struct toy_arm arm;
};

/* ---- the shipped files, adapted as an administrator has to */

static const char *tls_port(const struct site *site)
{
    return strrchr(broker_tls_url(site->cell->harness->broker), ':') + 1;
}

static char *print(const char *format, ...) __attribute__((format(printf, 1, 2)));

static char *print(const char *format, ...)
{
    char *text;
    va_list arguments;
    va_start(arguments, format);
    assert_true(vasprintf(&text, format, arguments) >= 0);
    va_end(arguments);
    return text;
}

static void start_plant(struct site *site)
{
    struct broker *broker = site->cell->harness->broker = broker_new();
    if (!broker_make_certificates(broker, "IP:127.0.0.1") ||
        !broker_shell(broker, "touch armwatch.passwd; for user in cell7 operator armwatch; do "
                              "mosquitto_passwd -b armwatch.passwd $user secret-$user || exit 1; "
                              "done; umask 077; printf secret-armwatch > secret")) {
        print_message("skipped: openssl or mosquitto_passwd does not work here\n");
        skip();
    }
    char *acl = shipped_read("armwatch.acl"), *more = shipped_read("bridge.acl");
    char *both = print("%s\n%s", acl, more), *listener = print("listener %s", tls_port(site));
    char *directory = print("%s/", broker_directory(broker));
    broker_write(broker, "armwatch.acl", both);
    char *conf = shipped_replace(shipped_read("armwatch.conf"), "listener 8883", listener);
    conf = shipped_replace(conf, "/etc/mosquitto/certs/", directory);
    conf = shipped_replace(conf, "/etc/mosquitto/", directory);
    char *lines = print("persistence_location %s\n%s", directory, conf);
    broker_start(broker, &(struct broker_options){.lines = lines});
    char *const texts[] = {acl, more, both, listener, directory, conf, lines};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        free(texts[i]);
}

static void start_cell_broker(struct site *site)
{
    struct broker *broker = site->cell_broker = broker_new();
    char *address = print("address 127.0.0.1:%s", tls_port(site));
    char *ca = print("%s/ca.crt", broker_directory(site->cell->harness->broker));
    char *lines =
        shipped_replace(shipped_read("bridge.conf"), "address plant-broker:8883", address);
    lines = shipped_replace(lines, "/etc/mosquitto/certs/ca.crt", ca);
    lines = shipped_replace(lines, "change-me", "secret-cell7");
    broker_start(broker, &(struct broker_options){.lines = lines});
    free(address);
    free(ca);
    free(lines);
}

/* ---- those who take part */

static struct peer *start_peer(struct site *site, int index, const char *name)
{
    struct harness *harness = site->cell->harness;
    struct peer *peer = &harness->peers[index];
    bool at_plant = index == OPERATOR;
    struct mqtt_options options = peer_options(
        at_plant ? broker_tls_url(harness->broker) : broker_url(site->cell_broker), name);
    char ca[128];
    snprintf(ca, sizeof ca, "%s/ca.crt", broker_directory(harness->broker));
    options.ca_file = at_plant ? ca : NULL;
    options.username = at_plant ? name : NULL;
    options.password = at_plant ? "secret-operator" : NULL;
    peer_start(peer, &harness->loop, &options);
    wait_until(&harness->loop, mqtt_client_online(peer->client), 10000);
    return peer;
}

static void configure_daemon(struct cell *cell)
{
    static const char sources[] = "{\"sources\":[{\"topic\":\"cell7/tags/{robot}/axes\",\"values\":"
                                  "\"/axes\",\"time\":\"/time\",\"time_unit\":\"ms\"}]}";
    const char *directory = broker_directory(cell->harness->broker);
    struct {
        const char *key;
        char *value;
    } const settings[] = {
        {"instance", print("\"%s\"", CELL_INSTANCE)},
        {"mqtt.url", print("\"%s\"", broker_tls_url(cell->harness->broker))},
        {"mqtt.username", print("\"armwatch\"")},
        {"mqtt.password_file", print("\"%s/secret\"", directory)},
        {"mqtt.ca_file", print("\"%s/ca.crt\"", directory)},
        {"models.directory", print("\"%s\"", cell_models())},
        {"models.default", print("\"cell\"")},
        {"alerts.false_alarms_per_day", print("%g", CELL_FALSE_ALARMS)},
        {"alerts.reassert_s", print("3600")},
        {"input.assembler_file", print("\"sources.json\"")},
        {"state_directory", print("\"state\"")},
        {"http.listen", print("\"127.0.0.1:0\"")},
    };
    cell->daemon = daemon_process_new();
    cell->config = cJSON_CreateObject();
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++) {
        cell_configure(cell, settings[i].key, settings[i].value);
        free(settings[i].value);
    }
    char *path = print("%s/sources.json", cell->daemon->directory);
    struct diag diag = DIAG_INIT;
    if (file_write(path, sources, sizeof sources - 1, &diag) < 0)
        fail_msg("%s", diag.text);
    free(path);
}

/* At QoS 1, so that the cell's broker keeps it while the bridge is cut. */
static void send_rows(struct site *site, size_t rows, double anomaly)
{
    struct peer *robot = &site->cell->harness->peers[ROBOT];
    for (size_t i = 0; i < rows; i++) {
        float values[TOY_ARM_CHANNELS];
        char text[256];
        long long time_ms = (long long)(toy_arm_time_ns(site->arm.row) / 1000000);
        toy_arm_next(&site->arm, anomaly, values);
        snprintf(text, sizeof text,
                 "{\"time\":%lld,\"axes\":{\"axis1\":%.9g,\"axis2\":%.9g,\"axis3\":%.9g,"
                 "\"axis4\":%.9g}}",
                 time_ms, (double)values[0], (double)values[1], (double)values[2],
                 (double)values[3]);
        robot->ack_count = 0;
        peer_publish(robot, "tags/kuka1/axes", text, 1);
        cell_wait(site->cell, robot->ack_count == 1, 10000);
    }
}

/* What the screen in the cell has seen. */
static size_t seen(const struct site *site, const char *topic, const char *part)
{
    const struct peer *screen = &site->cell->harness->peers[SCREEN];
    size_t count = 0;
    for (size_t i = 0; i < screen->message_count; i++)
        count += strstr(screen->messages[i].topic, topic) != NULL &&
                 strstr(screen->messages[i].payload, part) != NULL;
    return count;
}

static bool bridge_is(const struct site *site, const char *state)
{
    const struct peer *screen = &site->cell->harness->peers[SCREEN];
    const char *last = "";
    for (size_t i = 0; i < screen->message_count; i++) {
        if (strstr(screen->messages[i].topic, "$SYS/broker/connection/"))
            last = screen->messages[i].payload;
    }
    return !strcmp(last, state);
}

/* ---- the test */

static void begin(struct site *site)
{
    struct cell *cell = site->cell;
    start_plant(site);
    cell->sender = cell->watcher = start_peer(site, OPERATOR, "operator");
    harness_subscribe(cell->harness, cell->watcher, "armwatch/#", 1);
    start_cell_broker(site);
    start_peer(site, ROBOT, "robot");
    struct peer *screen = start_peer(site, SCREEN, "screen");
    harness_subscribe(cell->harness, screen, "armwatch/#", 1);
    harness_subscribe(cell->harness, screen, "$SYS/broker/connection/#", 1);
    configure_daemon(cell);
    cell->finished = false;
    cell_start(cell);
    cell_wait(cell, bridge_is(site, "1"), 20000);
    toy_arm_init(&site->arm, TOY_ARM_CHANNELS, 600);
}

/* An alert is raised at the plant, and is seen in the cell; then everything is well again there. */
static void run_episode(struct site *site)
{
    struct cell *cell = site->cell;
    size_t raised = seen(site, ALERT, "alert.raised"), cleared = seen(site, ALERT, "alert.cleared");
    double received = cell_counter(cell, "kuka1", "received");
    send_rows(site, 20, GROSS);
    cell_wait(cell, seen(site, ALERT, "alert.raised") == raised + 1, 10000);
    send_rows(site, 60, 0);
    cell_wait(cell, seen(site, ALERT, "alert.cleared") == cleared + 1, 10000);
    /* None is lost on the way. */
    cell_wait(cell, cell_counter(cell, "kuka1", "received") >= received + 80, 10000);
}

static void test_a_bridged_cell(void **state)
{
    struct site *site = *state;
    struct cell *cell = site->cell;
    begin(site);
    send_rows(site, 60, 0);
    /* The last row waits for what comes behind its border. */
    cell_wait(cell, cell_counter(cell, "kuka1", "received") == 59, 10000);
    cell_wait(cell, seen(site, STATE, "\"state\":\"ok\"") > 0, 10000);
    assert_int_equal(seen(site, ALERT, "alert.raised"), 0);
    run_episode(site);

    /* Cut, while the robot goes on. */
    cell_end_broker(cell, broker_kill);
    cell_wait(cell, bridge_is(site, "0"), 20000);
    send_rows(site, 30, 0);
    cell_start_broker(cell, NULL);
    cell_wait(cell, bridge_is(site, "1"), 30000);
    cell_wait(cell, cell_last_says(cell, CELL_STATUS, "state", "online"), 20000);
    double before = cell_counter(cell, "kuka1", "received");
    send_rows(site, 60, 0);
    cell_wait(cell, cell_counter(cell, "kuka1", "received") >= before + 59, 20000);
    print_message("of 30 rows that the cell's broker kept, the daemon was there again for %.0f\n",
                  cell_counter(cell, "kuka1", "received") - 140 - 59);
    run_episode(site);

    /* The state is retained in the cell as well: one who comes late sees it. */
    struct peer *late = start_peer(site, LATE, "late");
    harness_subscribe(cell->harness, late, STATE, 1);
    cell_wait(cell, late->message_count > 0, 5000);
    assert_true(late->messages[0].retained);
    cell_stop(cell);
}

static int setup(void **state)
{
    struct site *site = calloc(1, sizeof *site);
    assert_non_null(site);
    site->cell = calloc(1, sizeof *site->cell);
    assert_non_null(site->cell);
    site->cell->finished = true;
    *state = site;
    return harness_setup((void **)&site->cell->harness);
}

static int teardown(void **state)
{
    struct site *site = *state;
    void *cell = site->cell;
    int r = cell_teardown(&cell);
    broker_free(site->cell_broker);
    free(site);
    return r;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_bridged_cell, setup, teardown),
    };
    return cmocka_run_group_tests(tests, cell_group_setup, cell_group_teardown);
}
