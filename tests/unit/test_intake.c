#include "base/clock.h"
#include "base/log.h"
#include "fake_client.h"
#include "fixture.h"
#include "plant.h"

#include <string.h>

static struct plant plant;

/* In health channel a and b never repeat a value together, nor do all. */
static void add_runs(cJSON *config)
{
    cJSON *group = cJSON_CreateObject();
    cJSON_AddStringToObject(group, "name", "arm");
    cJSON_AddNumberToObject(group, "longest_run", 1);
    cJSON_AddItemToArray(cJSON_AddArrayToObject(config, "groups"), group);
    cJSON_AddNumberToObject(config, "longest_run", 1);
}

static int setup_models(void **state)
{
    int r = fixture_setup(state);
    plant_set_directory(fixture_directory);
    plant_add_model(&(struct tiny_model){.name = "one"});
    plant_add_model(&(struct tiny_model){.name = "short", .window = {1}});
    plant_add_model(&(struct tiny_model){.name = "runs", .channels = 6, .edit = add_runs});
    return r;
}

static int setup(void **state)
{
    plant_start(&plant, "\"default\":\"one\"",
                ",\"topics\":{\"samples\":[\"armwatch/robot/{robot}/sample\",\"cell/{robot}\"]}",
                NULL);
    return 0;
}

static int teardown(void **state)
{
    plant_stop(&plant);
    return 0;
}

static bool deliver(const char *topic, const char *payload, bool retained)
{
    const struct mqtt_message message = {
        .topic = topic, .payload = payload, .size = strlen(payload), .retained = retained};
    return intake_message(&plant.intake, &message);
}

static struct robot *robot(void)
{
    struct robot *found = fleet_find(&plant.fleet, "r");
    assert_non_null(found);
    return found;
}

static void test_topics(void **state)
{
    static const char *const foreign[] = {
        "",
        "armwatch/robot/r",
        "armwatch/robot/r/sample/x",
        "armwatch/robot/r/samples",
        "armwatch/robot/a/b/sample",
        "cell",
        "cell/a/b",
        "cells/r",
    };
    for (size_t i = 0; i < sizeof foreign / sizeof foreign[0]; i++) {
        if (deliver(foreign[i], "[1,2,3]", false))
            fail_msg("%s was taken", foreign[i]);
    }
    assert_int_equal(plant.intake.samples, 0);
    static const char *const unnamed[] = {
        "armwatch/robot//sample", "armwatch/robot/a b/sample", "armwatch/robot/../sample", "cell/",
        "cell/12345678901234567890123456789012345678901234567890123456789012345"};
    for (size_t i = 0; i < sizeof unnamed / sizeof unnamed[0]; i++) {
        if (!deliver(unnamed[i], "[1,2,3]", false))
            fail_msg("%s was not taken", unnamed[i]);
    }
    assert_int_equal(plant.intake.invalid_names, 5);
    assert_int_equal(plant.fleet.count, 0);
    assert_true(deliver("armwatch/robot/r/sample", "[1,2,3]", false));
    assert_true(deliver("cell/r", "[1,2,3]", false));
    assert_true(deliver("cell/r2", "[1,2,3]", false));
    assert_int_equal(plant.fleet.count, 2);
    assert_int_equal(robot()->counters.received, 2);
    assert_int_equal(plant.intake.samples, 8);
}

static void test_windows_from_the_fourth_row_on(void **state)
{
    for (unsigned i = 0; i < 10; i++)
        plant_sample(&plant, "r", i, 2);
    plant_wait_results(&plant, 7);
    assert_int_equal(plant.scored, 7);
    assert_int_equal(plant.last.score.seq, 9);
    assert_int_equal(plant.last.score.time_ns, INT64_C(1763917200900) * CLOCK_NS_PER_MS);
    assert_true(plant.last.score.detector[0].score == 4);
    assert_int_equal(robot()->counters.windows, 7);
    assert_int_equal(robot()->pending, 0);
}

static void test_a_refused_sample_is_in_no_window(void **state)
{
    for (unsigned i = 0; i < 6; i++)
        plant_sample(&plant, "r", i, 1);
    plant_publish(&plant, "r", "{\"seq\":6,\"values\":[1,2]}");
    plant_publish(&plant, "r", "{\"seq\":7,\"values\":[1,2,null]}");
    plant_publish(&plant, "r", "x");
    for (unsigned i = 8; i < 12; i++)
        plant_sample(&plant, "r", i, 1);
    plant_wait_results(&plant, 3 + 1);
    const struct robot_counters *counters = &robot()->counters;
    assert_int_equal(counters->rejected[SAMPLE_WRONG_COUNT], 1);
    assert_int_equal(counters->rejected[SAMPLE_NOT_A_NUMBER], 1);
    assert_int_equal(counters->rejected[SAMPLE_MALFORMED], 1);
    assert_int_equal(plant.intake.rejected, 3);
    assert_int_equal(counters->received, 13);
    assert_int_equal(plant.last.score.seq, 11);
    plant_publish(&plant, "r", "{\"seq\":12,\"values\":[1,1e30,1]}");
    assert_int_equal(counters->rejected[SAMPLE_OUT_OF_RANGE], 1);
    for (unsigned i = 12; i < 16; i++)
        plant_sample(&plant, "r", i, 1);
    plant_wait_results(&plant, 3 + 1 + 1);
    /* The numbers go on as if nothing had been between them. */
    plant_publish(&plant, "r", "x");
    for (unsigned i = 16; i < 19; i++)
        plant_sample(&plant, "r", i, 1);
    assert_int_equal(robot()->pending, 0);
    plant_sample(&plant, "r", 19, 1);
    plant_wait_results(&plant, 3 + 1 + 1 + 1);
}

static void test_counters_add_up_to_the_input(void **state)
{
    plant_sample(&plant, "r", 1, 1);
    plant_sample(&plant, "r", 1, 1);
    plant_sample(&plant, "r", 3, 1);
    plant_sample(&plant, "r", 2, 1);
    plant_publish(&plant, "r", "{\"mode\":\"t1\",\"values\":[1,2,3]}");
    plant_publish(&plant, "r", "");
    assert_true(deliver("armwatch/robot/r/sample", "[1,2,3]", true));
    const struct robot_counters *c = &robot()->counters;
    assert_int_equal(c->received, 7);
    assert_int_equal(c->duplicates, 1);
    assert_int_equal(c->late, 1);
    assert_int_equal(c->missing, 1); /* that it came late was not known yet */
    assert_int_equal(c->gated, 1);
    assert_int_equal(c->retained, 1);
    assert_int_equal(c->rejected[SAMPLE_EMPTY], 1);
    assert_int_equal(robot()->arrivals, 2);
}

static double coverage(void)
{
    return robot_coverage_1h(robot(), clock_monotonic_ns());
}

/* Nobody may think that what did not come was judged. */
static void test_lost_samples_are_not_covered(void **state)
{
    for (unsigned i = 0; i < 100; i++)
        plant_sample(&plant, "r", i, 1);
    for (unsigned i = 4000; i < 4100; i++)
        plant_sample(&plant, "r", i, 1);
    assert_int_equal(robot()->counters.missing, 3900);
    assert_int_equal(robot()->counters.gaps, 1);
    /* The plant counts what was not judged, 3 rows at each start, but no results. */
    plant_wait_results(&plant, 2 * 97);
    assert_true(coverage() == 0);
    uint64_t due = 0;
    for (size_t i = 0; i < ROBOT_COVERAGE_MINUTES; i++)
        due += robot()->coverage[i].expected;
    assert_int_equal(due, 3900 + 2 * 3);
    assert_true(robot_has_trouble(robot(), ROBOT_MISSING, clock_monotonic_ns()));
}

static void test_a_pause_that_was_stale_is_no_trouble(void **state)
{
    plant_sample(&plant, "r", 0, 1);
    robot()->stale = true;
    plant_sample(&plant, "r", 40, 1);
    assert_false(robot()->stale);
    assert_int_equal(robot()->counters.missing, 39);
    assert_false(robot_has_trouble(robot(), ROBOT_MISSING, clock_monotonic_ns()));
}

static void publish_at(double time)
{
    char text[80];
    snprintf(text, sizeof text, "{\"time\":%.3f,\"values\":[1,1,1]}", time);
    plant_publish(&plant, "r", text);
}

/* Without numbers: short steps tell what is missing; a long one may be a clock that was set, and
 * the loop's own has not seen so much time pass. */
static void test_missing_by_time(void **state)
{
    publish_at(1763917200);
    publish_at(1763917200.1);
    publish_at(1763917200.4);
    assert_int_equal(robot()->counters.missing, 2);
    publish_at(1863917200);
    publish_at(1763917200);
    assert_in_range(robot()->counters.missing, 2, 2 + 600);
}

/* Sent at once, so only the source's own times can tell. */
static void publish_rate(const char *name, bool numbered, double step)
{
    for (int i = 0; i < 120; i++) {
        char text[160], seq[32] = "";
        if (numbered)
            snprintf(seq, sizeof seq, "\"seq\":%d,", i);
        snprintf(text, sizeof text, "{\"time\":%.3f,%s\"values\":[1,1,1]}", 1763917200 + step * i,
                 seq);
        plant_publish(&plant, name, text);
    }
}

static void test_another_rate(void **state)
{
    static const struct {
        const char *name;
        bool numbered;
        double step;
        bool off;
    } cases[] = {
        {"ok", true, 0.1, false},    {"slow", true, 0.11, true}, {"fast", true, 0.09, true},
        {"bare", false, 0.11, true}, {"ten", false, 1, true},
    };
    size_t windows = 0;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        publish_rate(cases[i].name, cases[i].numbered, cases[i].step);
        struct robot *robot = fleet_find(&plant.fleet, cases[i].name);
        if (robot_has_trouble(robot, ROBOT_RATE, clock_monotonic_ns()) != cases[i].off)
            fail_msg("%s: %d, period %g", cases[i].name, robot->rate.off, robot->rate.period_s);
        windows += cases[i].step > 0.5 ? 0 : 117;
    }
    plant_wait_results(&plant, windows); /* and what can be scored is */
}

static void test_a_source_that_repeats_itself(void **state)
{
    for (unsigned i = 0; i < 60; i++)
        plant_sample(&plant, "r", i, 1);
    int64_t heard_ns = robot()->last_arrival_ns;
    for (unsigned i = 0; i < 500; i++)
        plant_sample(&plant, "r", 59, 1);
    plant_wait_results(&plant, 57);
    assert_int_equal(robot()->last_arrival_ns, heard_ns);
    assert_int_equal(robot()->counters.duplicates, 500);
    assert_true(robot_has_trouble(robot(), ROBOT_DUPLICATES, clock_monotonic_ns()));
    plant_sample(&plant, "r", 58, 1); /* nor is an old one */
    assert_int_equal(robot()->last_arrival_ns, heard_ns);
    assert_false(robot_has_trouble(robot(), ROBOT_LATE, clock_monotonic_ns()));
    plant_publish(&plant, "r", "x"); /* but whoever sends nonsense is there */
    assert_true(robot()->last_arrival_ns > heard_ns);
}

static void publish_mode(unsigned seq, const char *mode)
{
    char text[120];
    snprintf(text, sizeof text, "{\"time\":%.1f,\"seq\":%u,\"mode\":\"%s\",\"values\":[1,1,1]}",
             1763917200 + 0.1 * seq, seq, mode);
    plant_publish(&plant, "r", text);
}

static void test_the_gate(void **state)
{
    for (unsigned i = 0; i < 5; i++)
        publish_mode(i, "auto");
    publish_mode(5, "t1");
    assert_true(robot()->gated);
    for (unsigned i = 6; i < 10; i++)
        publish_mode(i, "auto");
    assert_false(robot()->gated);
    plant_wait_results(&plant, 2 + 1);
}

static void test_a_gap_begins_a_new_epoch(void **state)
{
    plant_sample(&plant, "r", 0, 1);
    uint64_t epoch = robot()->epoch;
    assert_int_equal(robot()->counters.gaps, 0);
    plant_sample(&plant, "r", 1, 1);
    assert_int_equal(robot()->epoch, epoch);
    plant_sample(&plant, "r", 100, 1);
    assert_int_equal(robot()->epoch, epoch + 1);
    assert_int_equal(robot()->counters.gaps, 1);
    for (unsigned i = 101; i < 104; i++)
        plant_sample(&plant, "r", i, 1);
    plant_wait_results(&plant, 1);
    assert_int_equal(plant.last.epoch, epoch + 1);
}

/* Without numbers, arrivals are counted; without times, the clock is asked. */
static void test_bare_arrays(void **state)
{
    for (int i = 0; i < 5; i++)
        plant_publish(&plant, "r", "[1,1,1]");
    plant_wait_results(&plant, 2);
    assert_int_equal(plant.last.score.seq, 5);
    int64_t age_ns = clock_realtime_ns() - plant.last.score.time_ns;
    assert_in_range(age_ns, 0, 60 * CLOCK_NS_PER_S);
}

/* Samples without a time go on over each step, those with one have no part in it. */
static void test_the_clock_of_the_host_is_set(void **state)
{
    static const int64_t steps_ms[] = {3600000, -3600000, 400000000000, -500}; /* the last: none */
    int64_t wall_ns = clock_realtime_ns();
    plant_publish(&plant, "r", "[1,1,1]");
    plant_sample(&plant, "dated", 0, 1);
    for (unsigned i = 0; i < 4; i++) {
        wall_ns += steps_ms[i] * CLOCK_NS_PER_MS;
        intake_tick(&plant.intake, wall_ns, clock_monotonic_ns());
        plant_publish(&plant, "r", "[1,1,1]");
        plant_sample(&plant, "dated", i + 1, 1);
    }
    plant_wait_results(&plant, 2 * 2);
    assert_int_equal(plant.intake.clock.jumps, 3);
    const struct robot *dated = fleet_find(&plant.fleet, "dated");
    assert_int_equal(dated->counters.windows, 2);
    assert_int_equal(robot()->counters.windows, 2);
    assert_int_equal(robot()->counters.late + robot()->counters.gaps, 0);
    /* The newest one has the time that the host's clock was set to. */
    assert_in_range(robot()->track.history.last_time_ns - wall_ns, 0, 60 * CLOCK_NS_PER_S);
}

static void test_epochs_and_their_causes(void **state)
{
    for (unsigned i = 0; i < 5; i++)
        plant_sample(&plant, "r", 1000 + i, 1);
    for (unsigned i = 0; i < 5; i++)
        plant_sample(&plant, "r", i, 1); /* counts anew, and its clock was set back */
    for (unsigned i = 0; i < 5; i++)
        plant_sample(&plant, "r", 100 + i, 1);
    plant_wait_results(&plant, 3 * 2);
    assert_int_equal(robot()->counters.restarts, 1);
    assert_int_equal(robot()->counters.gaps, 1);
    assert_int_equal(robot()->counters.missing, 95);
}

/* Ordered by its own clock all the same. */
static void test_a_time_in_the_future(void **state)
{
    int64_t now_ns = clock_monotonic_ns();
    double ahead = (double)host_clock_ns(&plant.intake.clock, now_ns) / 1e9;
    for (int i = 0; i < 4; i++)
        publish_at(ahead + 4 - 0.1 * (4 - i));
    assert_false(robot_has_trouble(robot(), ROBOT_CLOCK, clock_monotonic_ns()));
    assert_true(robot()->clock_skew_s > -60 && robot()->clock_skew_s < 4);
    for (int i = 0; i < 8; i++)
        publish_at(ahead + 3600 + 0.1 * i);
    plant_wait_results(&plant, 1 + 5);
    assert_true(robot_has_trouble(robot(), ROBOT_CLOCK, clock_monotonic_ns()));
    assert_true(robot()->clock_skew_s > 3540 && robot()->clock_skew_s < 3601);
    plant_publish(&plant, "bare", "[1,1,1]");
    assert_false(fleet_find(&plant.fleet, "bare")->dated);
}

static int setup_short(void **state)
{
    plant_start(&plant, "\"default\":\"short\"", ",\"robots\":{\"max\":2}", NULL);
    return 0;
}

/* The loop does not turn, so nothing comes back: one robot fills its share and no other's. */
static void test_a_flooding_robot_fills_its_share(void **state)
{
    for (unsigned i = 0; i < SCORER_PENDING_PER_ROBOT + 5; i++)
        plant_sample(&plant, "r", i, 1);
    assert_int_equal(robot()->pending, SCORER_PENDING_PER_ROBOT);
    assert_int_equal(robot()->counters.overload, 5);
    assert_true(robot_has_trouble(robot(), ROBOT_OVERLOAD, clock_monotonic_ns()));
    plant_sample(&plant, "other", 0, 1);
    plant_wait_results(&plant, SCORER_PENDING_PER_ROBOT + 1);
    plant_sample(&plant, "r", 1000, 1);
    plant_wait_results(&plant, SCORER_PENDING_PER_ROBOT + 2);
    assert_int_equal(plant.scored, plant.results);
}

static void test_robots_beyond_the_limit(void **state)
{
    for (int i = 0; i < 3; i++)
        for (char name = 'a'; name <= 'e'; name++)
            plant_publish(&plant, (char[]){name, '\0'}, "[1,2,3]");
    assert_int_equal(plant.fleet.count, 2);
    assert_int_equal(plant.intake.unknown, 9);
    assert_int_equal(plant.intake.samples, 15);
}

static int setup_runs(void **state)
{
    plant_start(&plant, "\"default\":\"runs\"", "", NULL);
    return 0;
}

/* Each of the six values changes whose bit is set. */
static void publish_changing(unsigned seq, unsigned changing)
{
    static double value[6];
    char text[200];
    for (int c = 0; c < 6; c++)
        value[c] = changing & 1U << c ? 0.001 * seq + 0.1 * c : value[c];
    snprintf(text, sizeof text, "{\"time\":%.1f,\"seq\":%u,\"values\":[%g,%g,%g,%g,%g,%g]}",
             1763917200 + 0.1 * seq, seq, value[0], value[1], value[2], value[3], value[4],
             value[5]);
    plant_publish(&plant, "r", text);
}

static const char *alert_payload(void)
{
    const struct fake_message *message = fake_client_last("armwatch/robot/r/alert");
    assert_non_null(message);
    return message ? message->payload : "";
}

static void expect_in(const char *text, const char *part)
{
    assert_non_null(text);
    if (text && !strstr(text, part))
        fail_msg("no %s in %s", part, text);
}

static void test_a_sensor_that_stands_still(void **state)
{
    unsigned seq = 0;
    while (seq < 6)
        publish_changing(seq++, 0x3f);
    plant_wait_results(&plant, 3);
    publish_changing(seq++, 0x3c);
    assert_null(fake_client_last("armwatch/robot/r/alert"));
    publish_changing(seq++, 0x3c); /* the third row with the same a and b */
    assert_true(robot()->fault.episode.open);
    const char *text = alert_payload();
    expect_in(text, "\"kind\":\"sensor_fault\"");
    expect_in(text,
              "\"text\":\"arm stands still while the arm moves (2 channels flat for 0.2 s)\"");
    expect_in(text, "\"detectors\":[],\"score\":null,\"peak_score\":null,\"p_value\":null");
    expect_in(text, "\"channels\":[{\"name\":\"a\",\"unit\":\"deg/s\",\"share\":0.5,"
                    "\"observed\":0.005,\"expected\":null,\"z\":null},{\"name\":\"b\"");
    expect_in(text, "\"groups\":[{\"name\":\"arm\",\"share\":1}]");
    expect_in(fake_client_last("armwatch/robot/r/state")->payload, "\"kind\":\"sensor_fault\"");
    for (int i = 0; i < 10; i++)
        publish_changing(seq++, 0x3c);
    assert_int_equal(robot()->counters.faulty, 11);
    plant_wait_results(&plant, 4); /* none since the verdict */
    for (int i = 0; i < 20; i++)
        publish_changing(seq++, 0x3f);
    assert_true(robot()->fault.episode.open);
    publish_changing(seq++, 0x3f);
    assert_false(robot()->fault.episode.open);
    expect_in(alert_payload(), "\"text\":\"arm varies again after 3.3 s\"");
    plant_wait_results(&plant, 4 + 21 - 3);
    assert_int_equal(robot()->counters.alerts, 1);
}

static void test_a_stopped_robot_is_not_judged(void **state)
{
    unsigned seq = 0;
    while (seq < 6)
        publish_changing(seq++, 0x3f);
    for (int i = 0; i < 50; i++)
        publish_changing(seq++, 0);
    assert_true(robot_states(robot(), clock_monotonic_ns()) & 1U << ROBOT_STOPPED);
    assert_int_equal(robot()->counters.stopped, 49);
    assert_null(fake_client_last("armwatch/robot/r/alert"));
    plant_wait_results(&plant, 3 + 1);
    publish_changing(seq++, 0x3f);
    assert_false(robot()->stopped);
    for (int i = 0; i < 3; i++)
        publish_changing(seq++, 0x3f);
    plant_wait_results(&plant, 3 + 1 + 1);
}

#define TEST(name, start) cmocka_unit_test_setup_teardown(name, start, teardown)

int main(void)
{
    log_set_level(LOG_LEVEL_ERROR);
    const struct CMUnitTest tests[] = {
        TEST(test_topics, setup),
        TEST(test_windows_from_the_fourth_row_on, setup),
        TEST(test_a_refused_sample_is_in_no_window, setup),
        TEST(test_counters_add_up_to_the_input, setup),
        TEST(test_lost_samples_are_not_covered, setup),
        TEST(test_a_pause_that_was_stale_is_no_trouble, setup),
        TEST(test_missing_by_time, setup),
        TEST(test_another_rate, setup),
        TEST(test_a_source_that_repeats_itself, setup),
        TEST(test_the_gate, setup),
        TEST(test_a_gap_begins_a_new_epoch, setup),
        TEST(test_bare_arrays, setup),
        TEST(test_epochs_and_their_causes, setup),
        TEST(test_a_time_in_the_future, setup),
        TEST(test_the_clock_of_the_host_is_set, setup),
        TEST(test_a_flooding_robot_fills_its_share, setup_short),
        TEST(test_robots_beyond_the_limit, setup_short),
        TEST(test_a_sensor_that_stands_still, setup_runs),
        TEST(test_a_stopped_robot_is_not_judged, setup_runs),
    };
    return cmocka_run_group_tests(tests, setup_models, fixture_teardown);
}
