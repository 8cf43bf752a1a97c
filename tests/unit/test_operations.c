/* Commands of operators, as far as they are done at once: thresholds, verdicts, the audit. */
#include "daemon/operations.h"

#include "base/clock.h"
#include "base/log.h"
#include "daemon/episode_log.h"
#include "fake_client.h"
#include "fixture.h"
#include "plant.h"

#include <math.h>
#include <sys/stat.h>

#define REPLY "armwatch/service/cell7/control/reply"

static struct plant plant;
static struct operations operations;
static char state_directory[256];

static int setup_models(void **state)
{
    int r = fixture_setup(state);
    plant_set_directory(fixture_directory);
    snprintf(state_directory, sizeof state_directory, "%s", fixture_path("state"));
    plant_add_model(&(struct tiny_model){.name = "one", .detectors = 2});
    plant_add_model(&(struct tiny_model){.name = "two", .version = 2, .limit = 4});
    return r;
}

static void start(const char *more)
{
    plant_start(&plant, "\"default\":\"one\",\"robots\":{\"kuka9\":\"two\"}", more, NULL);
    operations = (struct operations){.fleet = &plant.fleet, .publisher = &plant.publisher};
    assert_int_equal(operations_init(&operations, &plant.loop, state_directory), 0);
    plant.control.operations = &operations;
    plant_sample(&plant, "kuka1", 1, 1);
    plant_sample(&plant, "kuka9", 1, 1);
}

static void stop(void)
{
    plant_stop(&plant);
    operations_deinit(&operations);
}

static int setup(void **state)
{
    mkdir(state_directory, 0700);
    start("");
    return 0;
}

static int teardown(void **state)
{
    char path[300];
    stop();
    static const char *const names[] = {"operations.json", "audit.jsonl", "verdicts.jsonl"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", state_directory, names[i]);
        unlink(path);
    }
    return 0;
}

static unsigned ids;

/* The answer, to be deleted by the caller. */
static cJSON *command(const char *body)
{
    char text[1024];
    snprintf(text, sizeof text, "{\"id\":\"c%u\",%s}", ++ids, body);
    const struct mqtt_message message = {
        .topic = plant.publisher.control_topic, .payload = text, .size = strlen(text), .qos = 1};
    control_message(&plant.control, &message);
    const struct fake_message *reply = fake_client_last(REPLY);
    assert_non_null(reply);
    cJSON *tree = json_parse(reply->payload, strlen(reply->payload), NULL);
    assert_non_null(tree);
    return tree;
}

static const cJSON *at(const cJSON *tree, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(tree, key);
    if (!item) {
        char *text = cJSON_Print(tree);
        fail_msg("no %s in %s", key, text);
    }
    return item;
}

static double number(const cJSON *tree, const char *key)
{
    assert_true(cJSON_IsNumber(at(tree, key)));
    return at(tree, key)->valuedouble;
}

static const char *text(const cJSON *tree, const char *key)
{
    assert_true(cJSON_IsString(at(tree, key)));
    return at(tree, key)->valuestring;
}

static void refused(const char *body, const char *code)
{
    cJSON *reply = command(body);
    assert_true(cJSON_IsFalse(at(reply, "ok")));
    assert_string_equal(text(at(reply, "error"), "code"), code);
    cJSON_Delete(reply);
}

static void expect_budget(const char *name, double per_day, const char *source)
{
    const struct robot *robot = fleet_find(&plant.fleet, name);
    assert_string_equal(robot->budget.source, source);
    assert_true(robot->budget.per_day == per_day);
    for (size_t d = 0; d < robot->model->detectors; d++) {
        double expected = model_threshold(robot->model, d, per_day);
        if (robot->alert.trigger[d].threshold != expected)
            fail_msg("%.17g, expected %.17g", robot->alert.trigger[d].threshold, expected);
    }
}

/* ---- threshold */

static void test_a_threshold_and_its_answer(void **state)
{
    const struct robot *robot = fleet_find(&plant.fleet, "kuka1");
    expect_budget("kuka1", 1, "model");
    double before = robot->alert.trigger[0].threshold;
    cJSON *reply =
        command("\"command\":\"threshold\",\"robot\":\"kuka1\",\"false_alarms_per_day\":2000");
    expect_budget("kuka1", 2000, "threshold");
    assert_true(number(reply, "false_alarms_per_day") == 2000);
    assert_string_equal(text(reply, "source"), "threshold");
    assert_true(cJSON_IsFalse(at(reply, "extrapolated")));
    assert_null(cJSON_GetObjectItemCaseSensitive(reply, "warning"));
    const cJSON *model = at(reply, "models")->child;
    assert_true(number(model, "before_per_day") == 1);
    assert_true(fabs(number(model, "supported_per_day") - 864) < 1); /* 3 / (300 s) */
    const cJSON *detector = at(model, "detectors")->child;
    assert_true(fabs(number(detector, "before") - before) < 1e-5 * before);
    assert_true(fabs(number(detector, "threshold") - robot->alert.trigger[0].threshold) < 1e-5);
    assert_true(number(detector, "threshold") <= number(detector, "before"));
    cJSON_Delete(reply);
    expect_budget("kuka9", 1, "model");
}

static void test_a_budget_that_is_not_supported_is_told(void **state)
{
    cJSON *reply = command("\"command\":\"threshold\",\"false_alarms_per_day\":0.5");
    assert_true(cJSON_IsTrue(at(reply, "extrapolated")));
    fixture_expect_text(text(reply, "warning"), "extrapolated");
    assert_true(number(reply, "robots") == 2 && number(reply, "robots_with_own") == 0);
    assert_int_equal(cJSON_GetArraySize(at(reply, "models")), 2);
    cJSON_Delete(reply);
    expect_budget("kuka1", 0.5, "threshold_all");
    expect_budget("kuka9", 0.5, "threshold_all");
}

static void test_the_robot_before_all_before_the_configuration(void **state)
{
    cJSON_Delete(
        command("\"command\":\"threshold\",\"robot\":\"kuka1\",\"false_alarms_per_day\":9"));
    cJSON *reply = command("\"command\":\"threshold\",\"false_alarms_per_day\":7");
    assert_true(number(reply, "robots") == 1 && number(reply, "robots_with_own") == 1);
    cJSON_Delete(reply);
    expect_budget("kuka1", 9, "threshold");
    expect_budget("kuka9", 7, "threshold_all");
    cJSON_Delete(command("\"command\":\"threshold\",\"robot\":\"kuka1\""));
    expect_budget("kuka1", 7, "threshold_all");
    cJSON_Delete(
        command("\"command\":\"threshold\",\"robot\":\"kuka1\",\"false_alarms_per_day\":9"));
    cJSON_Delete(command("\"command\":\"threshold\""));
    expect_budget("kuka1", 1, "model");
    expect_budget("kuka9", 1, "model");
}

static void test_a_threshold_survives_but_not_another_configuration(void **state)
{
    cJSON_Delete(
        command("\"command\":\"threshold\",\"robot\":\"kuka1\",\"false_alarms_per_day\":9"));
    cJSON_Delete(command("\"command\":\"threshold\",\"false_alarms_per_day\":7"));
    stop();
    start("");
    expect_budget("kuka1", 9, "threshold");
    expect_budget("kuka9", 7, "threshold_all");
    stop();
    start(",\"alerts\":{\"false_alarms_per_day\":3}");
    expect_budget("kuka1", 9, "threshold");
    expect_budget("kuka9", 3, "configuration");
}

static void test_what_is_no_threshold(void **state)
{
    refused("\"command\":\"threshold\",\"false_alarms_per_day\":0", "invalid_argument");
    refused("\"command\":\"threshold\",\"false_alarms_per_day\":1e5", "invalid_argument");
    refused("\"command\":\"threshold\",\"false_alarms_per_day\":\"1\"", "invalid_argument");
    refused("\"command\":\"threshold\",\"robot\":\"kuka7\",\"false_alarms_per_day\":1",
            "unknown_robot");
    refused("\"command\":\"threshold\",\"robot\":\"a/b\",\"false_alarms_per_day\":1",
            "invalid_argument");
    expect_budget("kuka1", 1, "model");
}

/* An armed robot: its budget is what it is armed for, and goes with what was learnt. */
static void test_an_armed_robot(void **state)
{
    struct robot *robot = fleet_find(&plant.fleet, "kuka1");
    assert_int_equal(commissioning_begin(&plant.fleet.commissioning, robot), 0);
    for (unsigned i = 0; i < 3000; i++) {
        struct score score = {.time_ns = i * INT64_C(100000000), .detectors = 2};
        for (size_t d = 0; d < 2; d++) {
            score.detector[d].score = 0.1 + 0.01 * (i % 30);
            score.detector[d].evaluated = true;
        }
        alert_push(&robot->alert, &score, true);
        commissioning_push(&plant.fleet.commissioning, robot, &score);
    }
    cJSON *reply =
        command("\"command\":\"threshold\",\"robot\":\"kuka1\",\"false_alarms_per_day\":50");
    assert_true(cJSON_IsNull(at(at(at(reply, "models")->child, "detectors")->child, "threshold")));
    cJSON_Delete(reply);
    cJSON_Delete(command("\"command\":\"arm\",\"robot\":\"kuka1\",\"force\":true"));
    assert_true(robot->commissioning->per_day == 50);
    reply = command("\"command\":\"threshold\",\"robot\":\"kuka1\",\"false_alarms_per_day\":1500");
    assert_true(robot->commissioning->per_day == 1500);
    assert_string_equal(text(reply, "source"), "armed");
    assert_true(number(at(reply, "models")->child, "before_per_day") == 50);
    cJSON_Delete(reply);
    cJSON_Delete(command("\"command\":\"threshold\",\"false_alarms_per_day\":7"));
    assert_true(robot->commissioning->per_day == 1500);
    cJSON_Delete(command("\"command\":\"arm\",\"robot\":\"kuka1\",\"force\":true,"
                         "\"false_alarms_per_day\":20"));
    assert_true(robot->commissioning->per_day == 20); /* the newest word */
    cJSON_Delete(command("\"command\":\"disarm\",\"robot\":\"kuka1\""));
    expect_budget("kuka1", 7, "threshold_all");
}

/* ---- verdicts */

static void raise_alert(const char *name, const char *id)
{
    struct robot *robot = fleet_find(&plant.fleet, name);
    robot->alert.episode = (struct alert_episode){
        .open = true, .severity = ALERT_WARNING, .started_ns = INT64_C(1763917200000000000)};
    robot->alerts[ALERT_ANOMALY] = (struct robot_alert){.messages = 1};
    strcpy(robot->alerts[ALERT_ANOMALY].id, id);
}

static void test_an_acknowledged_alert(void **state)
{
    struct robot *robot = fleet_find(&plant.fleet, "kuka1");
    raise_alert("kuka1", "abc");
    refused("\"command\":\"ack\",\"alert_id\":\"abd\",\"verdict\":\"true\"", "unknown_alert");
    cJSON *reply = command("\"command\":\"ack\",\"alert_id\":\"abc\",\"verdict\":\"false\","
                           "\"note\":\"a cable\"");
    assert_string_equal(text(reply, "robot"), "kuka1");
    assert_string_equal(text(reply, "verdict"), "false");
    assert_true(cJSON_IsFalse(at(reply, "replaced")));
    cJSON_Delete(reply);
    const struct fake_message *told = fake_client_last("armwatch/robot/kuka1/state");
    fixture_expect_text(told->payload, "\"acked\":true");
    fixture_expect_text(told->payload, "a cable");
    size_t before = fake_client.count;
    publisher_assert(&plant.publisher, robot, ALERT_ANOMALY, clock_monotonic_ns());
    assert_null(fake_client_last("armwatch/robot/kuka1/alert")); /* it does not nag */
    assert_true(fake_client.count > before);                     /* but its state is told */
    publisher_alert(&plant.publisher, robot, ALERT_ANOMALY, ALERT_UPDATED, clock_monotonic_ns());
    assert_non_null(fake_client_last("armwatch/robot/kuka1/alert")); /* it has become worse */
    reply = command("\"command\":\"ack\",\"alert_id\":\"abc\",\"verdict\":true");
    assert_true(cJSON_IsTrue(at(reply, "replaced")));
    cJSON_Delete(reply);
    assert_int_equal(robot->alerts[ALERT_ANOMALY].ack.verdict, ROBOT_TRUE_ALARM);
    assert_string_equal(robot->alerts[ALERT_ANOMALY].ack.note, "");
}

static void test_verdicts_are_counted(void **state)
{
    raise_alert("kuka1", "abc");
    raise_alert("kuka9", "def");
    cJSON_Delete(command("\"command\":\"ack\",\"alert_id\":\"abc\",\"verdict\":\"true\""));
    cJSON_Delete(command("\"command\":\"ack\",\"alert_id\":\"def\",\"verdict\":\"false\""));
    cJSON_Delete(command("\"command\":\"ack\",\"alert_id\":\"abc\",\"verdict\":\"maintenance\""));
    fleet_find(&plant.fleet, "kuka9")->alert.episode.open = false;
    cJSON *reply = command("\"command\":\"ack\",\"alert_id\":\"def\",\"verdict\":\"false\","
                           "\"note\":\"after it was over\"");
    assert_true(cJSON_IsFalse(at(reply, "open")));
    cJSON_Delete(reply);
    stop();
    start("");
    reply = command("\"command\":\"verdicts\"");
    assert_int_equal(cJSON_GetArraySize(at(reply, "verdicts")), 4);
    assert_true(number(at(reply, "counts"), "true") == 0);
    assert_true(number(at(reply, "counts"), "false") == 1);
    assert_true(number(at(reply, "counts"), "maintenance") == 1);
    assert_string_equal(text(at(reply, "verdicts")->child, "alert_id"), "abc"); /* oldest first */
    cJSON_Delete(reply);
    reply = command("\"command\":\"verdicts\",\"robot\":\"kuka9\",\"last\":1");
    assert_int_equal(cJSON_GetArraySize(at(reply, "verdicts")), 1);
    assert_true(number(at(reply, "counts"), "maintenance") == 0);
    cJSON_Delete(reply);
    refused("\"command\":\"verdicts\",\"last\":0", "invalid_argument");
}

/* One that its robot has left behind, as long as the page remembers it. */
static void test_an_alert_of_before(void **state)
{
    struct robot *robot = fleet_find(&plant.fleet, "kuka1");
    episode_log_put(&robot->episodes, &plant.publisher.episodes, "0a1b",
                    strdup("{\"alert_id\":\"0a1b\",\"kind\":\"silent\",\"severity\":\"info\","
                           "\"started\":\"2026-11-23T21:06:22.990Z\",\"model\":{\"name\":\"one\","
                           "\"version\":1}}"),
                    "no samples");
    cJSON *reply = command("\"command\":\"ack\",\"alert_id\":\"0a1b\",\"verdict\":\"true\"");
    assert_string_equal(text(reply, "robot"), "kuka1");
    assert_string_equal(text(reply, "kind"), "silent");
    assert_string_equal(text(reply, "model"), "one");
    assert_true(cJSON_IsFalse(at(reply, "open")) && cJSON_IsFalse(at(reply, "replaced")));
    cJSON_Delete(reply);
    assert_true(episode_log_at(robot->episodes, 0)->acked);
    assert_string_equal(episode_log_at(robot->episodes, 0)->verdict, "true");
    reply = command("\"command\":\"ack\",\"alert_id\":\"0a1b\",\"verdict\":\"false\"");
    assert_true(cJSON_IsTrue(at(reply, "replaced")));
    cJSON_Delete(reply);
    assert_string_equal(episode_log_at(robot->episodes, 0)->verdict, "false");
}

static void test_what_is_no_verdict(void **state)
{
    char body[600], note[300];
    raise_alert("kuka1", "abc");
    refused("\"command\":\"ack\",\"verdict\":\"true\"", "invalid_argument");
    refused("\"command\":\"ack\",\"alert_id\":\"abc\"", "invalid_argument");
    refused("\"command\":\"ack\",\"alert_id\":\"abc\",\"verdict\":\"perhaps\"", "invalid_argument");
    refused("\"command\":\"ack\",\"alert_id\":\"\",\"verdict\":\"true\"", "unknown_alert");
    refused("\"command\":\"ack\",\"alert_id\":\"abc\",\"verdict\":\"true\",\"note\":\"a\\nb\"",
            "invalid_argument");
    memset(note, 'x', sizeof note);
    note[ROBOT_NOTE_MAX + 1] = '\0';
    snprintf(body, sizeof body,
             "\"command\":\"ack\",\"alert_id\":\"abc\",\"verdict\":\"true\",\"note\":\"%s\"", note);
    refused(body, "invalid_argument");
    assert_int_equal(operations.verdicts.chronicle.kept, 0);
}

/* ---- audit */

static void test_what_was_changed_is_told(void **state)
{
    cJSON_Delete(command("\"command\":\"status\""));
    cJSON_Delete(command("\"command\":\"threshold\",\"false_alarms_per_day\":7,"
                         "\"password\":\"secret\",\"reply_to\":\"" REPLY "\""));
    for (int i = 0; i < 3; i++)
        refused("\"command\":\"threshold\",\"robot\":\"kuka7\"", "unknown_robot");
    cJSON_Delete(command("\"command\":\"suspend\",\"minutes\":5,\"reason\":\"gripper\""));
    stop();
    start("");
    cJSON *reply = command("\"command\":\"audit\"");
    const cJSON *entry = at(reply, "audit")->child;
    assert_int_equal(cJSON_GetArraySize(at(reply, "audit")), 3); /* refused once is enough */
    assert_string_equal(text(entry, "command"), "threshold");
    assert_string_equal(text(entry, "result"), "ok");
    assert_string_equal(text(entry, "by"), "control");
    assert_true(number(at(entry, "arguments"), "false_alarms_per_day") == 7);
    assert_null(cJSON_GetObjectItemCaseSensitive(at(entry, "arguments"), "password"));
    assert_string_equal(text(entry->next, "result"), "unknown_robot");
    assert_string_equal(text(entry->next->next, "command"), "suspend");
    assert_string_equal(text(at(entry->next->next, "arguments"), "reason"), "gripper");
    cJSON_Delete(reply);
    reply = command("\"command\":\"audit\",\"last\":1");
    assert_int_equal(cJSON_GetArraySize(at(reply, "audit")), 1);
    assert_string_equal(text(at(reply, "audit")->child, "command"), "suspend");
    assert_true(number(reply, "omitted") == 2);
    cJSON_Delete(reply);
    refused("\"command\":\"audit\",\"last\":1000", "invalid_argument");
}

/* A swap is audited when it is over, by its own arguments. */
static void test_a_reload_is_audited_at_its_end(void **state)
{
    const char *payload = "{\"id\":\"r1\",\"command\":\"reload\",\"model\":\"none\"}";
    const struct mqtt_message message = {.topic = plant.publisher.control_topic,
                                         .payload = payload,
                                         .size = strlen(payload),
                                         .qos = 1};
    control_message(&plant.control, &message);
    assert_int_equal(operations.audit.chronicle.kept, 0);
    while (plant.fleet.swap.busy)
        uv_run(&plant.loop, UV_RUN_ONCE);
    assert_int_equal(operations.audit.chronicle.kept, 1);
    fixture_expect_text(chronicle_line(&operations.audit.chronicle, 0), "model_not_found");
    fixture_expect_text(chronicle_line(&operations.audit.chronicle, 0), "\"model\":\"none\"");
    fixture_expect_text(chronicle_line(&operations.audit.chronicle, 0), "\"id\":\"r1\"");
    payload = "{\"id\":\"r2\",\"command\":\"reload\"}"; /* what came of it is told */
    const struct mqtt_message second = {.topic = plant.publisher.control_topic,
                                        .payload = payload,
                                        .size = strlen(payload),
                                        .qos = 1};
    control_message(&plant.control, &second);
    while (plant.fleet.swap.busy)
        uv_run(&plant.loop, UV_RUN_ONCE);
    fixture_expect_text(chronicle_line(&operations.audit.chronicle, 0), "\"model\":\"one\"");
}

/* ---- answers that are held */

static void test_an_answer_comes_when_the_change_is_on_the_disk(void **state)
{
    operations_start(&operations, &plant.loop);
    const char *payload = "{\"id\":\"h1\",\"command\":\"threshold\",\"false_alarms_per_day\":7}";
    const struct mqtt_message message = {.topic = plant.publisher.control_topic,
                                         .payload = payload,
                                         .size = strlen(payload),
                                         .qos = 1,
                                         .response_topic = "mine",
                                         .correlation = "xyz",
                                         .correlation_size = 3};
    control_message(&plant.control, &message);
    assert_null(fake_client_last("mine"));
    for (int i = 0; i < 1000 && !fake_client_last("mine"); i++)
        uv_run(&plant.loop, UV_RUN_ONCE);
    assert_non_null(fake_client_last("mine"));
    assert_string_equal(fake_client_last("mine")->correlation, "xyz");
    assert_false(operations.saved.busy);
    control_message(&plant.control, &message); /* again: the same answer, from memory */
    assert_int_equal(operations.audit.chronicle.kept, 1);
    operations.saved.busy = true; /* a disk that hangs delays no answer for ever */
    char other[128];
    snprintf(other, sizeof other, "{\"id\":\"h2\",\"command\":\"suspend\",\"minutes\":5}");
    const struct mqtt_message second = {.topic = plant.publisher.control_topic,
                                        .payload = other,
                                        .size = strlen(other),
                                        .qos = 1,
                                        .response_topic = "other"};
    control_message(&plant.control, &second);
    for (int i = 0; i < 10000 && !fake_client_last("other"); i++)
        uv_run(&plant.loop, UV_RUN_ONCE);
    assert_non_null(fake_client_last("other"));
    operations.saved.busy = false;
    operations_stop(&operations);
}

int main(void)
{
    log_set_level(LOG_LEVEL_ERROR);
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_a_threshold_and_its_answer),
        TEST(test_a_budget_that_is_not_supported_is_told),
        TEST(test_the_robot_before_all_before_the_configuration),
        TEST(test_a_threshold_survives_but_not_another_configuration),
        TEST(test_what_is_no_threshold),
        TEST(test_an_armed_robot),
        TEST(test_an_acknowledged_alert),
        TEST(test_verdicts_are_counted),
        TEST(test_an_alert_of_before),
        TEST(test_what_is_no_verdict),
        TEST(test_what_was_changed_is_told),
        TEST(test_a_reload_is_audited_at_its_end),
        TEST(test_an_answer_comes_when_the_change_is_on_the_disk),
    };
    return cmocka_run_group_tests(tests, setup_models, fixture_teardown);
}
