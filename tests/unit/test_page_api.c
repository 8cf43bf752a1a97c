#include "daemon/page_api.h"

#include "base/clock.h"
#include "base/log.h"
#include "daemon/episode_log.h"
#include "fake_client.h"
#include "fixture.h"
#include "plant.h"

#include <errno.h>
#include <string.h>

static struct plant plant;
static const struct assembly no_assembly;
static struct silence silence;
static struct saved_state saved;
static struct service service;

/* What memory is taken from can run out: fixture for the last test. */
static bool out_of_memory;
void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_malloc(size_t size)
{
    return out_of_memory ? NULL : __real_malloc(size);
}

static int setup_models(void **state)
{
    int r = fixture_setup(state);
    plant_set_directory(fixture_directory);
    plant_add_model(&(struct tiny_model){.name = "one", .detectors = 2});
    json_watch_memory();
    return r;
}

static int setup(void **state)
{
    plant_start(&plant, "\"default\":\"one\"", "", NULL);
    silence = (struct silence){.fleet = &plant.fleet, .publisher = &plant.publisher};
    service = (struct service){.config = plant.config,
                               .fleet = &plant.fleet,
                               .intake = &plant.intake,
                               .assembly = &no_assembly,
                               .publisher = &plant.publisher,
                               .control = &plant.control,
                               .saved = &saved,
                               .silence = &silence,
                               .started_ns = clock_monotonic_ns() - 5 * CLOCK_NS_PER_S};
    return 0;
}

static int teardown(void **state)
{
    plant_stop(&plant);
    return 0;
}

static struct robot *add_robot(const char *name)
{
    struct diag diag = DIAG_INIT;
    struct robot *robot = fleet_add(&plant.fleet, name, &diag);
    if (!robot)
        fail_msg("%s", diag.text);
    return robot;
}

/* Strictly; the text is freed. */
static cJSON *parse(char *text)
{
    struct diag diag = DIAG_INIT;
    assert_non_null(text);
    cJSON *tree = json_parse(text, strlen(text), &diag);
    if (!tree)
        fail_msg("%s: %s", diag.text, text);
    free(text);
    return tree;
}

static const cJSON *at(const cJSON *tree, const char *path)
{
    char copy[96];
    snprintf(copy, sizeof copy, "%s", path);
    char *rest = copy;
    while (tree && rest)
        tree = cJSON_GetObjectItemCaseSensitive(tree, strsep(&rest, "."));
    if (!tree)
        fail_msg("no %s", path);
    return tree;
}

static const char *text_at(const cJSON *tree, const char *path)
{
    const cJSON *item = at(tree, path);
    assert_true(cJSON_IsString(item));
    return item->valuestring;
}

static void test_without_robots(void **state)
{
    cJSON *tree = parse(page_overview(&service, clock_monotonic_ns()));
    assert_string_equal(text_at(tree, "instance"), "cell7");
    assert_string_equal(text_at(tree, "state"), "online");
    assert_string_equal(text_at(tree, "broker.url"), "mqtt://h");
    assert_int_equal(at(tree, "uptime_s")->valuedouble, 5);
    assert_int_equal(cJSON_GetArraySize(at(tree, "robots")), 0);
    cJSON_Delete(tree);
}

static void test_a_broker_that_is_away(void **state)
{
    fake_client.online = false;
    fake_client.reason = "connection refused";
    cJSON *tree = parse(page_overview(&service, clock_monotonic_ns()));
    assert_string_equal(text_at(tree, "state"), "degraded");
    assert_string_equal(at(tree, "reasons")->child->valuestring, "broker");
    assert_string_equal(text_at(tree, "broker.reason"), "connection refused");
    cJSON_Delete(tree);
    bool works = false;
    tree = parse(page_health(&service, clock_monotonic_ns(), &works));
    assert_true(works);
    assert_string_equal(text_at(tree, "state"), "degraded");
    cJSON_Delete(tree);
}

/* Before the client was made; and a scorer that makes no progress. */
static void test_what_is_no_health(void **state)
{
    bool works = true;
    struct mqtt_client *client = plant.publisher.client;
    plant.publisher.client = NULL;
    service.troubles = 1U << SERVICE_SCORER;
    cJSON *tree = parse(page_health(&service, clock_monotonic_ns(), &works));
    assert_false(works);
    assert_string_equal(text_at(tree, "status"), "failing");
    assert_true(cJSON_IsNull(at(tree, "broker.reason")));
    cJSON_Delete(tree);
    plant.publisher.client = client;
}

static void test_a_new_robot(void **state)
{
    struct robot *robot = add_robot("kuka1");
    cJSON *tree = parse(page_robot(&service, robot, clock_monotonic_ns()));
    static const char *const nulls[] = {"robot.score", "robot.last_sample_age_s", "robot.rate_hz",
                                        "drift"};
    for (size_t i = 0; i < sizeof nulls / sizeof nulls[0]; i++)
        assert_true(cJSON_IsNull(at(tree, nulls[i])));
    assert_string_equal(text_at(tree, "robot.state"), "warming");
    assert_string_equal(text_at(tree, "model.name"), "one");
    assert_int_equal(at(tree, "model.channels")->valuedouble, 3);
    assert_int_equal(cJSON_GetArraySize(at(tree, "model.detectors")), 2);
    assert_true(cJSON_IsNull(at(at(tree, "model.detectors")->child, "score")));
    assert_int_equal(cJSON_GetArraySize(at(tree, "episodes")), 0);
    assert_int_equal(cJSON_GetArraySize(at(tree, "scores.values")), 0);
    assert_int_equal(cJSON_GetArraySize(at(tree, "counters.rejected")), 0);
    cJSON_Delete(tree);
}

static void test_scores(void **state)
{
    struct robot *robot = add_robot("kuka1");
    int64_t now_ns = 1000 * CLOCK_NS_PER_S;
    score_ring_push(&robot->scores, 0.51234567, now_ns - 3 * CLOCK_NS_PER_S);
    score_ring_push(&robot->scores, 1234.5, now_ns - CLOCK_NS_PER_S);
    score_ring_push(&robot->scores, 0, now_ns);
    cJSON *tree = parse(page_robot(&service, robot, now_ns));
    char *text = cJSON_PrintUnformatted(at(tree, "scores.values"));
    assert_string_equal(text, "[0.5123,null,1234,0]");
    double age_s = (double)clock_realtime_ns() / 1e9 - at(tree, "scores.t0")->valuedouble;
    assert_true(age_s > 2.5 && age_s < 30);
    cJSON_free(text);
    cJSON_Delete(tree);
}

static void publish(struct robot *robot, enum alert_transition transition)
{
    publisher_alert(&plant.publisher, robot, ALERT_SILENT, transition, clock_monotonic_ns());
}

/* Whatever is told of an episode afterwards, it says what was wrong. */
static void test_episodes(void **state)
{
    struct robot *robot = add_robot("kuka1");
    robot->last_arrival_ns = clock_monotonic_ns() - 60 * CLOCK_NS_PER_S;
    robot->silence = (struct alert_episode){.open = true, .started_ns = clock_realtime_ns()};
    publish(robot, ALERT_RAISED);
    cJSON *tree = parse(page_robot(&service, robot, clock_monotonic_ns()));
    const cJSON *episode = at(tree, "episodes")->child;
    assert_string_equal(text_at(episode, "state"), "raised");
    assert_string_equal(text_at(episode, "kind"), "silent");
    assert_true(cJSON_IsFalse(at(episode, "acked")) && cJSON_IsNull(at(episode, "verdict")));
    assert_true(cJSON_IsNull(at(episode, "ended")));
    char told[256];
    snprintf(told, sizeof told, "%s", text_at(episode, "text"));
    const cJSON *alert = at(tree, "robot.alerts")->child;
    assert_true(strlen(text_at(alert, "text")) > 5);
    assert_string_equal(text_at(alert, "alert_id"), text_at(episode, "alert_id"));
    cJSON_Delete(tree);

    robot->silence.open = false;
    robot->silence.ended_ns = clock_realtime_ns();
    publish(robot, ALERT_CLEARED);
    struct episode_log_entry *entry =
        episode_log_find(robot->episodes, robot->alerts[ALERT_SILENT].id);
    entry->acked = true;
    strcpy(entry->verdict, "maintenance");
    tree = parse(page_robot(&service, robot, clock_monotonic_ns()));
    assert_int_equal(cJSON_GetArraySize(at(tree, "episodes")), 1);
    episode = at(tree, "episodes")->child;
    assert_string_equal(text_at(episode, "state"), "cleared");
    assert_string_equal(text_at(episode, "text"), told);
    assert_true(strcmp(text_at(episode, "cleared_text"), told) != 0);
    assert_true(cJSON_IsTrue(at(episode, "acked")));
    assert_string_equal(text_at(episode, "verdict"), "maintenance");
    assert_int_equal(cJSON_GetArraySize(at(tree, "robot.alerts")), 0);
    cJSON_Delete(tree);
}

/* One that a run before has raised is there at once, and so is what was said of it. */
static void test_restored_episodes(void **state)
{
    struct robot *robot = add_robot("kuka1");
    robot->silence = (struct alert_episode){.open = true, .started_ns = clock_realtime_ns()};
    strcpy(robot->alerts[ALERT_SILENT].id, "0123");
    robot->alerts[ALERT_SILENT].ack.verdict = ROBOT_FALSE_ALARM;
    publisher_log_open(&plant.publisher, robot);
    cJSON *tree = parse(page_robot(&service, robot, clock_monotonic_ns()));
    assert_int_equal(cJSON_GetArraySize(at(tree, "episodes")), 1);
    assert_string_equal(text_at(at(tree, "episodes")->child, "alert_id"), "0123");
    assert_string_equal(text_at(at(tree, "episodes")->child, "verdict"), "false");
    assert_string_equal(text_at(at(tree, "episodes")->child, "state"), "raised");
    cJSON_Delete(tree);
}

static void test_episodes_are_counted_and_bounded(void **state)
{
    struct robot *robot = add_robot("kuka1");
    for (int i = 0; i < EPISODE_LOG_MAX + 10; i++) {
        robot->silence = (struct alert_episode){.open = true, .started_ns = i + 1};
        publish(robot, ALERT_RAISED);
        robot->silence.open = false;
        publish(robot, ALERT_CLEARED);
    }
    assert_int_equal(plant.publisher.episodes, EPISODE_LOG_MAX);
    assert_int_equal(robot->counters.raised[ALERT_SILENT][ALERT_INFO], EPISODE_LOG_MAX + 10);
    cJSON *tree = parse(page_robot(&service, robot, clock_monotonic_ns()));
    assert_int_equal(cJSON_GetArraySize(at(tree, "episodes")), EPISODE_LOG_MAX);
    assert_string_equal(text_at(at(tree, "episodes")->child, "alert_id"),
                        robot->alerts[ALERT_SILENT].id);
    cJSON_Delete(tree);
}

/* Half an answer is none. */
static void test_without_memory(void **state)
{
    struct robot *robot = add_robot("kuka1");
    bool works;
    out_of_memory = true;
    char *texts[] = {page_overview(&service, clock_monotonic_ns()),
                     page_robot(&service, robot, clock_monotonic_ns()),
                     page_health(&service, clock_monotonic_ns(), &works)};
    out_of_memory = false;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        assert_null(texts[i]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    log_set_level(LOG_LEVEL_ERROR);
    const struct CMUnitTest tests[] = {
        TEST(test_without_robots),
        TEST(test_a_broker_that_is_away),
        TEST(test_what_is_no_health),
        TEST(test_a_new_robot),
        TEST(test_scores),
        TEST(test_episodes),
        TEST(test_restored_episodes),
        TEST(test_episodes_are_counted_and_bounded),
        TEST(test_without_memory),
    };
    return cmocka_run_group_tests(tests, setup_models, fixture_teardown);
}
