/* Scores that move away from where the calibration saw them: told in the state, and no more often
 * than that it changes. */
#include "cell.h"

#include "base/clock.h"
#include "base/file.h"
#include "lab/channel_means.h"
#include "lab/draft.h"
#include "lab/runner.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define PERIOD_S 5 /* so that an hour is 720 rows */
#define HOUR (3600 / PERIOD_S)
#define STATE "armwatch/robot/kuka1/state"

static int64_t time_of(size_t row)
{
    return TOY_ARM_START_NS + (int64_t)row * PERIOD_S * CLOCK_NS_PER_S;
}

/* axis1 is off by `shift` from row `from` on. */
static struct recording *record(uint64_t seed, size_t rows, size_t from, float shift)
{
    struct recording *recording = toy_arm_record(TOY_ARM_CHANNELS, seed, rows);
    for (size_t i = 0; i < rows; i++) {
        recording->time_ns[i] = time_of(i);
        recording->values[i * TOY_ARM_CHANNELS] += i >= from ? shift : 0;
    }
    return recording;
}

static void must(int result, const struct diag *diag)
{
    if (result < 0)
        fail_msg("%d: %s", result, diag->text);
}

static void put_references(struct draft *draft)
{
    struct diag diag = DIAG_INIT;
    struct model *model;
    must(draft_build(draft, &model, &diag), &diag);
    struct recording *sessions[] = {record(31, 4 * HOUR, SIZE_MAX, 0),
                                    record(32, 4 * HOUR, SIZE_MAX, 0)};
    struct calibration calibrations[MODEL_DETECTORS_MAX];
    struct channel_means means;
    must(runner_calibrate(sessions, 2, model, calibrations, &diag), &diag);
    assert_int_equal(channel_means_init(&means, TOY_ARM_CHANNELS, PERIOD_S), 0);
    for (size_t s = 0; s < 2; s++)
        channel_means_add(&means, sessions[s]);
    channel_means_put(&means, draft_config(draft));
    for (size_t d = 0; d < model->detectors; d++) {
        assert_int_equal(draft_set_calibration(draft, d, &calibrations[d]), 0);
        calibration_deinit(&calibrations[d]);
    }
    channel_means_deinit(&means);
    recording_free(sessions[0]);
    recording_free(sessions[1]);
    model_unref(model);
}

/* The model of the other tests at another period, calibrated anew, in its place. */
static void make_model(const char *models)
{
    struct diag diag = DIAG_INIT;
    char path[256];
    void *data;
    size_t size;
    struct draft *draft;
    snprintf(path, sizeof path, "%s/cell.safetensors", models);
    must(file_read(path, MODEL_FILE_MAX, &data, &size, &diag), &diag);
    must(draft_parse(data, size, &draft, &diag), &diag);
    free(data);
    cJSON *period = cJSON_GetObjectItemCaseSensitive(draft_config(draft), "sample_period_s");
    cJSON_SetNumberValue(period, PERIOD_S);
    put_references(draft);
    must(draft_format(draft, &data, &size, &diag), &diag);
    must(file_write(path, data, size, &diag), &diag);
    free(data);
    draft_free(draft);
}

static void send_rows(struct cell *cell, const struct recording *recording, size_t first,
                      size_t end)
{
    for (size_t i = first; i < end; i++) {
        const float *values = recording->values + i * TOY_ARM_CHANNELS;
        char text[256];
        int size = snprintf(text, sizeof text, "{\"time\":%lld,\"values\":[%.9g,%.9g,%.9g,%.9g]}",
                            (long long)(recording->time_ns[i] / CLOCK_NS_PER_S), (double)values[0],
                            (double)values[1], (double)values[2], (double)values[3]);
        cell_publish(cell, "armwatch/robot/kuka1/sample", text, (size_t)size);
        if (i % 100 == 99 || i + 1 == end)
            cell_wait(cell, cell_counter(cell, "kuka1", "received") >= (double)(i + 1), 5000);
    }
    cell_wait(cell,
              cell_counter(cell, "kuka1", "scored") + cell_counter(cell, "kuka1", "overload") >=
                  (double)end - 50,
              5000);
}

static void expect_promise(const cJSON *reply)
{
    const cJSON *models = json_at(reply, "models");
    assert_int_equal(cJSON_GetArraySize(models), 1);
    assert_string_equal(json_text(models->child, "name"), "cell");
    assert_int_equal(json_number(models->child, "sessions"), 2);
    double hours = json_number(models->child, "hours");
    assert_true(hours > 7.5 && hours <= 8);
    double supported = json_number(models->child, "supported_per_day") * hours;
    assert_true(supported > 71.99 && supported < 72.01);
    assert_true(json_number(models->child, "false_alarms_per_day") == CELL_FALSE_ALARMS);
}

static void test_drift(void **state)
{
    struct cell *cell = *state;
    struct recording *recording = record(33, 5 * HOUR, HOUR + 200, 0.5F);
    make_model(cell_own_models(cell));
    cell_configure(cell, "input.max_gap_s", "15");
    cell_configure(cell, "alerts.reassert_s", "3600");
    cell_start(cell);
    send_rows(cell, recording, 0, HOUR - 20);
    cell_wait(cell, cell_last_says(cell, STATE, "state", "ok"), 3000);
    cJSON *robot = cell_last_json(cell, STATE);
    assert_true(cJSON_IsNull(json_at(robot, "drift")));
    cJSON_Delete(robot);
    send_rows(cell, recording, HOUR - 20, HOUR + 50);
    cell_wait(cell, cell_last_says(cell, STATE, "drift.level", "stable"), 3000);
    size_t states = cell_count(cell, STATE);
    send_rows(cell, recording, HOUR + 50, HOUR + 200); /* 25 blocks, each with another index */
    assert_int_equal(cell_count(cell, STATE), states);
    send_rows(cell, recording, HOUR + 200, 5 * HOUR);
    cell_wait(cell, cell_last_says(cell, STATE, "drift.level", "large"), 3000);
    cJSON *reply = cell_command(cell, "\"command\":\"status\"");
    const cJSON *drift = json_at(json_at(reply, "robot_states")->child, "drift");
    assert_string_equal(json_text(drift, "level"), "large");
    assert_true(json_number(drift, "psi") > 0.25);
    assert_true(json_number(drift, "hours") > 4);
    const cJSON *first = json_at(drift, "channels")->child;
    assert_non_null(first);
    assert_string_equal(json_text(first, "name"), "axis1");
    double moved = json_number(first, "mean") - json_number(first, "usual");
    assert_true(moved > 0.35 && moved < 0.39); /* for three of four hours */
    expect_promise(reply);
    cJSON_Delete(reply);
    recording_free(recording);
    cell_stop(cell);
}

int main(void)
{
    const struct CMUnitTest tests[] = {CELL_TEST(test_drift)};
    return cmocka_run_group_tests(tests, cell_group_setup, cell_group_teardown);
}
