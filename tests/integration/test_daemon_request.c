/* Commands by request and response, as any MQTT client has them: here mosquitto_rr. */
#include "cell.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>

#define ANSWER CELL_REPLY "/shell" /* where the roles of config/mosquitto let it be */

/* Runs mosquitto_rr with these further options; the command is in single quotes there. Returns what
 * it printed, static storage. Broker and daemon run on by themselves. */
static const char *request(const struct cell *cell, const char *options, const char *command)
{
    static char text[16384];
    char line[1024];
    snprintf(line, sizeof line, "mosquitto_rr -L %s/%s -e %s -W 5 %s -m '%s'",
             broker_url(cell->harness->broker), CELL_CONTROL, ANSWER, options, command);
    FILE *stream = popen(line, "r");
    assert_non_null(stream);
    size_t size = fread(text, 1, sizeof text - 1, stream);
    text[size] = '\0';
    int status = pclose(stream);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        fail_msg("%s: status %d: %s", line, status, text);
    return text;
}

static cJSON *parse(const char *text)
{
    cJSON *tree = cJSON_Parse(text);
    if (!tree)
        fail_msg("no JSON: %s", text);
    return tree;
}

static void start(struct cell *cell)
{
    struct cell_robot robot;
    if (system("command -v mosquitto_rr >/dev/null") != 0) {
        cell->finished = true;
        print_message("mosquitto_rr is not installed\n");
        skip();
    }
    cell_robot_init(&robot, "kuka1", TOY_ARM_CHANNELS, 31);
    cell_start(cell);
    cell_run(cell, &robot, 20, 0);
}

static void test_mqtt_5(void **state)
{
    struct cell *cell = *state;
    start(cell);
    cJSON *status = parse(request(cell, "-V mqttv5", "{\"command\":\"status\"}"));
    assert_true(cJSON_IsTrue(json_at(status, "ok")));
    assert_string_equal(json_text(status, "instance"), CELL_INSTANCE);
    assert_string_equal(json_text(json_at(status, "robot_states")->child, "robot"), "kuka1");
    cJSON_Delete(status);
    /* %D: the correlation data of the answer */
    const char *text = request(cell, "-V mqttv5 -D publish correlation-data call-7 -F '%D %p'",
                               "{\"command\":\"suspend\",\"robot\":\"kuka1\",\"minutes\":5,"
                               "\"reason\":\"gripper\"}");
    assert_memory_equal(text, "call-7 {", 8);
    cJSON *suspended = parse(text + 7);
    assert_true(cJSON_IsTrue(json_at(suspended, "ok")));
    assert_string_equal(json_text(suspended, "robot"), "kuka1");
    assert_string_equal(json_text(suspended, "reason"), "gripper");
    cJSON_Delete(suspended);
    cell_wait(cell, cell_last_says(cell, "armwatch/robot/kuka1/state", "state", "suspended"), 3000);
    cJSON *refused = parse(request(cell, "-V mqttv5", "{\"command\":\"dance\"}"));
    assert_true(cJSON_IsFalse(json_at(refused, "ok")));
    assert_string_equal(json_text(refused, "error.code"), "unknown_command");
    cJSON_Delete(refused);
    assert_int_equal(cell_count(cell, CELL_REPLY), 0); /* they went where they were asked for */
    cell_stop(cell);
}

/* Without response topics the command names its own. */
static void test_mqtt_3(void **state)
{
    struct cell *cell = *state;
    start(cell);
    cJSON *resumed =
        parse(request(cell, "-V mqttv311", "{\"command\":\"resume\",\"reply_to\":\"" ANSWER "\"}"));
    assert_true(cJSON_IsTrue(json_at(resumed, "ok")));
    assert_string_equal(json_text(resumed, "command"), "resume");
    cJSON_Delete(resumed);
    cell_stop(cell);
}

int main(void)
{
    const struct CMUnitTest tests[] = {CELL_TEST(test_mqtt_5), CELL_TEST(test_mqtt_3)};
    return cmocka_run_group_tests(tests, cell_group_setup, cell_group_teardown);
}
