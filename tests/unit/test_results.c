/* What comes of a scored window: whose it is, what it counts, and when it raises. */
#include "daemon/results.h"

#include "base/clock.h"
#include "base/log.h"
#include "fake_client.h"
#include "fixture.h"
#include "plant.h"

#include <math.h>

#define ALERT "armwatch/robot/r/alert"
#define LATENCY_NS (3 * CLOCK_NS_PER_MS)

static struct plant plant;
static struct robot *robot;
static struct evidence evidence; /* keeps nothing */
static struct latency latency;
static struct partitions partitions; /* none is ours */
static struct results results;
static unsigned windows;

static int setup_models(void **state)
{
    int r = fixture_setup(state);
    plant_set_directory(fixture_directory);
    plant_add_model(&(struct tiny_model){.name = "one"});
    plant_add_model(&(struct tiny_model){.name = "two", .detectors = 2});
    return r;
}

static void start(const char *models)
{
    struct diag diag = DIAG_INIT;
    plant_start(&plant, models, ",\"scores\":{\"rate_hz\":-1}", NULL);
    robot = fleet_add(&plant.fleet, "r", &diag);
    assert_non_null(robot);
    robot->epoch = 1;
    robot->score = -1;
    latency = (struct latency){.sum_ns = 0};
    results = (struct results){.fleet = &plant.fleet,
                               .publisher = &plant.publisher,
                               .evidence = &evidence,
                               .latency = &latency};
    windows = 0;
}

static int setup(void **state)
{
    start("\"default\":\"one\"");
    return 0;
}

static int setup_two(void **state)
{
    start("\"default\":\"two\"");
    return 0;
}

static int teardown(void **state)
{
    plant_stop(&plant);
    return 0;
}

/* The next window of the robot's present rows: ratio times the threshold of each detector. */
static struct scorer_result next(double ratio)
{
    int64_t now_ns = clock_monotonic_ns();
    struct scorer_result result = {.robot = robot->number,
                                   .epoch = robot->epoch,
                                   .scored = true,
                                   .received_ns = now_ns - LATENCY_NS,
                                   .scored_ns = now_ns};
    windows++;
    result.score.time_ns = windows * CLOCK_NS_PER_S / 10;
    result.score.seq = windows;
    result.score.detectors = robot->alert.detectors;
    for (size_t d = 0; d < robot->alert.detectors; d++) {
        result.score.detector[d].score = ratio * robot->alert.trigger[d].threshold;
        result.score.detector[d].evaluated = true;
    }
    return result;
}

static void take(const struct scorer_result *result)
{
    robot->pending++;
    results_handlers.on_result(&results, result);
    assert_int_equal(robot->pending, 0);
}

static void take_windows(int count, double ratio)
{
    for (int i = 0; i < count; i++) {
        struct scorer_result result = next(ratio);
        take(&result);
    }
}

static void expect(uint64_t scored, uint64_t alerts)
{
    assert_int_equal(robot->counters.scored, scored);
    assert_int_equal(robot->counters.alerts, alerts);
    assert_int_equal(fake_client_last(ALERT) != NULL, alerts > 0);
}

static void test_a_score(void **state)
{
    take_windows(1, 0.5);
    expect(1, 0);
    assert_true(fabs(robot->score - 0.5) < 1e-9);
    assert_true(fabs(robot->detector_score[0] - 0.5 * robot->alert.trigger[0].threshold) < 1e-9);
    assert_true(robot->scored);
    assert_int_equal(robot->counters.evaluated, 1);
    assert_true(latency.sum_ns == LATENCY_NS);
    assert_non_null(fake_client_last("armwatch/robot/r/score"));
}

static void test_the_largest_ratio_of_several(void **state)
{
    struct scorer_result result = next(0.25);
    result.score.detector[1].score *= 3;
    take(&result);
    assert_true(fabs(robot->score - 0.75) < 1e-9);
    result = next(0.25);
    result.score.detector[1].evaluated = false;
    take(&result);
    assert_true(fabs(robot->score - 0.25) < 1e-9);
    assert_true(robot->detector_score[1] < 0);
}

/* Three of five windows. */
static void test_an_alert(void **state)
{
    take_windows(2, 2);
    expect(2, 0);
    take_windows(1, 2);
    expect(3, 1);
    assert_true(robot->alert.episode.open);
    take_windows(30, 0.1);
    assert_false(robot->alert.episode.open);
    assert_non_null(strstr(fake_client_last(ALERT)->payload, "armwatch.alert.cleared"));
}

/* Windows from before the history began anew count no more for the filter. */
static void test_another_run_of_rows(void **state)
{
    take_windows(2, 2);
    robot->epoch++;
    take_windows(2, 2);
    expect(4, 0);
    take_windows(1, 2);
    expect(5, 1);
}

static void test_what_was_not_judged(void **state)
{
    struct scorer_result result = next(2);
    result.scored = false;
    take(&result);
    result = next(2);
    result.score.detectors++; /* of another model */
    take(&result);
    result = next(2);
    result.score.detector[0].evaluated = false;
    result.score.nonfinite = true;
    take(&result);
    expect(0, 0);
    assert_true(robot->score < 0);
    assert_int_equal(robot->counters.due, 3);
    assert_int_equal(robot->counters.evaluated, 0);
    assert_int_equal(robot->counters.nonfinite, 1);
    assert_true(latency.sum_ns == 0);
}

/* It is told and counted, and raises nothing. */
static void test_muted(void **state)
{
    robot->muted_epoch = robot->epoch;
    take_windows(5, 2);
    expect(5, 0);
    assert_true(fabs(robot->score - 2) < 1e-9);
    robot->epoch++;
    take_windows(3, 2);
    expect(8, 1);
}

static void test_of_a_former_stay(void **state)
{
    robot->first_epoch = robot->epoch + 1;
    take_windows(5, 2);
    expect(0, 0);
    assert_int_equal(robot->counters.due, 0);
}

static void test_of_another_instance(void **state)
{
    results.partitions = &partitions;
    take_windows(5, 2);
    expect(0, 0);
    assert_int_equal(robot->counters.due, 0);
}

/* A candidate's windows are not among those that are pending, and nobody hears of them. */
static void test_of_a_candidate(void **state)
{
    for (int i = 0; i < 5; i++) {
        struct scorer_result result = next(2);
        result.shadow = 1;
        results_handlers.on_result(&results, &result);
    }
    assert_int_equal(robot->pending, 0);
    expect(0, 0);
    assert_int_equal(robot->counters.due, 0);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    log_set_level(LOG_LEVEL_ERROR);
    const struct CMUnitTest tests[] = {
        TEST(test_a_score),
        cmocka_unit_test_setup_teardown(test_the_largest_ratio_of_several, setup_two, teardown),
        TEST(test_an_alert),
        TEST(test_another_run_of_rows),
        TEST(test_what_was_not_judged),
        TEST(test_muted),
        TEST(test_of_a_former_stay),
        TEST(test_of_another_instance),
        TEST(test_of_a_candidate),
    };
    return cmocka_run_group_tests(tests, setup_models, fixture_teardown);
}
