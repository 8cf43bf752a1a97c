/* A robot whose thresholds are learnt where it works: nothing is raised meanwhile, a crash costs
 * little, and what is armed is what `armwatch calibrate` would make of the same samples. */
#include "cell.h"

#include "base/file.h"
#include "lab/runner.h"
#include "model/safetensors.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define GROSS 4.0
#define ROWS 3200   /* of a session: ten blocks of 30 s, and a little */
#define PAUSE 20000 /* rows: over half an hour */
#define TARGET 500  /* false alarms a day: 17.3 blocks support them */
#define STATE "armwatch/robot/kuka1/state"
#define ALERT "armwatch/robot/kuka1/alert"

/* The daemon's file of that robot; NULL: not there yet. Memory: both are the caller's. */
static struct safetensors *read_saved(const struct cell *cell, const char *robot, void **ret_data)
{
    char command[256], path[512] = "";
    size_t size;
    struct safetensors *file = NULL;
    snprintf(command, sizeof command, "ls %s/state/commissioning/%s.*.safetensors 2>/dev/null",
             cell->daemon->directory, robot);
    FILE *stream = popen(command, "r");
    assert_non_null(stream);
    if (fgets(path, sizeof path, stream))
        path[strcspn(path, "\n")] = '\0';
    pclose(stream);
    *ret_data = NULL;
    if (*path && file_read(path, (size_t)1 << 24, ret_data, &size, NULL) == 0)
        assert_int_equal(safetensors_parse(*ret_data, size, &file, NULL), 0);
    return file;
}

/* Whether everything up to the robot's newest sample is on the disk. */
static bool is_saved(const struct cell *cell, const struct cell_robot *robot)
{
    void *data;
    int64_t times[2] = {0, 0};
    struct safetensors *file = read_saved(cell, robot->name, &data);
    if (file)
        assert_int_equal(safetensors_get_i64(file, "times", SAFETENSORS_SHAPE(2), times, NULL), 0);
    safetensors_free(file);
    free(data);
    return times[1] == toy_arm_time_ns(robot->arm.row - 1);
}

static bool is_saved_as_armed(const struct cell *cell, const struct cell_robot *robot)
{
    void *data;
    struct safetensors *file = read_saved(cell, robot->name, &data);
    bool armed = file && strstr(safetensors_metadata(file, "config"), "\"mode\":\"armed\"");
    safetensors_free(file);
    free(data);
    return armed;
}

/* Sends a session after a long pause, and keeps it. */
static struct recording *run_session(struct cell *cell, struct cell_robot *robot)
{
    const char *names[TOY_ARM_CHANNELS];
    for (size_t c = 0; c < TOY_ARM_CHANNELS; c++)
        names[c] = toy_arm_channel(c);
    struct recording *recording = recording_new(ROWS, TOY_ARM_CHANNELS, names, true, false);
    assert_non_null(recording);
    robot->arm.row += PAUSE;
    struct toy_arm arm = robot->arm;
    for (size_t i = 0; i < ROWS; i++) {
        recording->time_ns[i] = toy_arm_time_ns(arm.row);
        toy_arm_next(&arm, 0, recording->values + i * TOY_ARM_CHANNELS);
    }
    cell_run(cell, robot, ROWS, 0);
    return recording;
}

/* What `armwatch calibrate` makes of the sessions. */
static double calibrate(struct recording *const *sessions, size_t count, double per_day)
{
    struct diag diag = DIAG_INIT;
    struct calibration calibrations[MODEL_DETECTORS_MAX];
    struct model *model = toy_arm_load(cell_models(), "cell");
    assert_int_equal(model->detectors, 1);
    if (runner_calibrate(sessions, count, model, calibrations, &diag) < 0)
        fail_msg("%s", diag.text);
    double threshold = calibration_threshold(&calibrations[0], per_day);
    calibration_deinit(&calibrations[0]);
    model_unref(model);
    return threshold;
}

static double threshold_in_use(const struct cell *cell)
{
    cJSON *score = cell_last_json(cell, "armwatch/robot/kuka1/score");
    double threshold = json_number(json_at(score, "detectors")->child, "threshold");
    cJSON_Delete(score);
    return threshold;
}

static void expect_relative(double found, double expected, double tolerance)
{
    if (!(fabs(found - expected) <= tolerance * expected))
        fail_msg("%.12g, expected %.12g", found, expected);
}

static void restart(struct cell *cell)
{
    daemon_process_kill(cell->daemon);
    cell_wait(cell, cell_last_says(cell, CELL_STATUS, "state", "offline"), 15000);
    cell_start(cell);
}

static void start(struct cell *cell, struct cell_robot *robot)
{
    char text[16];
    snprintf(text, sizeof text, "%d", TARGET);
    cell_robot_init(robot, "kuka1", TOY_ARM_CHANNELS, 900);
    cell_configure(cell, "alerts.reassert_s", "3600");
    cell_configure(cell, "alerts.false_alarms_per_day", text);
    cell_start(cell);
    cell_run(cell, robot, 20, 0);
    cJSON_Delete(cell_command(cell, "\"command\":\"commission\",\"robot\":\"kuka1\""));
    cell_wait(cell, cell_last_says(cell, STATE, "state", "commissioning"), 3000);
}

static void test_commissioned_and_armed(void **state)
{
    struct cell *cell = *state;
    struct cell_robot robot;
    struct recording *sessions[2];
    start(cell, &robot);
    sessions[0] = run_session(cell, &robot);
    cell_refused(cell, "\"command\":\"arm\",\"robot\":\"kuka1\"", "not_supported");
    cell_wait(cell, is_saved(cell, &robot), 20000);
    restart(cell);
    sessions[1] = run_session(cell, &robot);
    cell_wait(cell, cell_last_says(cell, STATE, "state", "commissioning"), 3000);
    cJSON *answer = cell_command(cell, "\"command\":\"arm\",\"robot\":\"kuka1\"");
    double threshold = json_number(json_at(answer, "detectors")->child, "threshold");
    assert_int_equal(json_number(answer, "commissioning.sessions"), 2);
    assert_int_equal(json_number(answer, "commissioning.false_alarms_per_day"), TARGET);
    cJSON_Delete(answer);
    expect_relative(threshold, calibrate(sessions, 2, TARGET), 1e-6);
    assert_int_equal(cell_count(cell, ALERT), 0);
    cell_run(cell, &robot, 1, 0);
    expect_relative(threshold_in_use(cell), threshold, 1e-5); /* six digits are told */
    cell_wait(cell, cell_last_says(cell, STATE, "commissioning.mode", "armed"), 3000);
    cell_wait(cell, is_saved_as_armed(cell, &robot), 3000);
    recording_free(sessions[0]);
    recording_free(sessions[1]);
    restart(cell);
    cell_run(cell, &robot, 20, 0);
    expect_relative(threshold_in_use(cell), threshold, 1e-5);
    cell_run(cell, &robot, 10, GROSS);
    cell_wait(cell, cell_count_alerts(cell, ALERT, "raised") == 1, 3000);
    cJSON_Delete(cell_command(cell, "\"command\":\"disarm\",\"robot\":\"kuka1\""));
    cell_run(cell, &robot, 1, 0);
    struct model *model = toy_arm_load(cell_models(), "cell");
    expect_relative(threshold_in_use(cell), model_threshold(model, 0, TARGET), 1e-5);
    model_unref(model);
    assert_true(daemon_process_logged(cell->daemon, "audit: control") >= 3);
    cell_stop(cell);
}

static void test_nothing_is_raised_before(void **state)
{
    struct cell *cell = *state;
    struct cell_robot robot;
    start(cell, &robot);
    cell_run(cell, &robot, 20, 0);
    cell_run(cell, &robot, 20, GROSS);
    cell_run(cell, &robot, 400, 0);
    cJSON_Delete(cell_command(cell, "\"command\":\"status\""));
    assert_int_equal(cell_count(cell, ALERT), 0);
    cell_refused(cell, "\"command\":\"arm\",\"robot\":\"kuka1\"", "not_supported");
    cell_refused(cell, "\"command\":\"arm\",\"robot\":\"kuka2\"", "unknown_robot");
    cell_refused(cell, "\"command\":\"arm\"", "invalid_argument");
    cJSON_Delete(cell_command(cell, "\"command\":\"arm\",\"robot\":\"kuka1\",\"force\":true"));
    cell_wait(cell, cell_last_says(cell, STATE, "state", "ok"), 3000);
    cell_stop(cell);
}

/* The cell of a model that was made elsewhere: an alarm from the first window on, which must not
 * keep it from learning that this is how it moves here. */
static void test_an_alarm_that_is_the_cell_itself(void **state)
{
    struct cell *cell = *state;
    struct cell_robot robot;
    cell_robot_init(&robot, "kuka1", TOY_ARM_CHANNELS, 902);
    cell_configure(cell, "alerts.reassert_s", "3600");
    cell_configure(cell, "alerts.false_alarms_per_day", "3000");
    cell_start(cell);
    cell_run(cell, &robot, 20, GROSS);
    cell_wait(cell, cell_count_alerts(cell, ALERT, "raised") == 1, 3000);
    cJSON_Delete(cell_command(cell, "\"command\":\"commission\",\"robot\":\"kuka1\""));
    cell_run(cell, &robot, 700, GROSS);
    cell_wait(cell, cell_count_alerts(cell, ALERT, "cleared") == 1, 3000);
    cJSON *cleared = cell_last_json(cell, ALERT);
    assert_non_null(strstr(json_text(cleared, "data.text"), "its thresholds are learnt anew"));
    cJSON_Delete(cleared);
    cell_run(cell, &robot, 600, GROSS);
    cJSON_Delete(cell_command(cell, "\"command\":\"arm\",\"robot\":\"kuka1\""));
    cell_run(cell, &robot, 100, GROSS);
    cell_wait(cell, cell_last_says(cell, STATE, "state", "ok"), 3000);
    assert_int_equal(cell_count_alerts(cell, ALERT, "raised"), 1);
    cell_stop(cell);
}

/* An operator who forgets is told. */
static void test_it_says_when_it_is_ready(void **state)
{
    struct cell *cell = *state;
    struct cell_robot robot;
    cell_robot_init(&robot, "kuka1", TOY_ARM_CHANNELS, 901);
    cell_configure(cell, "alerts.false_alarms_per_day", "5000"); /* two blocks */
    cell_start(cell);
    cell_run(cell, &robot, 20, 0);
    cJSON_Delete(cell_command(cell, "\"command\":\"commission\",\"robot\":\"kuka1\","
                                    "\"model\":\"cell-v2\""));
    cell_run(cell, &robot, 310, 0);
    cell_wait(cell, cell_last_says(cell, STATE, "state", "commissioning"), 3000);
    cJSON *before = cell_last_json(cell, STATE);
    assert_string_equal(json_text(before, "model"), "cell");
    assert_int_equal(json_number(before, "model_version"), 2);
    assert_false(json_has_text(json_at(before, "reasons"), "target_supported"));
    cJSON_Delete(before);
    cell_run(cell, &robot, 310, 0);
    cell_wait(cell, cell_last_says(cell, STATE, "commissioning.advice", "target supported: arm it"),
              3000);
    cJSON *ready = cell_last_json(cell, STATE);
    assert_string_equal(json_text(ready, "state"), "commissioning");
    assert_true(json_has_text(json_at(ready, "reasons"), "target_supported"));
    cJSON_Delete(ready);
    cell_stop(cell);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CELL_TEST(test_commissioned_and_armed),
        CELL_TEST(test_nothing_is_raised_before),
        CELL_TEST(test_an_alarm_that_is_the_cell_itself),
        CELL_TEST(test_it_says_when_it_is_ready),
    };
    return cmocka_run_group_tests(tests, cell_group_setup, cell_group_teardown);
}
