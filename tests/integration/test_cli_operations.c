/* What an operator types, and reads: the real command, a real broker and a real daemon. */
#include "cell.h"
#include "command.h"
#include "tiny_model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define GROSS 4.0
#define LIMIT_MS 15000

static int setup_models(void **state)
{
    char path[256];
    int r = cell_group_setup(state);
    static const struct {
        const char *file;
        struct tiny_model tiny;
    } all[] = {{"good", {.name = "arm", .version = 1, .limit = 3}},
               {"deaf", {.name = "arm", .version = 2, .limit = 1000}}};
    for (size_t i = 0; r == 0 && i < sizeof all / sizeof all[0]; i++) {
        snprintf(path, sizeof path, "%s/%s.safetensors", cell_models(), all[i].file);
        tiny_model_write(&all[i].tiny, path);
    }
    return r;
}

static struct command command;

static int teardown(void **state)
{
    command_deinit(&command);
    return cell_teardown(state);
}

static void run(struct cell *cell, const char *protocol, const char *arguments, int code)
{
    command_start(&command, cell->daemon->directory,
                  "ctl --broker %s --protocol %s --instance " CELL_INSTANCE " %s",
                  broker_url(cell->harness->broker), protocol, arguments);
    int found = command_wait(&command, &cell->harness->loop, LIMIT_MS);
    if (found != code)
        fail_msg("%s: exit %d, expected %d: %s", arguments, found, code, command_err(&command));
}

/* It says that, in its output or, where it fails, among its errors. */
static void expect(const char *part)
{
    if (strstr(command_out(&command), part) || strstr(command_err(&command), part))
        return;
    print_message("%s\n", command_err(&command));
    fail_msg("\"%s\" is not in: %s", part, command_out(&command));
}

/* The address that it is told is the one where the page is. */
static void expect_page(struct cell *cell)
{
    char line[160];
    cJSON *status = cell_json(cell, "armwatch/service/" CELL_INSTANCE "/status", 0);
    snprintf(line, sizeof line, "\npage and metrics on its host: %s\n", json_text(status, "http"));
    cJSON_Delete(status);
    expect(line);
}

static void run_alert(struct cell *cell, struct cell_robot *robot)
{
    cell_run(cell, robot, 30, 0);
    cell_run(cell, robot, 20, GROSS);
    cell_run(cell, robot, 200, 0);
}

static void talk(struct cell *cell, const char *protocol)
{
    struct cell_robot robot;
    char text[160];
    cell_robot_init(&robot, "kuka1", 3, 1);
    cell_configure(cell, "models.default", "\"good\"");
    cell_configure(cell, "alerts.false_alarms_per_day", "0");
    cell_start(cell);
    cell_run(cell, &robot, 20, 0);
    run(cell, protocol, "audit", 0);
    expect("nothing was changed so far");
    run(cell, protocol, "threshold --robot kuka1 --false-alarms-per-day 5", 0);
    expect("kuka1: 5 false alarms a day, as set for this robot");
    expect("(was 1), supported 864 (95 %)");
    expect("warning");
    run(cell, protocol, "threshold --robot kuka9 --false-alarms-per-day 5", 1);
    expect("(unknown_robot)");
    run(cell, protocol, "shadow deaf", 0);
    expect("arm version 2 is compared from now on");
    run_alert(cell, &robot);
    cell_wait(cell, cell_count_alerts(cell, "armwatch/robot/kuka1/alert", "cleared") == 1, 3000);
    run(cell, protocol, "shadow --report", 0);
    expect("shadow deaf: arm v2 beside the live model since");
    expect("1 of the live model, 0 of the candidate: 0 matched, 1 missing, 0 extra");
    cJSON *alert = cell_json(cell, "armwatch/robot/kuka1/alert", 0);
    snprintf(text, sizeof text, "ack %s --verdict false --note cable",
             json_text(alert, "data.alert_id"));
    expect(json_text(alert, "data.alert_id")); /* the missing one is named */
    cJSON_Delete(alert);
    run(cell, protocol, text, 0);
    expect(": false: cable; the alert is over already");
    run(cell, protocol, "ack nonsense --verdict true", 1);
    expect("(unknown_alert)");
    run(cell, protocol, "verdicts", 0);
    expect("0 true, 1 false, 0 by maintenance, since");
    run(cell, protocol, "status", 0);
    expect("kuka1: target 5 false alarms a day, set for this robot");
    expect_page(cell);
    expect("shadow deaf");
    run(cell, protocol, "promote", 0);
    expect("arm version 2 is in use");
    run(cell, protocol, "unshadow", 1);
    expect("(no_shadow)");
    run(cell, protocol, "status", 0);
    expect("probation of arm v2: ");
    run(cell, protocol, "audit --last 1", 0);
    expect("unshadow");
    expect("older ones: --last N shows more");
    run(cell, protocol, "audit --json", 0);
    cJSON *tree = json_parse(command_out(&command), strlen(command_out(&command)), NULL);
    assert_int_equal(cJSON_GetArraySize(json_at(tree, "audit")), 7);
    cJSON_Delete(tree);
    run(cell, protocol, "shadow", 1);
    expect("(invalid_argument)");
    cell_stop(cell);
}

static void test_by_mqtt_5(void **state)
{
    talk(*state, "5");
}

static void test_by_mqtt_3(void **state)
{
    talk(*state, "3.1.1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_by_mqtt_5, cell_setup, teardown),
        cmocka_unit_test_setup_teardown(test_by_mqtt_3, cell_setup, teardown),
    };
    return cmocka_run_group_tests(tests, setup_models, cell_group_teardown);
}
