#include "daemon/service.h"

#include "base/clock.h"
#include "base/log.h"
#include "fake_client.h"
#include "fixture.h"
#include "plant.h"

#include <errno.h>
#include <string.h>

#define SECOND CLOCK_NS_PER_S
#define STATUS "armwatch/service/cell7/status"

static struct plant plant;
static const struct assembly no_assembly;
static struct silence silence;
static struct saved_state saved;
static struct service service;

static int setup_models(void **state)
{
    int r = fixture_setup(state);
    plant_set_directory(fixture_directory);
    plant_add_model(&(struct tiny_model){.name = "one"});
    return r;
}

static int setup(void **state)
{
    plant_start(&plant, "\"default\":\"one\"", ",\"robots\":{\"max\":2}", NULL);
    silence = (struct silence){.fleet = &plant.fleet, .publisher = &plant.publisher};
    saved = (struct saved_state){0};
    service = (struct service){.config = plant.config,
                               .fleet = &plant.fleet,
                               .intake = &plant.intake,
                               .assembly = &no_assembly,
                               .publisher = &plant.publisher,
                               .control = &plant.control,
                               .saved = &saved,
                               .silence = &silence};
    return 0;
}

static int teardown(void **state)
{
    plant_stop(&plant);
    return 0;
}

/* As published; the caller deletes it. */
static cJSON *published(void)
{
    const struct fake_message *message = fake_client_last(STATUS);
    assert_non_null(message);
    cJSON *tree = cJSON_Parse(message->payload);
    assert_non_null(tree);
    return tree;
}

/* Of the status that is published now. */
static bool has_reason(const char *reason)
{
    service_publish(&service, true, clock_monotonic_ns());
    cJSON *tree = published();
    const cJSON *item;
    bool found = false;
    cJSON_ArrayForEach(item, cJSON_GetObjectItem(tree, "reasons")) found |=
        !strcmp(item->valuestring, reason);
    cJSON_Delete(tree);
    return found;
}

/* 31 s with a subscription that brings nothing, from the first sample on it is over for good. */
static void test_no_samples(void **state)
{
    int64_t now_ns = clock_monotonic_ns();
    assert_false(has_reason("no_samples")); /* not connected: nothing can be heard */
    silence_listen(&silence, true, now_ns - 29 * SECOND);
    assert_false(has_reason("no_samples"));
    silence_listen(&silence, true, now_ns - 31 * SECOND);
    assert_true(has_reason("no_samples"));
    silence_listen(&silence, false, now_ns);
    assert_false(has_reason("no_samples"));
    silence_listen(&silence, true, now_ns - 31 * SECOND);
    const struct mqtt_message retained = {
        .topic = "armwatch/robot/r/sample", .payload = "[1,2,3]", .size = 7, .retained = true};
    assert_true(intake_message(&plant.intake, &retained)); /* of another time */
    assert_true(has_reason("no_samples"));
    plant_publish(&plant, "r", "[1,2]"); /* bad, but it came */
    assert_false(has_reason("no_samples"));
}

static void test_the_subscription_is_refused(void **state)
{
    assert_false(has_reason("subscription"));
    service.troubles |= 1U << SERVICE_SUBSCRIPTION;
    assert_true(has_reason("subscription"));
}

static void test_a_takeover_shows_for_a_minute(void **state)
{
    assert_false(has_reason("client_id"));
    service.takeovers = 1;
    int64_t now_ns = clock_monotonic_ns();
    assert_true(has_reason("client_id"));
    service_publish(&service, false, now_ns + 59 * SECOND);
    assert_true(service.published & 1U << SERVICE_CLIENT_ID);
    service_publish(&service, false, now_ns + 70 * SECOND);
    assert_false(service.published & 1U << SERVICE_CLIENT_ID);
}

static double number(const cJSON *object, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    assert_true(cJSON_IsNumber(item));
    return item->valuedouble;
}

static void deliver(const char *topic, const char *payload, bool retained)
{
    assert_true(intake_message(&plant.intake, &(struct mqtt_message){.topic = topic,
                                                                     .payload = payload,
                                                                     .size = strlen(payload),
                                                                     .retained = retained}));
}

/* Whatever comes on a sample topic is in one counter. */
static void test_samples_add_up(void **state)
{
    deliver("armwatch/robot/late/sample", "[1,2,3]", true);
    deliver("armwatch/robot/a b/sample", "[1,2,3]", false);
    deliver("armwatch/robot//sample", "[1,2,3]", true);
    for (unsigned i = 0; i < 5; i++)
        plant_sample(&plant, "one", i, 1);
    plant_sample(&plant, "two", 0, 1);
    plant_sample(&plant, "two", 0, 1);
    plant_publish(&plant, "two", "x");
    deliver("armwatch/robot/two/sample", "[1,2,3]", true);
    for (int i = 0; i < 3; i++) /* robots.max is 2 */
        deliver("armwatch/robot/three/sample", "[1,2,3]", false);
    plant_wait_results(&plant, 2);
    service_publish(&service, true, clock_monotonic_ns());
    cJSON *tree = published();
    const cJSON *unassigned = cJSON_GetObjectItem(tree, "unassigned");
    assert_true(number(unassigned, "invalid_name") == 2);
    assert_true(number(unassigned, "robots") == 3);
    assert_true(number(unassigned, "retained") == 1);
    double sum = 0;
    const cJSON *item;
    cJSON_ArrayForEach(item, unassigned) sum += item->valuedouble;
    for (size_t i = 0; i < plant.fleet.count; i++)
        sum += (double)plant.fleet.robot[i]->counters.received;
    assert_true(sum == number(tree, "samples") && sum == 15);
    assert_true(number(tree, "rejected") == 1);
    cJSON_Delete(tree);
}

static void command(const char *payload, bool retained)
{
    control_message(&plant.control, &(struct mqtt_message){.topic = "c",
                                                           .payload = payload,
                                                           .size = strlen(payload),
                                                           .retained = retained});
}

static void test_refused_commands(void **state)
{
    command("{\"command\":\"status\"}", false);
    command("{\"command\":\"dance\"}", false);
    command("{\"command\":\"dance\"}", false);
    command("{\"command\":\"status\"}", true);
    command("{\"command\":\"rollback\"}", false);
    service_publish(&service, true, clock_monotonic_ns());
    cJSON *tree = published();
    const cJSON *control = cJSON_GetObjectItem(tree, "control");
    const cJSON *refused = cJSON_GetObjectItem(control, "refused");
    assert_true(number(control, "commands") == 5);
    assert_true(number(refused, "unknown_command") == 2);
    assert_true(number(refused, "retained") == 1);
    assert_true(number(refused, "no_previous") == 1);
    assert_int_equal(cJSON_GetArraySize(refused), 3);
    cJSON_Delete(tree);
}

static void test_scores_that_find_no_room(void **state)
{
    plant_sample(&plant, "one", 0, 1);
    struct robot *robot = fleet_find(&plant.fleet, "one");
    const struct score score = {.detectors = 1};
    fake_client.error = -EAGAIN;
    publisher_score(&plant.publisher, robot, &score, clock_monotonic_ns());
    fake_client.error = 0;
    publisher_score(&plant.publisher, robot, &score, clock_monotonic_ns() + SECOND);
    fake_client.online = false; /* there is no link that could be slow */
    publisher_score(&plant.publisher, robot, &score, clock_monotonic_ns() + 2 * SECOND);
    fake_client.online = true;
    service_publish(&service, true, clock_monotonic_ns());
    cJSON *tree = published();
    assert_true(number(tree, "scores_dropped") == 1);
    cJSON_Delete(tree);
}

static void test_what_the_service_manager_is_told(void **state)
{
    int64_t now_ns = clock_monotonic_ns();
    service_publish(&service, false, now_ns);
    assert_string_equal(service.line, "running; 0 robots, 0 alerts open");
    fake_client.online = false;
    fake_client.reason = "the broker refused: Not authorized";
    service_publish(&service, false, now_ns);
    assert_string_equal(service.line, "running; 0 robots, 0 alerts open; no broker: the broker "
                                      "refused: Not authorized");
    fake_client.online = true;
    service.troubles = 1U << SERVICE_MODEL | 1U << SERVICE_SUBSCRIPTION;
    saved.failed = true;
    service_publish(&service, false, now_ns);
    assert_string_equal(service.line,
                        "degraded: model, state, subscription; 0 robots, 0 alerts open");
}

static _Thread_local bool out_of_memory; /* in this thread only: the scorer goes on */

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);

void *__wrap_malloc(size_t size)
{
    return out_of_memory ? NULL : __real_malloc(size);
}

static size_t count_alerts(const char *state)
{
    size_t count = 0;
    char text[32];
    snprintf(text, sizeof text, "\"state\":\"%s\"", state);
    for (size_t i = 0; i < fake_client.count; i++)
        count += !strcmp(fake_client.message[i].topic, "armwatch/robot/r/alert") &&
                 strstr(fake_client.message[i].payload, text) != NULL;
    return count;
}

/* Alerts that could not be told are told when they can: a raise as such, however long it took. */
static void test_alerts_wait_for_memory(void **state)
{
    plant_sample(&plant, "r", 0, 1);
    struct robot *robot = fleet_find(&plant.fleet, "r");
    int64_t now_ns = clock_monotonic_ns();
    json_watch_memory();
    robot->silence = (struct alert_episode){.open = true, .severity = ALERT_INFO, .p_value = 1};
    out_of_memory = true;
    publisher_alert(&plant.publisher, robot, ALERT_SILENT, ALERT_RAISED, now_ns);
    publisher_alert(&plant.publisher, robot, ALERT_SILENT, ALERT_UPDATED, now_ns);
    publisher_retry(&plant.publisher, robot, now_ns);
    out_of_memory = false;
    assert_int_equal(plant.publisher.alerts_put_off, 3);
    assert_int_equal(count_alerts("raised") + count_alerts("updated"), 0);
    publisher_retry(&plant.publisher, robot, now_ns);
    publisher_retry(&plant.publisher, robot, now_ns);
    assert_int_equal(count_alerts("raised"), 1);
    assert_int_equal(robot->alerts[ALERT_SILENT].messages, 1);
    out_of_memory = true;
    robot->silence.open = false;
    publisher_alert(&plant.publisher, robot, ALERT_SILENT, ALERT_CLEARED, now_ns);
    out_of_memory = false;
    publisher_retry(&plant.publisher, robot, now_ns);
    assert_int_equal(count_alerts("cleared"), 1);
    assert_int_equal(count_alerts("updated"), 0);
    assert_int_equal(robot->counters.alerts, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    log_set_level(LOG_LEVEL_ERROR);
    const struct CMUnitTest tests[] = {
        TEST(test_no_samples),
        TEST(test_the_subscription_is_refused),
        TEST(test_what_the_service_manager_is_told),
        TEST(test_alerts_wait_for_memory),
        TEST(test_a_takeover_shows_for_a_minute),
        TEST(test_samples_add_up),
        TEST(test_refused_commands),
        TEST(test_scores_that_find_no_room),
    };
    return cmocka_run_group_tests(tests, setup_models, fixture_teardown);
}
