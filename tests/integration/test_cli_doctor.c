/* What the doctor advises for a cell is what the daemon needs for it. */
#include "cell.h"
#include "command.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LIMIT_MS 30000
#define ROW_MS 100
#define FILE_NAME "advised.json"

static struct command command;
static struct toy_arm arm;

static int teardown(void **state)
{
    command_deinit(&command);
    command = (struct command){0};
    return cell_teardown(state);
}

static void publish_retained(struct cell *cell, const char *topic, const char *payload)
{
    unsigned acks = (unsigned)cell->sender->ack_count;
    const struct mqtt_message message = {
        .topic = topic, .payload = payload, .size = strlen(payload), .qos = 1, .retained = true};
    assert_int_equal(mqtt_client_publish(cell->sender->client, &message, NULL), 0);
    cell_wait(cell, cell->sender->ack_count > acks, 5000);
}

/* One row, a tag a message, by other names than the model's. */
static void send_row(struct cell *cell)
{
    float values[TOY_ARM_CHANNELS];
    long long time_ms = toy_arm_time_ns(arm.row) / 1000000;
    toy_arm_next(&arm, 0, values);
    for (int c = 0; c < TOY_ARM_CHANNELS; c++) {
        char topic[60], text[80];
        snprintf(topic, sizeof topic, "plant/line2/kuka1/Axis-%d", c + 1);
        snprintf(text, sizeof text, "{\"value\":%.9g,\"ts\":%lld}", (double)values[c], time_ms);
        cell_publish(cell, topic, text, strlen(text));
    }
}

/* Sends rows at their rate until the command has ended. */
static void send_meanwhile(struct cell *cell, int expected)
{
    command_wait_for(&command, &cell->harness->loop, "listening for", LIMIT_MS);
    for (int row = 0; row < 45; row++) {
        send_row(cell);
        wait_ms(&cell->harness->loop, ROW_MS);
    }
    int code = command_wait(&command, &cell->harness->loop, LIMIT_MS);
    if (code != expected)
        fail_msg("exit code %d, expected %d; stdout: %s", code, expected, command_out(&command));
}

static void start_doctor(struct cell *cell, const char *arguments)
{
    command_start(&command, cell->daemon->directory,
                  "doctor --broker %s --topic plant/# --for 4s --model %s/cell.safetensors %s",
                  broker_url(cell->harness->broker), cell_models(), arguments);
}

static void test_the_advice_makes_samples(void **state)
{
    struct cell *cell = *state;
    toy_arm_init(&arm, TOY_ARM_CHANNELS, 77);
    publish_retained(cell, "plant/line2/kuka1/OpMode", "{\"value\":\"AUT\",\"ts\":1767225600000}");
    start_doctor(cell, "--assembler-out " FILE_NAME);
    send_meanwhile(cell, 0);
    assert_non_null(strstr(command_out(&command), "plant/line2/kuka1/+"));

    /* The doctor itself, with the file. */
    start_doctor(cell, "--json --assembler " FILE_NAME);
    send_meanwhile(cell, 0);
    const char *text = command_out(&command);
    cJSON *report = json_parse(text, strlen(text), NULL);
    assert_non_null(report);
    assert_true(json_number(report, "trial.samples") > 20);
    assert_int_equal(cJSON_GetArraySize(json_at(report, "trial.channels_without_value")), 0);
    cJSON_Delete(report);

    /* The daemon. */
    cell_configure(cell, "input.assembler_file", "\"" FILE_NAME "\"");
    cell_start(cell);
    for (int row = 0; row < 60; row++)
        send_row(cell);
    cell_wait(cell, cell_counter(cell, "kuka1", "windows") > 20, 10000);
    assert_int_equal(cell_counter(cell, "kuka1", "gated"), 0);
    cell_stop(cell);
}

static void test_what_is_missing_fails(void **state)
{
    struct cell *cell = *state;
    command_start(&command, cell->daemon->directory,
                  "doctor --broker %s --topic none/# --for 0.5s --model %s/cell.safetensors",
                  broker_url(cell->harness->broker), cell_models());
    assert_int_equal(command_wait(&command, &cell->harness->loop, LIMIT_MS), 1);
    const char *text = command_out(&command);
    assert_non_null(strstr(text, "error   nothing came in"));
    assert_non_null(strstr(text, "4 of the model's 4 channels do not come"));
    cell->finished = true;
}

static void test_exit_codes(void **state)
{
    struct cell *cell = *state;
    char path[200];
    command_start(&command, cell->daemon->directory, "doctor --broker mqtt://127.0.0.1:1 --for 1s");
    assert_int_equal(command_wait(&command, &cell->harness->loop, LIMIT_MS), 69);
    snprintf(path, sizeof path, "%s/wrong.json", cell->daemon->directory);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs("{\"sources\":[]}", file);
    fclose(file);
    command_start(&command, cell->daemon->directory,
                  "doctor --broker %s --for 1s --assembler wrong.json",
                  broker_url(cell->harness->broker));
    assert_int_equal(command_wait(&command, &cell->harness->loop, LIMIT_MS), 78);
    assert_non_null(strstr(command_err(&command), "sources: 0, must be 1 to 64"));
    cell->finished = true;
}

#define DOCTOR_TEST(name) cmocka_unit_test_setup_teardown(name, cell_setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        DOCTOR_TEST(test_the_advice_makes_samples),
        DOCTOR_TEST(test_what_is_missing_fails),
        DOCTOR_TEST(test_exit_codes),
    };
    return cmocka_run_group_tests(tests, cell_group_setup, cell_group_teardown);
}
