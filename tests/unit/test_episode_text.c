#include "daemon/episode_text.h"
#include "golden.h"
#include "tiny_model.h"

#include "base/json.h"

#include <errno.h>
#include <string.h>

static const double thresholds[] = {1, 1};

static struct robot *make(struct model *model)
{
    struct robot *robot = robot_new("kuka1", 7, model, 0);
    assert_non_null(robot);
    assert_int_equal(alert_set_model(&robot->alert, model, thresholds), 0);
    return robot;
}

/* Beyond what a double holds. */
#define NS INT64_C(1763917200123456789)

static void fill(struct alert_episode *episode)
{
    *episode = (struct alert_episode){.open = true,
                                      .severity = ALERT_CRITICAL,
                                      .started_ns = NS,
                                      .first_seq = UINT64_C(9007199254740993),
                                      .last_seq = UINT64_C(9007199254740995),
                                      .score = 1.0625,
                                      .peak_score = 1.0 / 3,
                                      .p_value = 1e-9,
                                      .windows = 12};
}

static void expect_filled(const struct alert_episode *episode)
{
    assert_true(episode->open);
    assert_int_equal(episode->severity, ALERT_CRITICAL);
    assert_true(episode->started_ns == NS);
    assert_true(episode->first_seq == UINT64_C(9007199254740993));
    assert_true(episode->last_seq == UINT64_C(9007199254740995));
    assert_true(episode->score == 1.0625 && episode->peak_score == 1.0 / 3);
    assert_true(episode->p_value == 1e-9);
    assert_int_equal(episode->windows, 12);
}

static void restore_into(struct robot *robot, const char *kind, char *text)
{
    struct diag diag = DIAG_INIT;
    if (episode_restore(robot, kind, text, &diag) < 0)
        fail_msg("%s", diag.text);
    cJSON_free(text);
}

static void test_an_anomaly_goes_on(void **state)
{
    struct model *model = tiny_model_new(&(struct tiny_model){.detectors = 2});
    struct robot *robot = make(model), *again = make(model);
    fill(&robot->alert.episode);
    strcpy(robot->alerts[ALERT_ANOMALY].id, "0123abcd");
    robot->alerts[ALERT_ANOMALY].messages = 1002;
    robot->alert.episode.fired[1] = 2.5;
    robot->alert.holding[1] = true;
    restore_into(again, "anomaly", episode_text(robot, ALERT_ANOMALY));
    expect_filled(&again->alert.episode);
    assert_string_equal(again->alerts[ALERT_ANOMALY].id, "0123abcd");
    /* No number that may have been sent already. */
    assert_int_equal(again->alerts[ALERT_ANOMALY].messages, 2000);
    expect_near(again->alert.episode.fired[0], 0, 0);
    expect_near(again->alert.episode.fired[1], 2.5, 0);
    assert_false(again->alert.holding[0]);
    assert_true(again->alert.holding[1]);
    robot_free(robot);
    robot_free(again);
    model_unref(model);
}

/* Raised, and nobody was told yet. */
static void test_it_is_still_to_be_told(void **state)
{
    struct model *model = tiny_model_new(&(struct tiny_model){.detectors = 2});
    struct robot *robot = make(model), *again = make(model);
    fill(&robot->alert.episode);
    strcpy(robot->alerts[ALERT_ANOMALY].id, "0123abcd");
    restore_into(again, "anomaly", episode_text(robot, ALERT_ANOMALY));
    assert_int_equal(again->alerts[ALERT_ANOMALY].messages, 0);
    assert_int_equal(again->alerts[ALERT_ANOMALY].owed, ALERT_RAISED);
    robot->alerts[ALERT_ANOMALY].messages = 1;
    restore_into(again, "anomaly", episode_text(robot, ALERT_ANOMALY));
    assert_int_equal(again->alerts[ALERT_ANOMALY].owed, ALERT_NONE);
    robot_free(robot);
    robot_free(again);
    model_unref(model);
}

static void test_an_acknowledgement_goes_on(void **state)
{
    struct model *model = tiny_model_new(&(struct tiny_model){0});
    struct robot *robot = make(model), *again = make(model);
    struct robot_alert *alert = &robot->alerts[ALERT_ANOMALY];
    fill(&robot->alert.episode);
    strcpy(alert->id, "x");
    strcpy(alert->model, model->sha256);
    alert->ack = (struct robot_ack){.verdict = ROBOT_MAINTENANCE_ALARM, .time_ns = NS};
    strcpy(alert->ack.note, "\"our own\" doing \xc3\xa4");
    restore_into(again, "anomaly", episode_text(robot, ALERT_ANOMALY));
    const struct robot_ack *ack = &again->alerts[ALERT_ANOMALY].ack;
    assert_int_equal(ack->verdict, ROBOT_MAINTENANCE_ALARM);
    assert_true(ack->time_ns == NS);
    assert_string_equal(ack->note, alert->ack.note);
    assert_string_equal(again->alerts[ALERT_ANOMALY].model, model->sha256);
    alert->ack.verdict = ROBOT_UNACKED;
    restore_into(again, "anomaly", episode_text(robot, ALERT_ANOMALY));
    assert_int_equal(ack->verdict, ROBOT_UNACKED);
    robot_free(robot);
    robot_free(again);
    model_unref(model);
}

/* Another model since then: its detectors have said nothing yet. */
static void test_detectors_that_are_gone_are_left_out(void **state)
{
    struct model *two = tiny_model_new(&(struct tiny_model){.detectors = 2});
    struct model *one = tiny_model_new(&(struct tiny_model){.detectors = 1});
    struct robot *robot = make(two), *again = make(one);
    fill(&robot->alert.episode);
    strcpy(robot->alerts[ALERT_ANOMALY].id, "x");
    robot->alert.episode.fired[0] = 0;
    robot->alert.episode.fired[1] = 2.5;
    robot->alert.holding[1] = true;
    assert_string_not_equal(two->detector[1].name, one->detector[0].name);
    restore_into(again, "anomaly", episode_text(robot, ALERT_ANOMALY));
    expect_filled(&again->alert.episode);
    for (size_t d = 0; d < MODEL_DETECTORS_MAX; d++) {
        expect_near(again->alert.episode.fired[d], 0, 0);
        assert_false(again->alert.holding[d]);
    }
    robot_free(robot);
    robot_free(again);
    model_unref(two);
    model_unref(one);
}

static void test_a_sensor_fault_and_a_silence_go_on(void **state)
{
    struct model *model = tiny_model_new(&(struct tiny_model){0});
    struct robot *robot = make(model), *again = make(model);
    fill(&robot->fault.episode);
    strcpy(robot->alerts[ALERT_SENSOR_FAULT].id, "f");
    robot->fault.channels = 2;
    robot->fault.listed[0].channel = 2;
    robot->fault.listed[0].observed = 0.1f;
    robot->fault.listed[1].channel = 0;
    robot->fault.listed[1].varied = true;
    robot->fault.flat_s = 3.5;
    restore_into(again, "sensor_fault", episode_text(robot, ALERT_SENSOR_FAULT));
    expect_filled(&again->fault.episode);
    assert_int_equal(again->fault.channels, 2);
    assert_int_equal(again->fault.listed[0].channel, 2);
    assert_true(again->fault.listed[0].observed == 0.1f);
    assert_false(again->fault.listed[0].varied);
    assert_int_equal(again->fault.listed[1].channel, 0);
    assert_true(again->fault.listed[1].varied);
    expect_near(again->fault.flat_s, 3.5, 0);
    assert_false(again->alert.episode.open);
    fill(&robot->silence);
    strcpy(robot->alerts[ALERT_SILENT].id, "s");
    restore_into(again, "silent", episode_text(robot, ALERT_SILENT));
    expect_filled(&again->silence);
    robot_free(robot);
    robot_free(again);
    model_unref(model);
}

static void test_what_is_refused_changes_nothing(void **state)
{
    struct model *model = tiny_model_new(&(struct tiny_model){0});
    struct robot *robot = make(model);
    struct diag diag = DIAG_INIT;
    fill(&robot->alert.episode);
    strcpy(robot->alerts[ALERT_ANOMALY].id, "x");
    char *whole = episode_text(robot, ALERT_ANOMALY);
    robot->alert.episode = (struct alert_episode){0};
    robot->alerts[ALERT_ANOMALY] = (struct robot_alert){0};
    assert_int_equal(episode_restore(robot, "fever", whole, &diag), -EINVAL);
    assert_non_null(strstr(diag.text, "fever"));
    static const char *const keys[] = {"id",         "messages", "severity", "started_ns",
                                       "first_seq",  "last_seq", "windows",  "score",
                                       "peak_score", "p_value"};
    static const char *const values[] = {"null", "[]", "-1", "\"\"", "\"1x\"", "1e400"};
    for (size_t k = 0; k < sizeof keys / sizeof keys[0]; k++) {
        for (size_t v = 0; v < sizeof values / sizeof values[0]; v++) {
            cJSON *tree = cJSON_Parse(whole);
            cJSON_ReplaceItemInObjectCaseSensitive(tree, keys[k], cJSON_CreateRaw(values[v]));
            char *text = cJSON_PrintUnformatted(tree);
            bool fits = !strcmp(keys[k], "id") && !strcmp(values[v], "\"1x\"");
            int r = episode_restore(robot, "anomaly", text, &diag);
            if (r != (fits ? 0 : -EINVAL))
                fail_msg("%s: %s: %d", keys[k], values[v], r);
            if (fits)
                robot->alert.episode.open = false;
            assert_false(robot->alert.episode.open);
            cJSON_free(text);
            cJSON_Delete(tree);
        }
    }
    assert_int_equal(episode_restore(robot, "anomaly", "", &diag), -EINVAL);
    cJSON_free(whole);
    robot_free(robot);
    model_unref(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_anomaly_goes_on),
        cmocka_unit_test(test_it_is_still_to_be_told),
        cmocka_unit_test(test_an_acknowledgement_goes_on),
        cmocka_unit_test(test_detectors_that_are_gone_are_left_out),
        cmocka_unit_test(test_a_sensor_fault_and_a_silence_go_on),
        cmocka_unit_test(test_what_is_refused_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
