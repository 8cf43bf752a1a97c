#include "daemon/silence.h"

#include "base/clock.h"
#include "base/log.h"
#include "fake_client.h"
#include "fixture.h"
#include "plant.h"

#include <string.h>

#define SECOND CLOCK_NS_PER_S
#define SILENT_S 30.0

static struct plant plant;
static struct silence silence;
static int64_t now_ns;

static int setup_models(void **state)
{
    int r = fixture_setup(state);
    plant_set_directory(fixture_directory);
    plant_add_model(&(struct tiny_model){.name = "one"});
    return r;
}

static int setup(void **state)
{
    plant_start(&plant, "\"default\":\"one\"", "", NULL);
    silence = (struct silence){.fleet = &plant.fleet, .publisher = &plant.publisher};
    now_ns = clock_monotonic_ns();
    silence_listen(&silence, true, now_ns);
    return 0;
}

static int teardown(void **state)
{
    plant_stop(&plant);
    return 0;
}

/* The clock of the test is ahead of the real one: what arrives, arrives now. */
static struct robot *hear(const char *name)
{
    plant_publish(&plant, name, "[1,2,3]");
    struct robot *robot = fleet_find(&plant.fleet, name);
    robot->last_arrival_ns = now_ns;
    return robot;
}

/* Seconds pass, tick by tick. */
static void pass(double seconds)
{
    for (double t = 0; t < seconds - 1e-6; t += 0.25) {
        now_ns += SECOND / 4;
        silence_tick(&silence, SILENT_S, now_ns);
    }
}

static size_t count_open(void)
{
    size_t open = 0;
    for (size_t i = 0; i < plant.fleet.count; i++)
        open += plant.fleet.robot[i]->silence.open;
    return open;
}

static cJSON *last_alert(const char *robot)
{
    char topic[96];
    snprintf(topic, sizeof topic, "armwatch/robot/%s/alert", robot);
    const struct fake_message *message = fake_client_last(topic);
    if (!message)
        return NULL;
    cJSON *tree = json_parse(message->payload, strlen(message->payload), NULL);
    assert_non_null(tree);
    return tree;
}

static void expect_alert(const char *robot, const char *state, const char *start_of_text)
{
    cJSON *tree = last_alert(robot);
    assert_non_null(tree);
    const cJSON *data = cJSON_GetObjectItemCaseSensitive(tree, "data");
    const struct {
        const char *key, *value;
    } texts[] = {{"state", state}, {"kind", "silent"}, {"severity", "info"}};
    for (size_t i = 0; i < 3; i++)
        assert_string_equal(cJSON_GetObjectItemCaseSensitive(data, texts[i].key)->valuestring,
                            texts[i].value);
    const char *text = cJSON_GetObjectItemCaseSensitive(data, "text")->valuestring;
    if (strncmp(text, start_of_text, strlen(start_of_text)) != 0)
        fail_msg("%s", text);
    assert_true(cJSON_IsNull(cJSON_GetObjectItemCaseSensitive(data, "score")));
    cJSON_Delete(tree);
}

static void test_a_robot_that_falls_silent(void **state)
{
    struct robot *robot = hear("r");
    pass(29.5);
    assert_false(robot->silence.open);
    pass(0.75);
    assert_true(robot->silence.open);
    assert_true(robot_states(robot, now_ns) & 1U << ROBOT_ALERT);
    expect_alert("r", "raised", "r is silent: no sample for 30 s");
    pass(300);
    assert_int_equal(robot->counters.alerts, 1); /* one episode */
    hear("r");
    assert_false(robot->silence.open);
    expect_alert("r", "cleared", "r sends samples again");
    /* Heard once a second it stays quiet about it. */
    for (int i = 0; i < 100; i++) {
        hear("r");
        pass(1);
    }
    assert_int_equal(robot->counters.alerts, 1);
    pass(31);
    assert_int_equal(robot->counters.alerts, 2);
}

/* Nothing can be heard without a broker; what was missed meanwhile is not silence. */
static void test_the_time_runs_only_while_listening(void **state)
{
    struct robot *robot = hear("r");
    pass(20);
    silence_listen(&silence, false, now_ns);
    pass(600);
    assert_false(robot->silence.open);
    silence_listen(&silence, true, now_ns);
    pass(29.5);
    assert_false(robot->silence.open);
    pass(1);
    assert_true(robot->silence.open);
    expect_alert("r", "raised", "r is silent: no sample for 30 s");
}

static const char *const names[] = {"a", "b", "c", "d", "e"};

static void test_most_of_them_together_are_one_trouble(void **state)
{
    for (int i = 0; i < 5; i++)
        hear(names[i]);
    pass(10);
    hear("a"); /* two still send, three do not */
    hear("b");
    pass(10);
    hear("a");
    hear("b");
    pass(20);
    assert_true(silence.together);
    assert_int_equal(count_open(), 0);
    pass(15); /* a and b fall silent too, later: nothing is raised while it lasts */
    assert_int_equal(count_open(), 0);
    /* They come back one after the other, but for one. */
    for (int i = 0; i < 4; i++) {
        pass(0.5);
        hear(names[i]);
    }
    pass(0.5);
    assert_false(silence.together);
    for (int i = 0; i < 25; i++) {
        for (int n = 0; n < 4; n++)
            hear(names[n]);
        pass(1);
    }
    assert_int_equal(count_open(), 0);
    for (int i = 0; i < 10; i++) {
        for (int n = 0; n < 4; n++)
            hear(names[n]);
        pass(1);
    }
    assert_int_equal(count_open(), 1);
    assert_true(fleet_find(&plant.fleet, "e")->silence.open);
    /* Its time began anew when the others came back, but it could be heard all along. */
    expect_alert("e", "raised", "e is silent: no sample for 87 s");
}

/* That the broker is back says nothing about those that were silent before it went. */
static void test_together_outlasts_an_outage(void **state)
{
    for (int i = 0; i < 5; i++)
        hear(names[i]);
    pass(31);
    assert_true(silence.together);
    silence_listen(&silence, false, now_ns);
    pass(60);
    silence_listen(&silence, true, now_ns);
    for (int second = 0; second < 60; second++) {
        pass(1);
        assert_true(silence.together);
    }
    assert_int_equal(count_open(), 0);
    for (int i = 0; i < 5; i++)
        hear(names[i]);
    pass(0.25);
    assert_false(silence.together);
}

/* If they were only not heard, it ends once that is known. */
static void test_together_ends_after_an_outage(void **state)
{
    for (int i = 0; i < 5; i++)
        hear(names[i]);
    pass(31);
    silence_listen(&silence, false, now_ns);
    silence_listen(&silence, true, now_ns);
    for (int second = 0; second < 16; second++) {
        for (int i = 0; i < 5; i++)
            hear(names[i]);
        pass(1);
    }
    assert_false(silence.together);
    assert_int_equal(count_open(), 0);
}

static void test_one_after_the_other_is_not_together(void **state)
{
    for (int i = 0; i < 5; i++)
        hear(names[i]);
    for (int quiet = 1; quiet <= 4; quiet++) {
        for (int second = 0; second < 32; second++) {
            for (int i = quiet; i < 5; i++)
                hear(names[i]);
            pass(1);
        }
        assert_int_equal(count_open(), quiet);
    }
    assert_false(silence.together);
}

/* Two of two, or of three, are two alerts. */
static void test_two_are_not_many(void **state)
{
    hear("a");
    hear("b");
    pass(31);
    assert_int_equal(count_open(), 2);
    assert_false(silence.together);
}

static void test_a_retained_state_tells_it(void **state)
{
    hear("r");
    pass(31);
    const struct fake_message *message = fake_client_last("armwatch/robot/r/state");
    assert_non_null(message);
    assert_true(message->retained);
    if (!strstr(message->payload, "\"kind\":\"silent\""))
        fail_msg("%s", message->payload);
    hear("r");
    message = fake_client_last("armwatch/robot/r/state");
    if (!strstr(message->payload, "\"alerts\":[]"))
        fail_msg("%s", message->payload);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    log_set_level(LOG_LEVEL_ERROR);
    const struct CMUnitTest tests[] = {
        TEST(test_a_robot_that_falls_silent),
        TEST(test_the_time_runs_only_while_listening),
        TEST(test_most_of_them_together_are_one_trouble),
        TEST(test_together_outlasts_an_outage),
        TEST(test_together_ends_after_an_outage),
        TEST(test_one_after_the_other_is_not_together),
        TEST(test_two_are_not_many),
        TEST(test_a_retained_state_tells_it),
    };
    return cmocka_run_group_tests(tests, setup_models, fixture_teardown);
}
