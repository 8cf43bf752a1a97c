#include "base/log.h"
#include "fake_client.h"
#include "fixture.h"
#include "plant.h"

#include <fcntl.h>
#include <math.h>
#include <sys/stat.h>

#define REPLY "armwatch/service/cell7/control/reply"

static struct plant plant;

static int setup_models(void **state)
{
    int r = fixture_setup(state);
    plant_set_directory(fixture_directory);
    plant_add_model(&(struct tiny_model){.name = "one"});
    plant_add_model(&(struct tiny_model){.name = "two", .version = 2});
    plant_add_model_as("two-1", &(struct tiny_model){.name = "two", .version = 1});
    return r;
}

static int setup(void **state)
{
    plant_start(&plant, "\"default\":\"one\"", "", NULL);
    plant_sample(&plant, "kuka1", 1, 1);
    return 0;
}

static int teardown(void **state)
{
    plant_stop(&plant);
    return 0;
}

static void command_with(const struct mqtt_message *options, const char *payload)
{
    struct mqtt_message message = *options;
    message.topic = plant.publisher.control_topic;
    message.payload = payload;
    message.size = strlen(payload);
    control_message(&plant.control, &message);
}

static void command(const char *payload)
{
    command_with(&(struct mqtt_message){.qos = 1}, payload);
}

static void wait_messages(size_t count)
{
    for (int i = 0; fake_client.count < count && i < 1000; i++)
        uv_run(&plant.loop, UV_RUN_ONCE);
    assert_int_equal(fake_client.count, count);
}

/* The newest message; the caller deletes the tree. */
static cJSON *newest(const char *topic)
{
    assert_true(fake_client.count > 0);
    const struct fake_message *message = &fake_client.message[fake_client.count - 1];
    assert_string_equal(message->topic, topic);
    assert_int_equal(message->qos, 1);
    assert_false(message->retained);
    struct diag diag = DIAG_INIT;
    cJSON *tree = json_parse(message->payload, strlen(message->payload), &diag);
    if (!tree)
        fail_msg("%s: %s", message->payload, diag.text);
    return tree;
}

static const char *text(const cJSON *object, const char *key)
{
    const char *value = "(none)";
    json_get_string(object, key, false, 4096, &value, NULL);
    return value;
}

static void expect_error(const char *code)
{
    cJSON *reply = newest(REPLY);
    assert_true(cJSON_IsFalse(cJSON_GetObjectItemCaseSensitive(reply, "ok")));
    const cJSON *error = cJSON_GetObjectItemCaseSensitive(reply, "error");
    assert_string_equal(text(error, "code"), code);
    assert_true(strlen(text(error, "message")) > 6);
    cJSON_Delete(reply);
}

static void expect_ok(const char *id, const char *name)
{
    cJSON *reply = newest(REPLY);
    assert_true(cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(reply, "ok")));
    assert_string_equal(text(reply, "id"), id);
    assert_string_equal(text(reply, "command"), name);
    cJSON_Delete(reply);
}

static void test_status(void **state)
{
    command("{\"id\":\"1\",\"command\":\"status\"}");
    cJSON *reply = newest(REPLY);
    assert_string_equal(text(reply, "instance"), "cell7");
    const cJSON *robots = cJSON_GetObjectItemCaseSensitive(reply, "robot_states");
    assert_int_equal(cJSON_GetArraySize(robots), 1);
    assert_string_equal(text(robots->child, "robot"), "kuka1");
    assert_string_equal(text(robots->child, "state"), "warming"); /* never published, yet known */
    const cJSON *drift = cJSON_GetObjectItemCaseSensitive(robots->child, "drift");
    assert_true(cJSON_IsNull(drift)); /* no hour has been seen */
    const cJSON *models = cJSON_GetObjectItemCaseSensitive(reply, "models");
    assert_int_equal(cJSON_GetArraySize(models), 1);
    const struct {
        const char *key;
        double value;
    } promise[] = {{"version", 1},
                   {"false_alarms_per_day", 1},
                   {"supported_per_day", 72 / (10 * 30 / 3600.0)},
                   {"hours", 10 * 30 / 3600.0},
                   {"sessions", 1}};
    assert_string_equal(text(models->child, "name"), "one");
    assert_string_equal(text(models->child, "signature"), "unchecked");
    assert_int_equal(strlen(text(models->child, "sha256")), 64);
    for (size_t i = 0; i < sizeof promise / sizeof promise[0]; i++) {
        const cJSON *item = cJSON_GetObjectItemCaseSensitive(models->child, promise[i].key);
        assert_true(cJSON_IsNumber(item));
        if (!(fabs(item->valuedouble - promise[i].value) <= 1e-4 * promise[i].value))
            fail_msg("%s %g, expected %g", promise[i].key, item->valuedouble, promise[i].value);
    }
    cJSON_Delete(reply);
    expect_ok("1", "status");
}

/* More models than are listed, none of which promises anything. */
static void test_status_of_many_models(void **state)
{
    enum { MODELS = 34, LISTED = 32 };
    char robots[2048] = "\"robots\":{";
    for (int i = 0; i < MODELS; i++) {
        char name[16];
        size_t used = strlen(robots);
        snprintf(name, sizeof name, "m%d", i);
        plant_add_model(&(struct tiny_model){.name = name, .uncalibrated = true});
        snprintf(robots + used, sizeof robots - used, "%s\"r%d\":\"%s\"", i ? "," : "", i, name);
    }
    strcat(robots, "}");
    plant_start(&plant, robots, "", NULL);
    command("{\"command\":\"status\"}");
    cJSON *reply = newest(REPLY);
    const cJSON *models = cJSON_GetObjectItemCaseSensitive(reply, "models");
    assert_int_equal(cJSON_GetArraySize(models), LISTED);
    assert_true(cJSON_IsNull(cJSON_GetObjectItemCaseSensitive(models->child, "supported_per_day")));
    const cJSON *omitted = cJSON_GetObjectItemCaseSensitive(reply, "models_omitted");
    assert_true(cJSON_IsNumber(omitted) && omitted->valuedouble == MODELS - LISTED);
    cJSON_Delete(reply);
    plant_stop(&plant);
}

static void test_reload_answers_when_it_is_done(void **state)
{
    command("{\"id\":\"42\",\"command\":\"reload\",\"model\":\"two\"}");
    assert_int_equal(fake_client.count, 0);
    command("{\"id\":\"43\",\"command\":\"reload\",\"model\":\"two\"}");
    expect_error("busy");
    wait_messages(2);
    cJSON *reply = newest(REPLY);
    assert_string_equal(text(reply, "model"), "two");
    assert_int_equal(strlen(text(reply, "sha256")), 64);
    assert_string_equal(text(reply, "signature"), "unchecked");
    cJSON_Delete(reply);
    expect_ok("42", "reload");
    command("{\"id\":\"44\",\"command\":\"rollback\"}");
    wait_messages(3);
    expect_ok("44", "rollback");
}

static void test_errors(void **state)
{
    static const struct {
        const char *payload, *code;
    } cases[] = {
        {"", "malformed"},
        {"{", "malformed"},
        {"[]", "malformed"},
        {"{\"id\":1,\"command\":\"status\"}", "malformed"},
        {"{\"id\":\"1\"}", "malformed"},
        {"{\"command\":\"status\",\"command\":\"status\"}", "malformed"},
        {"{\"command\":\"stat\\u0000us\"}", "malformed"},
        {"{\"command\":\"explode\"}", "unknown_command"},
        {"{\"command\":\"reload\",\"model\":\"../etc/x\"}", "invalid_argument"},
        {"{\"command\":\"reload\",\"model\":\"/etc/x\"}", "invalid_argument"},
        {"{\"command\":\"reload\",\"model\":3}", "invalid_argument"},
        {"{\"command\":\"reload\",\"robot\":\"a/b\"}", "invalid_argument"},
        {"{\"command\":\"reload\",\"robot\":\"kuka9\"}", "unknown_robot"},
        {"{\"command\":\"rollback\",\"robot\":\"kuka9\"}", "unknown_robot"},
        {"{\"command\":\"status\",\"robot\":\"a/b\"}", "invalid_argument"},
        {"{\"command\":\"status\",\"robot\":\"kuka9\"}", "unknown_robot"},
        {"{\"command\":\"rollback\"}", "no_previous"},
        {"{\"command\":\"rollback\",\"robot\":\"kuka1\"}", "no_previous"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        command(cases[i].payload);
        wait_messages(i + 1);
        expect_error(cases[i].code);
    }
    size_t count = fake_client.count;
    command("{\"command\":\"reload\",\"model\":\"none\"}");
    wait_messages(count + 1);
    expect_error("model_not_found");
    command("{\"command\":\"reload\",\"model\":\"two\"}");
    wait_messages(count + 2);
    command("{\"command\":\"reload\",\"model\":\"two-1\"}");
    wait_messages(count + 3);
    expect_error("downgrade");
}

static void test_what_is_not_signed(void **state)
{
    plant_stop(&plant);
    plant_make_key();
    plant_sign("one");
    plant_start(&plant,
                "\"default\":\"one\",\"signature\":\"require\","
                "\"public_key_file\":\"model-pub.key\"",
                "", NULL);
    command("{\"command\":\"reload\",\"model\":\"two\"}");
    wait_messages(1);
    expect_error("signature");
    command("{\"id\":\"5\",\"command\":\"reload\"}");
    wait_messages(2);
    cJSON *reply = newest(REPLY);
    assert_string_equal(text(reply, "signature"), "valid");
    cJSON_Delete(reply);
    plant_remove("one.safetensors.sig");
}

/* Runs a command and reads what was logged meanwhile. */
static const char *logged_by(const char *payload)
{
    static char log[4096];
    size_t count = fake_client.count;
    fflush(stderr);
    int saved = dup(STDERR_FILENO),
        file = open(fixture_path("log"), O_RDWR | O_CREAT | O_TRUNC, 0600);
    assert_true(saved >= 0 && file >= 0);
    dup2(file, STDERR_FILENO);
    log_set_level(LOG_LEVEL_INFO);
    command(payload);
    for (int i = 0; fake_client.count == count && i < 1000; i++)
        uv_run(&plant.loop, UV_RUN_ONCE);
    log_set_level(LOG_LEVEL_ERROR);
    dup2(saved, STDERR_FILENO);
    close(saved);
    ssize_t size = pread(file, log, sizeof log - 1, 0);
    close(file);
    log[size > 0 ? size : 0] = '\0';
    return log;
}

/* Who, what, how it ended, and of which bytes. */
static void test_the_audit_line(void **state)
{
    const char *log = logged_by("{\"id\":\"42\",\"command\":\"reload\",\"model\":\"two\"}");
    cJSON *reply = newest(REPLY);
    char expected[300];
    snprintf(
        expected, sizeof expected,
        "info: audit: control \"42\": reload two: two version 2 is in use, sha256 %s, signature "
        "unchecked\n",
        text(reply, "sha256"));
    fixture_expect_text(log, expected);
    cJSON_Delete(reply);
    log = logged_by("{\"id\":\"43\",\"command\":\"rollback\",\"robot\":\"kuka1\"}");
    fixture_expect_text(
        log, "warning: audit: control \"43\": rollback: refused (no_previous, 1 so far): there");
    log = logged_by("{\"id\":\"44\",\"command\":\"reload\",\"model\":\"two-1\","
                    "\"robot\":\"kuka1\"}");
    fixture_expect_text(log, "warning: audit: control \"44\": reload two-1, robot kuka1: refused "
                             "(downgrade): model two version 1 is older");
    fixture_expect_text(log, "; sha256 of the file ");
    log = logged_by("{\"id\":\"a\\\": x\\nb\\u007f\",\"command\":\"reload\",\"model\":\"none\"}");
    fixture_expect_text(log, "audit: control \"a?:?x?b?\": reload none: refused (model_not_found)");
    log = logged_by("{\"command\":\"explode\"}");
    fixture_expect_text(log, "audit: control \"\": message: refused (unknown_command, 1 so far)");
}

static void test_retained_is_refused(void **state)
{
    command_with(&(struct mqtt_message){.retained = true}, "{\"command\":\"reload\"}");
    expect_error("retained");
    assert_false(plant.fleet.swap.busy);
}

static void test_too_large_is_refused(void **state)
{
    char payload[CONTROL_PAYLOAD_MAX + 2];
    memset(payload, ' ', sizeof payload);
    memcpy(payload, "{\"command\":\"status\"}", 20);
    payload[CONTROL_PAYLOAD_MAX + 1] = '\0';
    command(payload);
    expect_error("malformed");
}

static void test_a_repeated_id_is_not_run_twice(void **state)
{
    static const char payload[] = "{\"id\":\"7\",\"command\":\"reload\",\"model\":\"two\"}";
    command(payload);
    command(payload); /* while it runs: one answer comes for both */
    wait_messages(1);
    unsigned changes = plant.state_changes;
    command(payload);
    assert_int_equal(fake_client.count, 2);
    assert_string_equal(fake_client.message[0].payload, fake_client.message[1].payload);
    assert_int_equal(plant.state_changes, changes);
    for (int i = 0; i < 2; i++) {
        command("{\"id\":\"7\",\"command\":\"status\"}");
        expect_error("id_reused");
    }
    command(payload); /* and the answer is still known */
    expect_ok("7", "reload");
}

static void test_old_ids_are_forgotten(void **state)
{
    char payload[80];
    for (int i = 0; i < 3 * CONTROL_REMEMBERED; i++) {
        snprintf(payload, sizeof payload, "{\"id\":\"%d\",\"command\":\"status\"}", i);
        command(payload);
    }
    command("{\"id\":\"0\",\"command\":\"status\",\"x\":1}");
    expect_ok("0", "status");
    command(payload);
    expect_ok("191", "status");
}

static void test_where_answers_go(void **state)
{
    const struct mqtt_message v5 = {
        .response_topic = "me/answers", .correlation = "\1\0\2", .correlation_size = 3};
    command_with(&v5, "{\"command\":\"status\",\"reply_to\":\"elsewhere\"}");
    cJSON_Delete(newest("me/answers"));
    assert_memory_equal(fake_client.message[0].correlation, "\1\0\2", 4);
    command("{\"command\":\"status\",\"reply_to\":\"elsewhere\"}");
    cJSON_Delete(newest("elsewhere"));
    command("{\"command\":\"status\",\"reply_to\":\"a/#\"}"); /* no topic to publish to */
    cJSON_Delete(newest(REPLY));
    command("{\"command\":\"status\",\"reply_to\":\"a\\u0007\"}"); /* the same */
    cJSON_Delete(newest(REPLY));
    command("{\"command\":\"explode\",\"reply_to\":\"elsewhere\"}");
    cJSON_Delete(newest("elsewhere"));
    command_with(&v5, "{\"id\":\"9\",\"command\":\"reload\",\"model\":\"two\"}");
    wait_messages(6);
    cJSON_Delete(newest("me/answers"));
    assert_memory_equal(fake_client.message[5].correlation, "\1\0\2", 4);
}

/* A swap is under way as it ends: a sanitizer sees whether the request is freed. */
static void test_stop_with_a_command_running(void **state)
{
    command("{\"id\":\"7\",\"command\":\"reload\",\"model\":\"two\",\"reply_to\":\"me\"}");
}

/* ---- suspend and resume ---- */

static void test_suspend_what_is_refused(void **state)
{
    static const struct {
        const char *arguments, *code;
    } cases[] = {
        {"", "invalid_argument"},
        {",\"minutes\":0", "invalid_argument"},
        {",\"minutes\":10081", "invalid_argument"},
        {",\"minutes\":1.5", "invalid_argument"},
        {",\"minutes\":\"5\"", "invalid_argument"},
        {",\"minutes\":5,\"reason\":7", "invalid_argument"},
        {",\"minutes\":5,\"reason\":\"a\\nb\"", "invalid_argument"},
        {",\"minutes\":5,\"robot\":\"a/b\"", "invalid_argument"},
        {",\"minutes\":5,\"robot\":\"nobody\"", "unknown_robot"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char payload[160];
        snprintf(payload, sizeof payload, "{\"command\":\"suspend\"%s}", cases[i].arguments);
        command(payload);
        expect_error(cases[i].code);
    }
    char long_reason[300] = "{\"command\":\"suspend\",\"minutes\":5,\"reason\":\"";
    memset(long_reason + strlen(long_reason), 'x', 129);
    strcat(long_reason, "\"}");
    command(long_reason);
    expect_error("invalid_argument");
    command("{\"command\":\"resume\",\"robot\":\"nobody\"}");
    expect_error("unknown_robot");
    assert_int_equal(plant.fleet.suspensions.count, 0);
    assert_false(fleet_find(&plant.fleet, "kuka1")->suspended);
}

static void expect_state(const char *robot, const char *wanted)
{
    char topic[80];
    snprintf(topic, sizeof topic, "armwatch/robot/%s/state", robot);
    const struct fake_message *message = fake_client_last(topic);
    assert_non_null(message);
    cJSON *tree = json_parse(message->payload, strlen(message->payload), NULL);
    assert_string_equal(text(tree, "state"), wanted);
    cJSON_Delete(tree);
}

static unsigned saved;

static void count_saved(void *user)
{
    saved++;
}

static void test_suspend_and_resume_one(void **state)
{
    struct robot *robot = fleet_find(&plant.fleet, "kuka1");
    plant_sample(&plant, "kuka2", 1, 1);
    plant.fleet.on_suspended = count_saved;
    saved = 0;
    command("{\"id\":\"s\",\"command\":\"suspend\",\"robot\":\"kuka1\",\"minutes\":10080,"
            "\"reason\":\"gripper\"}");
    expect_ok("s", "suspend");
    cJSON *reply = newest(REPLY);
    assert_string_equal(text(reply, "robot"), "kuka1");
    assert_string_equal(text(reply, "reason"), "gripper");
    assert_int_equal(strlen(text(reply, "until")), strlen("2026-11-23T22:00:00.000Z"));
    cJSON_Delete(reply);
    assert_true(robot->suspended);
    assert_false(fleet_find(&plant.fleet, "kuka2")->suspended);
    expect_state("kuka1", "suspended");
    assert_int_equal(saved, 1);
    command("{\"id\":\"r\",\"command\":\"resume\",\"robot\":\"kuka1\"}");
    expect_ok("r", "resume");
    assert_false(robot->suspended);
    expect_state("kuka1", "warming");
    assert_int_equal(saved, 2);
    command("{\"id\":\"r2\",\"command\":\"resume\"}"); /* of nobody */
    expect_ok("r2", "resume");
}

/* Robots that come later too; one of them is taken out. */
static void test_suspend_all(void **state)
{
    command("{\"id\":\"s\",\"command\":\"suspend\",\"minutes\":5}");
    expect_ok("s", "suspend");
    plant_sample(&plant, "kuka2", 1, 1);
    assert_true(fleet_find(&plant.fleet, "kuka1")->suspended);
    assert_true(fleet_find(&plant.fleet, "kuka2")->suspended);
    command("{\"id\":\"r\",\"command\":\"resume\",\"robot\":\"kuka2\"}");
    expect_ok("r", "resume");
    assert_true(fleet_find(&plant.fleet, "kuka1")->suspended);
    assert_false(fleet_find(&plant.fleet, "kuka2")->suspended);
    command("{\"id\":\"r2\",\"command\":\"resume\"}");
    assert_false(fleet_find(&plant.fleet, "kuka1")->suspended);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

/* As many windows as make three blocks. */
static void teach(struct robot *robot)
{
    struct calibration_blocks *blocks = &robot->commissioning->blocks[0];
    for (int i = 0; i < 900; i++)
        assert_int_equal(calibration_blocks_push(blocks, i * INT64_C(100000000), 0.5 + i % 7), 0);
}

static void test_commissioning(void **state)
{
    struct robot *robot = fleet_find(&plant.fleet, "kuka1");
    double own = robot->alert.trigger[0].threshold;
    command("{\"id\":\"1\",\"command\":\"arm\",\"robot\":\"kuka1\"}");
    expect_error("not_commissioned");
    command("{\"id\":\"2\",\"command\":\"commission\",\"robot\":\"kuka1\"}");
    expect_ok("2", "commission");
    assert_true(commissioning_learns(robot));
    assert_true(isinf(robot->alert.trigger[0].threshold)); /* whatever its model says */
    command("{\"id\":\"3\",\"command\":\"arm\",\"robot\":\"kuka1\",\"force\":true}");
    expect_error("not_supported"); /* nothing at all */
    teach(robot);
    command("{\"id\":\"4\",\"command\":\"arm\",\"robot\":\"kuka1\"}");
    expect_error("not_supported");
    command("{\"id\":\"5\",\"command\":\"arm\",\"robot\":\"kuka1\",\"false_alarms_per_day\":-1}");
    expect_error("invalid_argument");
    command("{\"id\":\"6\",\"command\":\"arm\",\"robot\":\"kuka1\",\"false_alarms_per_day\":2900}");
    expect_ok("6", "arm"); /* 72 h / 90 s */
    assert_false(commissioning_learns(robot));
    assert_true(robot->alert.trigger[0].threshold >= 6.5);
    assert_ptr_equal(robot->alert.trigger[0].calibration, &robot->commissioning->calibration[0]);
    command("{\"id\":\"7\",\"command\":\"disarm\",\"robot\":\"kuka1\"}");
    expect_ok("7", "disarm");
    assert_true(robot->alert.trigger[0].threshold == own);
    assert_ptr_equal(robot->alert.trigger[0].calibration, &robot->model->detector[0].calibration);
    command("{\"id\":\"8\",\"command\":\"disarm\",\"robot\":\"kuka1\"}");
    expect_error("not_commissioned");
}

static void test_commission_with_a_model(void **state)
{
    const struct robot *robot = fleet_find(&plant.fleet, "kuka1");
    command("{\"id\":\"1\",\"command\":\"commission\",\"robot\":\"kuka2\",\"model\":\"two\"}");
    expect_error("unknown_robot");
    size_t before = fake_client.count;
    command("{\"id\":\"2\",\"command\":\"commission\",\"robot\":\"kuka1\",\"model\":\"none\"}");
    wait_messages(before + 1);
    expect_error("model_not_found");
    assert_false(commissioning_learns(robot));
    command("{\"id\":\"3\",\"command\":\"commission\",\"robot\":\"kuka1\",\"model\":\"two\"}");
    wait_messages(before + 2);
    expect_ok("3", "commission");
    assert_true(commissioning_learns(robot));
    assert_string_equal(robot->model->name, "two");
}

int main(void)
{
    log_set_level(LOG_LEVEL_ERROR);
    const struct CMUnitTest tests[] = {
        TEST(test_status),
        cmocka_unit_test(test_status_of_many_models),
        TEST(test_reload_answers_when_it_is_done),
        TEST(test_errors),
        TEST(test_what_is_not_signed),
        TEST(test_the_audit_line),
        TEST(test_retained_is_refused),
        TEST(test_too_large_is_refused),
        TEST(test_a_repeated_id_is_not_run_twice),
        TEST(test_old_ids_are_forgotten),
        TEST(test_where_answers_go),
        TEST(test_commissioning),
        TEST(test_commission_with_a_model),
        TEST(test_stop_with_a_command_running),
        TEST(test_suspend_what_is_refused),
        TEST(test_suspend_and_resume_one),
        TEST(test_suspend_all),
    };
    return cmocka_run_group_tests(tests, setup_models, fixture_teardown);
}
