#include "daemon/context.h"

#include "base/clock.h"
#include "base/log.h"
#include "daemon/silence.h"
#include "fake_client.h"
#include "fixture.h"
#include "plant.h"

static struct plant plant;
static struct config *other; /* a configuration that replaced the plant's, to be freed */

#define STATE "armwatch/robot/r/state"

static int setup_models(void **state)
{
    int r = fixture_setup(state);
    plant_set_directory(fixture_directory);
    plant_add_model(&(struct tiny_model){.name = "one"});
    return r;
}

static void start(const char *input)
{
    char more[256];
    snprintf(more, sizeof more, ",\"input\":{%s}", input);
    plant_start(&plant, "\"default\":\"one\"", more, NULL);
}

#define KUKA "\"gate\":{\"$OV_PRO\":{\"min\":99},\"$MODE_OP\":[\"#AUT\",\"#EX\"]}"

static int setup(void **state)
{
    start(KUKA);
    return 0;
}

static int setup_settling(void **state)
{
    start("\"gate\":{\"b\":{\"max\":5}},\"settle_s\":0.5");
    return 0;
}

static int teardown(void **state)
{
    plant_stop(&plant);
    config_free(other);
    other = NULL;
    return 0;
}

static struct robot *robot(void)
{
    struct robot *found = fleet_find(&plant.fleet, "r");
    assert_non_null(found);
    return found;
}

static unsigned number;

static void give(const char *signals)
{
    char text[240];
    number++;
    snprintf(text, sizeof text,
             "{\"time\":%.1f,\"seq\":%u,\"channels\":{\"a\":1,\"b\":1,\"c\":%u%s}}",
             1763917200 + 0.1 * number, number, number % 3, signals);
    plant_publish(&plant, "r", text);
}

static void give_often(int count, const char *signals)
{
    for (int i = 0; i < count; i++)
        give(signals);
}

#define GOOD ",\"$OV_PRO\":100,\"$MODE_OP\":\"#AUT\""
#define EXTERNAL ",\"$OV_PRO\":100,\"$MODE_OP\":\"#EX\""
#define SLOW ",\"$OV_PRO\":30,\"$MODE_OP\":\"#AUT\""
#define MANUAL ",\"$OV_PRO\":30,\"$MODE_OP\":\"#T1\""

static size_t rows(void)
{
    return history_valid_rows(&robot()->track.history);
}

static bool published_has(const char *reason)
{
    const struct fake_message *message = fake_client_last(STATE);
    assert_non_null(message);
    cJSON *tree = json_parse(message->payload, strlen(message->payload), NULL);
    const cJSON *item, *list = cJSON_GetObjectItem(tree, "reasons");
    bool has = false;
    cJSON_ArrayForEach(item, list) has |= !strcmp(item->valuestring, reason);
    cJSON_Delete(tree);
    return has;
}

/* As each tick does. Returns how many states were sent. */
static size_t publish(void)
{
    size_t before = fake_client.count;
    publisher_state(&plant.publisher, robot(), false, clock_monotonic_ns());
    return fake_client.count - before;
}

static void test_no_window_has_both_sides(void **state)
{
    give_often(6, GOOD);
    plant_wait_results(&plant, 3);
    uint64_t epoch = robot()->epoch;
    give(SLOW); /* too short for a gap */
    assert_true(robot()->gated);
    assert_int_equal(rows(), 0);
    assert_int_equal(robot()->counters.gated, 1);
    give(GOOD);
    assert_int_equal(rows(), 1);
    assert_true(robot()->epoch > epoch); /* the filter begins anew */
    give_often(3, GOOD);
    plant_wait_results(&plant, 4);
    assert_int_equal(plant.last.epoch, robot()->epoch);
    assert_false(robot()->gated);
}

static void test_another_allowed_mode(void **state)
{
    give_often(4, GOOD);
    uint64_t epoch = robot()->epoch;
    give(EXTERNAL);
    assert_int_equal(rows(), 1);
    assert_true(robot()->epoch > epoch);
    epoch = robot()->epoch;
    give(",\"$OV_PRO\":99.5,\"$MODE_OP\":\"#EX\""); /* within the range */
    assert_int_equal(rows(), 2);
    assert_int_equal(robot()->epoch, epoch);
    plant_wait_results(&plant, 1);
}

static void test_reasons(void **state)
{
    give(MANUAL);
    assert_int_equal(publish(), 1);
    assert_true(published_has("$OV_PRO 30"));
    assert_true(published_has("$MODE_OP #T1"));
    assert_false(published_has("mode unknown"));
    give("");
    assert_int_equal(publish(), 1);
    assert_true(published_has("$OV_PRO unknown"));
    assert_true(published_has("$MODE_OP unknown"));
    assert_false(published_has("$OV_PRO 30"));
    give(GOOD);
    assert_int_equal(publish(), 1);
    assert_false(published_has("$OV_PRO unknown"));
}

/* A number that changes with every sample is told once, when its condition ceases to hold. */
static void test_reasons_do_not_flood(void **state)
{
    give(GOOD);
    publish();
    size_t sent = 0;
    for (int i = 0; i < 50; i++) {
        char text[64];
        snprintf(text, sizeof text, ",\"$OV_PRO\":%d,\"$MODE_OP\":\"#AUT\"", 70 - i);
        give(text);
        sent += publish();
    }
    assert_int_equal(sent, 1);
    assert_true(published_has("$OV_PRO 70"));
}

static void test_settling(void **state)
{
    plant_publish(&plant, "r", "{\"time\":1,\"values\":[1,1,1]}"); /* the first needs none */
    assert_false(robot()->gated);
    plant_publish(&plant, "r", "{\"time\":1.1,\"values\":[1,9,1]}");
    assert_true(robot()->gated);
    for (int i = 0; i < 5; i++) {
        char text[64];
        snprintf(text, sizeof text, "{\"time\":%.1f,\"values\":[1,1,%d]}", 1.2 + 0.1 * i, i);
        plant_publish(&plant, "r", text);
        assert_true(robot()->gated);
    }
    publish();
    assert_true(published_has("settling"));
    assert_false(published_has("b 9"));
    plant_publish(&plant, "r", "{\"time\":1.7,\"values\":[1,1,7]}");
    assert_false(robot()->gated);
    assert_int_equal(rows(), 1);
    /* A clock that was set back holds nothing up. */
    plant_publish(&plant, "r", "{\"time\":1.8,\"values\":[1,9,1]}");
    plant_publish(&plant, "r", "{\"time\":1.9,\"values\":[1,1,1]}");
    plant_publish(&plant, "r", "{\"time\":0.1,\"values\":[1,1,1]}");
    assert_false(robot()->gated);
    /* The gate that closes meanwhile, and opens, begins it anew. */
    plant_publish(&plant, "r", "{\"time\":2.0,\"values\":[1,9,1]}");
    plant_publish(&plant, "r", "{\"time\":2.1,\"values\":[1,1,1]}");
    plant_publish(&plant, "r", "{\"time\":2.3,\"values\":[1,9,1]}");
    plant_publish(&plant, "r", "{\"time\":2.4,\"values\":[1,1,1]}");
    plant_publish(&plant, "r", "{\"time\":2.7,\"values\":[1,1,2]}");
    assert_true(robot()->gated);
}

/* Another gate counts from the next sample on; the robot has no reasons of the old one. */
static void test_another_gate(void **state)
{
    give(MANUAL);
    publish();
    other = plant.config;
    plant.config = plant_load_config("\"default\":\"one\"",
                                     ",\"input\":{\"gate\":{\"$OV_PRO\":{\"min\":10}}}");
    plant.publisher.config = plant.intake.config = plant.config;
    fleet_set_config(&plant.fleet, plant.config);
    config_free(other);
    other = NULL;
    assert_int_equal(publish(), 1);
    assert_false(published_has("$OV_PRO 30"));
    give(MANUAL);
    assert_false(robot()->gated);
    give(",\"$OV_PRO\":5");
    assert_true(robot()->gated);
}

/* ---- silence */

static size_t alerts_after(double quiet_s)
{
    struct silence silence = {.fleet = &plant.fleet, .publisher = &plant.publisher};
    int64_t now_ns = clock_monotonic_ns();
    silence_listen(&silence, true, now_ns - 1000 * CLOCK_NS_PER_S);
    silence_tick(&silence, 30, now_ns + (int64_t)(quiet_s * 1e9));
    return robot()->silence.open;
}

static void test_silence_behind_a_closed_gate(void **state)
{
    give(MANUAL);
    assert_int_equal(alerts_after(3600), 0);
    give("");
    assert_int_equal(alerts_after(3600), 0);
    give(GOOD);
    assert_int_equal(alerts_after(3600), 1);
    give(MANUAL);
    assert_false(robot()->silence.open);
}

/* ---- suspension */

static void suspend(int64_t for_ns)
{
    int64_t now_ns = clock_monotonic_ns();
    const struct suspension one = {.robot = "r", .until_ns = now_ns + for_ns, .reason = "gripper"};
    context_suspend(robot(), &one, now_ns);
}

static void test_suspended(void **state)
{
    give_often(4, GOOD);
    plant_wait_results(&plant, 1);
    suspend(3600 * CLOCK_NS_PER_S);
    uint64_t epoch = robot()->epoch;
    publish();
    const struct fake_message *message = fake_client_last(STATE);
    assert_non_null(strstr(message->payload, "\"state\":\"suspended\""));
    assert_non_null(strstr(message->payload, "\"reason\":\"gripper\""));
    give_often(4, GOOD);
    plant_wait_results(&plant, 5); /* scores go on */
    assert_int_equal(rows(), 4);
    assert_int_equal(alerts_after(3600), 0);
    int64_t end_ns = robot()->suspension.until_ns;
    assert_true(context_suspended(robot(), end_ns - 1));
    assert_int_equal(robot()->epoch, epoch);
    assert_false(context_suspended(robot(), end_ns));
    assert_int_equal(rows(), 0);
    assert_int_equal(robot()->muted_epoch, epoch);
    assert_true(robot()->epoch > epoch);
    publish();
    message = fake_client_last(STATE);
    assert_non_null(strstr(message->payload, "\"suspended\":null"));
}

/* A robot that was off for maintenance has its time anew, from the end on. */
static void test_silence_after_a_suspension(void **state)
{
    give(GOOD);
    suspend(3600 * CLOCK_NS_PER_S);
    context_suspend(robot(), NULL, clock_monotonic_ns() + 3600 * CLOCK_NS_PER_S);
    assert_false(robot()->suspended);
    assert_int_equal(alerts_after(3600 + 29), 0);
    assert_int_equal(alerts_after(3600 + 31), 1);
}

/* Of the episode that is open only its end is told. */
static void test_an_open_episode(void **state)
{
    give(GOOD);
    robot()->alert.episode = (struct alert_episode){.open = true, .severity = ALERT_WARNING};
    suspend(3600 * CLOCK_NS_PER_S);
    size_t before = fake_client.count;
    publisher_alert(&plant.publisher, robot(), ALERT_ANOMALY, ALERT_UPDATED, clock_monotonic_ns());
    assert_int_equal(fake_client.count, before);
    robot()->alert.episode.open = false;
    publisher_alert(&plant.publisher, robot(), ALERT_ANOMALY, ALERT_CLEARED, clock_monotonic_ns());
    assert_non_null(fake_client_last("armwatch/robot/r/alert"));
}

#define TEST(name, start) cmocka_unit_test_setup_teardown(name, start, teardown)

int main(void)
{
    log_set_level(LOG_LEVEL_ERROR);
    const struct CMUnitTest tests[] = {
        TEST(test_no_window_has_both_sides, setup),
        TEST(test_another_allowed_mode, setup),
        TEST(test_reasons, setup),
        TEST(test_reasons_do_not_flood, setup),
        TEST(test_settling, setup_settling),
        TEST(test_another_gate, setup),
        TEST(test_silence_behind_a_closed_gate, setup),
        TEST(test_suspended, setup),
        TEST(test_silence_after_a_suspension, setup),
        TEST(test_an_open_episode, setup),
    };
    return cmocka_run_group_tests(tests, setup_models, fixture_teardown);
}
