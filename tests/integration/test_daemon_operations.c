/* What operators do with a running daemon: thresholds, verdicts, candidates in shadow; and what the
 * daemon undoes by itself. Crashes in between.
 *
 * The models score the mean square of their windows, so a limit is all that is between a good one,
 * a deaf one and a nervous one. */
#include "cell.h"
#include "tiny_model.h"

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
#define CHANNELS 3
#define STATE "armwatch/robot/kuka1/state"
#define ALERT "armwatch/robot/kuka1/alert"
#define SCORE "armwatch/robot/kuka1/score"

static int setup_models(void **state)
{
    static const struct {
        const char *file;
        struct tiny_model tiny;
    } all[] = {
        {"good", {.name = "arm", .version = 1, .limit = 3}},
        {"twin", {.name = "arm", .version = 2, .limit = 3}},
        {"deaf", {.name = "arm", .version = 3, .limit = 1000}},
        {"nervous", {.name = "arm", .version = 4, .limit = 0.01}},
        {"overflow",
         {.name = "arm",
          .version = 5,
          .limit = 3,
          .still = true,
          .poison = "0.encoder.0.weight",
          .poison_value = 3.4e38}},
        {"longer", {.name = "arm", .version = 6, .limit = 3, .window = {12}}},
        {"liar", {.name = "arm", .version = 7, .random = true, .wrong_selftest = 2}},
        {"old", {.name = "arm", .version = 0, .limit = 3}},
    };
    int r = cell_group_setup(state);
    for (size_t i = 0; r == 0 && i < sizeof all / sizeof all[0]; i++) {
        char path[256];
        snprintf(path, sizeof path, "%s/%s.safetensors", cell_models(), all[i].file);
        tiny_model_write(&all[i].tiny, path);
    }
    return r;
}

static void configure(struct cell *cell, struct cell_robot *robot, uint64_t seed)
{
    cell_robot_init(robot, "kuka1", CHANNELS, seed);
    cell_configure(cell, "models.default", "\"good\"");
    cell_configure(cell, "alerts.false_alarms_per_day", "0");
    cell_configure(cell, "alerts.reassert_s", "3600");
}

static void start(struct cell *cell, struct cell_robot *robot, uint64_t seed)
{
    configure(cell, robot, seed);
    cell_start(cell);
    cell_run(cell, robot, 20, 0);
}

static void restart_killed(struct cell *cell)
{
    daemon_process_kill(cell->daemon);
    cell_wait(cell, cell_last_says(cell, CELL_STATUS, "state", "offline"), 15000);
    cell_start(cell);
}

static cJSON *ok(struct cell *cell, const char *body)
{
    cJSON *reply = cell_command(cell, body);
    if (!cJSON_IsTrue(json_at(reply, "ok"))) {
        char *text = cJSON_Print(reply);
        fail_msg("%s: %s", body, text);
    }
    return reply;
}

static void run_ok(struct cell *cell, const char *body)
{
    cJSON_Delete(ok(cell, body));
}

static double threshold_in_use(const struct cell *cell)
{
    cJSON *score = cell_last_json(cell, SCORE);
    double threshold = json_number(json_at(score, "detectors")->child, "threshold");
    cJSON_Delete(score);
    return threshold;
}

static void expect_near(double found, double expected)
{
    if (!(fabs(found - expected) <= 1e-5 * fabs(expected)))
        fail_msg("%.12g, expected %.12g", found, expected);
}

/* ---- thresholds */

static void test_a_threshold_outlives_a_kill_and_a_model(void **state)
{
    struct cell *cell = *state;
    struct cell_robot robot;
    start(cell, &robot, 1);
    double before = threshold_in_use(cell);
    cJSON *reply = ok(cell, "\"command\":\"threshold\",\"false_alarms_per_day\":2000");
    const cJSON *detector = json_at(json_at(reply, "models")->child, "detectors")->child;
    double after = json_number(detector, "threshold");
    expect_near(json_number(detector, "before"), before);
    assert_true(cJSON_IsFalse(json_at(reply, "extrapolated")));
    cJSON_Delete(reply);
    restart_killed(cell); /* at once: the answer says that it is on the disk */
    cell_run(cell, &robot, 20, 0);
    expect_near(threshold_in_use(cell), after);
    run_ok(cell, "\"command\":\"reload\",\"model\":\"twin\"");
    cell_run(cell, &robot, 20, 0);
    expect_near(threshold_in_use(cell), after); /* its own calibration, the same budget */
    reply = ok(cell, "\"command\":\"status\"");
    const cJSON *promise = json_at(json_at(reply, "robot_states")->child, "promise");
    assert_string_equal(json_text(promise, "source"), "threshold_all");
    assert_true(json_number(promise, "false_alarms_per_day") == 2000);
    cJSON_Delete(reply);
    reply = ok(cell, "\"command\":\"threshold\",\"robot\":\"kuka1\",\"false_alarms_per_day\":0.1");
    assert_true(cJSON_IsTrue(json_at(reply, "extrapolated")));
    cJSON_Delete(reply);
    run_ok(cell, "\"command\":\"threshold\"");
    cell_run(cell, &robot, 1, 0);
    expect_near(threshold_in_use(cell), before);
    cell_refused(cell, "\"command\":\"threshold\",\"robot\":\"kuka7\"", "unknown_robot");
    cell_stop(cell);
}

/* ---- verdicts */

static bool is_acked(const struct cell *cell)
{
    cJSON *last = cell_last_json(cell, STATE);
    const cJSON *alerts = json_at(last, "alerts");
    bool acked = alerts && alerts->child && cJSON_IsTrue(json_at(alerts->child, "acked"));
    cJSON_Delete(last);
    return acked;
}

static void test_an_acknowledged_alert_outlives_a_kill_and_does_not_nag(void **state)
{
    struct cell *cell = *state;
    struct cell_robot robot;
    char body[256];
    configure(cell, &robot, 2);
    cell_configure(cell, "alerts.reassert_s", "1");
    cell_start(cell);
    cell_run(cell, &robot, 20, 0);
    cell_run(cell, &robot, 20, GROSS);
    cell_wait(cell, cell_count_alerts(cell, ALERT, "raised") == 1, 3000);
    cell_wait(cell, cell_count_alerts(cell, ALERT, "updated") > 0, 5000); /* it nags */
    cJSON *alert = cell_json(cell, ALERT, 0);
    snprintf(body, sizeof body,
             "\"command\":\"ack\",\"alert_id\":\"%s\",\"verdict\":\"false\",\"note\":\"a cable\"",
             json_text(alert, "data.alert_id"));
    cJSON_Delete(alert);
    cell_refused(cell, "\"command\":\"ack\",\"alert_id\":\"none\",\"verdict\":\"true\"",
                 "unknown_alert");
    run_ok(cell, body);
    restart_killed(cell);
    cell_wait(cell, is_acked(cell), 5000);
    size_t updates = cell_count_alerts(cell, ALERT, "updated"), states = cell_count(cell, STATE);
    cell_wait(cell, cell_count(cell, STATE) >= states + 2, 10000); /* told by its state alone */
    assert_int_equal(cell_count_alerts(cell, ALERT, "updated"), updates);
    cell_run(cell, &robot, 60, 0);
    cell_wait(cell, cell_count_alerts(cell, ALERT, "cleared") == 1, 3000);
    cell_run(cell, &robot, 20, GROSS);
    cell_wait(cell, cell_count_alerts(cell, ALERT, "raised") == 2, 3000);
    assert_false(is_acked(cell)); /* it died with the episode */
    cJSON *reply = ok(cell, "\"command\":\"verdicts\"");
    assert_int_equal(json_number(reply, "counts.false"), 1);
    assert_string_equal(json_text(json_at(reply, "verdicts")->child, "note"), "a cable");
    cJSON_Delete(reply);
    reply = ok(cell, "\"command\":\"audit\"");
    assert_int_equal(cJSON_GetArraySize(json_at(reply, "audit")), 2); /* the refused one, too */
    cJSON_Delete(reply);
    cell_stop(cell);
}

/* ---- shadow */

/* The report of the only shadow, taken out of its answer. */
static cJSON *report(struct cell *cell)
{
    cJSON *reply = ok(cell, "\"command\":\"shadow-report\"");
    cJSON *list = cJSON_DetachItemFromObjectCaseSensitive(reply, "shadows");
    cJSON_Delete(reply);
    assert_int_equal(cJSON_GetArraySize(list), 1);
    cJSON *one = cJSON_DetachItemFromArray(list, 0);
    cJSON_Delete(list);
    return one;
}

static double reported(struct cell *cell, const char *path)
{
    cJSON *one = report(cell);
    const cJSON *item = json_at(one, path);
    double value = cJSON_IsNumber(item) ? item->valuedouble : -1;
    cJSON_Delete(one);
    return value;
}

static bool is_on(struct cell *cell)
{
    cJSON *one = report(cell);
    bool on = !strcmp(json_text(one, "state"), "on");
    cJSON_Delete(one);
    return on;
}

/* What has been found is written every 250 ms, and with any command that changes something. */
static void kill_when_saved(struct cell *cell)
{
    run_ok(cell, "\"command\":\"threshold\"");
    cell_settle(cell);
    restart_killed(cell);
}

/* Healthy, wrong, and healthy until both sides have cleared and were compared. */
static void run_alert(struct cell *cell, struct cell_robot *robot)
{
    cell_run(cell, robot, 50, 0);
    cell_run(cell, robot, 20, GROSS);
    cell_run(cell, robot, 200, 0);
}

static void test_an_equal_model_has_the_same_alerts(void **state)
{
    struct cell *cell = *state;
    struct cell_robot robot;
    start(cell, &robot, 3);
    cell_refused(cell, "\"command\":\"promote\"", "no_shadow");
    cell_refused(cell, "\"command\":\"shadow\"", "invalid_argument");
    cell_refused(cell, "\"command\":\"shadow\",\"model\":\"nothing\"", "model_not_found");
    cell_refused(cell, "\"command\":\"shadow\",\"model\":\"cell\"", "model_invalid");
    cell_refused(cell, "\"command\":\"shadow\",\"model\":\"liar\"", "model_invalid");
    cell_refused(cell, "\"command\":\"shadow\",\"model\":\"twin\",\"robot\":\"kuka7\"",
                 "unknown_robot");
    run_ok(cell, "\"command\":\"shadow\",\"model\":\"twin\"");
    cell_refused(cell, "\"command\":\"shadow\",\"model\":\"deaf\"", "shadowed");
    for (int i = 0; i < 3; i++)
        run_alert(cell, &robot);
    cell_wait(cell, reported(cell, "alerts.matched") == 3, 5000);
    cJSON *one = report(cell);
    assert_int_equal(json_number(one, "alerts.live"), 3);
    assert_int_equal(json_number(one, "alerts.candidate"), 3);
    assert_int_equal(json_number(one, "alerts.missing"), 0);
    assert_int_equal(json_number(one, "alerts.extra"), 0);
    assert_true(json_number(one, "agreement.same_side") == 1);
    assert_true(json_number(one, "agreement.correlation") > 0.999999);
    assert_true(json_number(one, "windows.both") > 700);
    assert_true(json_number(one, "windows.both") + json_number(one, "windows.lost") >=
                json_number(one, "windows.candidate"));
    assert_true(json_number(one, "cost_us.live") > 0 && json_number(one, "cost_us.candidate") > 0);
    cJSON_Delete(one);
    assert_int_equal(cell_count_alerts(cell, ALERT, "raised"), 3); /* nothing of the candidate */
    cJSON *reply = ok(cell, "\"command\":\"unshadow\"");
    assert_int_equal(json_number(reply, "shadow.alerts.matched"), 3);
    cJSON_Delete(reply);
    cell_refused(cell, "\"command\":\"unshadow\"", "no_shadow");
    cell_stop(cell);
}

static void test_a_worse_model_misses_alerts_by_name(void **state)
{
    struct cell *cell = *state;
    struct cell_robot robot;
    start(cell, &robot, 4);
    run_ok(cell, "\"command\":\"shadow\",\"model\":\"deaf\"");
    run_alert(cell, &robot);
    cell_wait(cell, reported(cell, "alerts.missing") == 1, 5000);
    cell_wait(cell, cell_count_alerts(cell, ALERT, "cleared") == 1, 3000);
    kill_when_saved(cell);
    cell_wait(cell, is_on(cell), 5000);
    run_alert(cell, &robot);
    cell_wait(cell, reported(cell, "alerts.missing") == 2, 5000);
    /* one that a crash falls into */
    cell_run(cell, &robot, 30, GROSS);
    cell_wait(cell, cell_count_alerts(cell, ALERT, "raised") == 3, 3000);
    cell_wait(cell, reported(cell, "alerts.live") == 3, 5000);
    kill_when_saved(cell);
    cell_wait(cell, is_on(cell), 5000);
    cell_run(cell, &robot, 200, 0);
    cell_wait(cell, reported(cell, "alerts.missing") == 3, 5000);
    cJSON *one = report(cell), *first = cell_json(cell, ALERT, 0);
    const cJSON *missing = json_at(one, "alerts.missing_alerts");
    assert_int_equal(cJSON_GetArraySize(missing), 3);
    assert_string_equal(json_text(missing->child, "robot"), "kuka1");
    assert_string_equal(json_text(missing->child, "alert_id"), json_text(first, "data.alert_id"));
    assert_string_equal(json_text(missing->child, "started"), json_text(first, "data.started"));
    assert_true(json_number(one, "agreement.over_by_live_only") > 0);
    cJSON_Delete(one);
    cJSON_Delete(first);
    cell_stop(cell);
}

static void test_a_nervous_candidate_raises_nothing(void **state)
{
    struct cell *cell = *state;
    struct cell_robot robot;
    start(cell, &robot, 5);
    run_ok(cell, "\"command\":\"shadow\",\"model\":\"nervous\",\"robot\":\"kuka1\"");
    cell_run(cell, &robot, 500, 0);
    cell_wait(cell, reported(cell, "alerts.extra") == 1, 5000);
    assert_int_equal(cell_count(cell, ALERT), 0);
    cell_wait(cell, cell_last_says(cell, STATE, "state", "ok"), 3000);
    run_ok(cell, "\"command\":\"unshadow\",\"robot\":\"kuka1\"");
    run_ok(cell, "\"command\":\"shadow\",\"model\":\"overflow\"");
    cell_run(cell, &robot, 100, 0);
    cell_wait(cell, reported(cell, "windows.nonfinite") > 3, 5000);
    assert_true(cell_counter(cell, "kuka1", "nonfinite") == 0);
    assert_true(cell_counter(cell, "kuka1", "alerts") == 0);
    cell_run(cell, &robot, 20, GROSS); /* and the live path is as it was */
    cell_wait(cell, cell_count_alerts(cell, ALERT, "raised") == 1, 3000);
    cell_stop(cell);
}

static double version_in_use(const struct cell *cell)
{
    cJSON *score = cell_last_json(cell, SCORE);
    double version = json_number(score, "model_version");
    cJSON_Delete(score);
    return version;
}

static void test_promoted_what_was_compared(void **state)
{
    struct cell *cell = *state;
    struct cell_robot robot;
    char path[256];
    configure(cell, &robot, 6);
    const char *models = cell_own_models(cell);
    cell_start(cell);
    cell_run(cell, &robot, 20, 0);
    run_ok(cell, "\"command\":\"shadow\",\"model\":\"longer\"");
    run_alert(cell, &robot);
    cell_wait(cell, reported(cell, "alerts.matched") == 1, 5000);
    snprintf(path, sizeof path, "%s/longer.safetensors", models);
    tiny_model_write(&(struct tiny_model){.name = "arm", .version = 8, .limit = 9}, path);
    cell_refused(cell, "\"command\":\"promote\"", "model_changed");
    tiny_model_write(&(struct tiny_model){.name = "arm", .version = 6, .limit = 3, .window = {12}},
                     path);
    cell_refused(cell, "\"command\":\"promote\",\"model\":\"twin\"", "no_shadow");
    cell_refused(cell, "\"command\":\"unshadow\",\"model\":\"twin\"", "no_shadow");
    cJSON *reply = ok(cell, "\"command\":\"promote\",\"model\":\"longer\"");
    assert_int_equal(json_number(reply, "model_version"), 6);
    assert_int_equal(json_number(reply, "shadow.alerts.matched"), 1);
    cJSON_Delete(reply);
    cell_run(cell, &robot, 30, 0);
    assert_int_equal(version_in_use(cell), 6);
    cell_refused(cell, "\"command\":\"promote\"", "no_shadow");
    run_ok(cell, "\"command\":\"shadow\",\"model\":\"old\""); /* may be looked at, not promoted */
    cell_refused(cell, "\"command\":\"promote\"", "downgrade");
    assert_int_equal(reported(cell, "alerts.live"), 0);
    run_ok(cell, "\"command\":\"rollback\"");
    cell_run(cell, &robot, 30, 0);
    assert_int_equal(version_in_use(cell), 1);
    cell_stop(cell);
}

/* ---- what is undone */

static void start_strict(struct cell *cell, struct cell_robot *robot, uint64_t seed)
{
    configure(cell, robot, seed);
    cell_configure(cell, "models.rollback_alerts", "0.5");
    cell_start(cell);
    cell_run(cell, robot, 20, 0);
}

static bool rolled_back(const struct cell *cell, const char *reason)
{
    cJSON *status = cell_last_json(cell, CELL_STATUS);
    const cJSON *why = json_at(status, "last_rollback.reason");
    bool yes = json_has_text(json_at(status, "reasons"), "rollback") && cJSON_IsString(why) &&
               !strcmp(why->valuestring, reason);
    cJSON_Delete(status);
    return yes;
}

static bool is_degraded(const struct cell *cell)
{
    return cell_last_says(cell, CELL_STATUS, "state", "degraded");
}

static void test_a_flood_of_alerts_is_rolled_back(void **state)
{
    struct cell *cell = *state;
    struct cell_robot robot;
    start_strict(cell, &robot, 7);
    run_ok(cell, "\"command\":\"reload\",\"model\":\"nervous\"");
    cell_run(cell, &robot, 1000, 0);
    assert_int_equal(version_in_use(cell), 4);
    cJSON *reply = ok(cell, "\"command\":\"status\"");
    const cJSON *probation = json_at(reply, "probation");
    assert_int_equal(cJSON_GetArraySize(probation), 1);
    assert_int_equal(json_number(probation->child, "alerts"), 4);
    cJSON_Delete(reply);
    kill_when_saved(cell); /* what was counted goes on */
    cell_run(cell, &robot, 2300, 0);
    cell_wait(cell, rolled_back(cell, "alerts"), 5000);
    cell_run(cell, &robot, 60, 0);
    assert_int_equal(version_in_use(cell), 1);
    cell_wait(cell, cell_last_says(cell, STATE, "state", "ok"), 3000);
    assert_int_equal(cell_count_alerts(cell, ALERT, "raised"), 1);
    assert_int_equal(cell_count_alerts(cell, ALERT, "cleared"), 1);
    reply = ok(cell, "\"command\":\"audit\"");
    const cJSON *entry = json_at(reply, "audit")->child;
    while (entry && strcmp(json_text(entry, "by"), "probation") != 0)
        entry = entry->next;
    assert_non_null(entry);
    assert_string_equal(json_text(entry, "command"), "rollback");
    assert_string_equal(json_text(entry, "result"), "ok");
    cJSON_Delete(reply);
    kill_when_saved(cell); /* it stays undone, and said */
    cell_wait(cell, is_degraded(cell), 5000);
    cell_run(cell, &robot, 60, 0);
    assert_int_equal(version_in_use(cell), 1);
    /* A person who wants it has it. */
    run_ok(cell, "\"command\":\"reload\",\"model\":\"nervous\"");
    cell_run(cell, &robot, 4000, 0);
    assert_int_equal(version_in_use(cell), 4);
    cell_wait(cell, !is_degraded(cell), 5000);
    run_ok(cell, "\"command\":\"rollback\"");
    cell_run(cell, &robot, 60, 0);
    assert_int_equal(version_in_use(cell), 1);
    cell_stop(cell);
}

static void test_scores_that_are_not_finite_are_rolled_back(void **state)
{
    struct cell *cell = *state;
    struct cell_robot robot;
    start(cell, &robot, 8);
    run_ok(cell, "\"command\":\"reload\",\"model\":\"overflow\"");
    for (int i = 0; i < 100; i++)
        cell_send(cell, &robot, 0);
    cell_wait(cell, rolled_back(cell, "nonfinite"), 5000);
    cell_run(cell, &robot, 60, 0);
    assert_int_equal(version_in_use(cell), 1);
    assert_int_equal(cell_count(cell, ALERT), 0);
    run_ok(cell, "\"command\":\"reload\",\"model\":\"longer\""); /* somebody has chosen anew */
    cell_wait(cell, !is_degraded(cell), 5000);
    cell_stop(cell);
}

/* A good model passes, and an alert that was open before is none of its own. */
static void test_a_good_model_passes(void **state)
{
    struct cell *cell = *state;
    struct cell_robot robot;
    configure(cell, &robot, 9);
    cell_configure(cell, "models.rollback_alerts", "0.01");
    cell_configure(cell, "models.probation_s", "250");
    cell_start(cell);
    cell_run(cell, &robot, 20, 0);
    cell_run(cell, &robot, 20, GROSS);
    cell_wait(cell, cell_count_alerts(cell, ALERT, "raised") == 1, 3000);
    run_ok(cell, "\"command\":\"reload\",\"model\":\"twin\"");
    cell_run(cell, &robot, 2200, GROSS); /* seven blocks */
    assert_int_equal(version_in_use(cell), 2);
    cell_run(cell, &robot, 400, 0);
    cell_wait(cell, daemon_process_logged(cell->daemon, "audit: probation of arm") == 1, 3000);
    cJSON *reply = ok(cell, "\"command\":\"status\"");
    assert_int_equal(cJSON_GetArraySize(json_at(reply, "probation")), 0);
    assert_true(cJSON_IsNull(json_at(reply, "last_rollback")));
    cJSON_Delete(reply);
    cell_stop(cell);
}

/* ---- MQTT 3.1.1 */

static void test_with_mqtt_3(void **state)
{
    struct cell *cell = *state;
    struct cell_robot robot;
    configure(cell, &robot, 10);
    cell_configure(cell, "mqtt.protocol", "\"3.1.1\"");
    cell_start(cell);
    cell_run(cell, &robot, 20, 0);
    run_ok(cell, "\"command\":\"shadow\",\"model\":\"twin\"");
    run_ok(cell, "\"command\":\"threshold\",\"false_alarms_per_day\":5");
    run_ok(cell, "\"command\":\"promote\"");
    cJSON *reply = ok(cell, "\"command\":\"audit\"");
    assert_int_equal(cJSON_GetArraySize(json_at(reply, "audit")), 3);
    cJSON_Delete(reply);
    cell_stop(cell);
}

int main(void)
{
    cmocka_set_test_filter(getenv("FILTER"));
    const struct CMUnitTest tests[] = {
        CELL_TEST(test_a_threshold_outlives_a_kill_and_a_model),
        CELL_TEST(test_an_acknowledged_alert_outlives_a_kill_and_does_not_nag),
        CELL_TEST(test_an_equal_model_has_the_same_alerts),
        CELL_TEST(test_a_worse_model_misses_alerts_by_name),
        CELL_TEST(test_a_nervous_candidate_raises_nothing),
        CELL_TEST(test_promoted_what_was_compared),
        CELL_TEST(test_a_flood_of_alerts_is_rolled_back),
        CELL_TEST(test_scores_that_are_not_finite_are_rolled_back),
        CELL_TEST(test_a_good_model_passes),
        CELL_TEST(test_with_mqtt_3),
    };
    return cmocka_run_group_tests(tests, setup_models, cell_group_teardown);
}
