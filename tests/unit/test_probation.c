/* A new model has to keep its promise for a while, or the one before comes back: once. */
#include "daemon/probation.h"

#include "base/log.h"
#include "fixture.h"
#include "plant.h"

#include <math.h>

static struct plant plant;
static struct robot *robot;
static unsigned rollbacks;
static struct probation_rollback told;

static int setup_models(void **state)
{
    int r = fixture_setup(state);
    plant_set_directory(fixture_directory);
    plant_add_model(&(struct tiny_model){.name = "one"});
    plant_add_model(&(struct tiny_model){.name = "two", .limit = 2});
    plant_add_model(&(struct tiny_model){.name = "three", .limit = 3});
    return r;
}

static void on_rollback(void *user, const struct probation_rollback *rollback)
{
    rollbacks++;
    told = *rollback;
}

static void start_with(const char *models, const char *saved)
{
    char text[300];
    struct diag diag = DIAG_INIT;
    rollbacks = 0;
    snprintf(text, sizeof text, "\"default\":\"one\"%s", models);
    plant_start(&plant, text, "", saved);
    plant.fleet.probations.on_rollback = on_rollback;
    robot = fleet_add(&plant.fleet, "kuka1", &diag);
    assert_non_null(robot);
    fleet_post_if_dirty(&plant.fleet);
}

/* Of the calibration of 300 s 864 a day are supported: 6 in the 600 s of the probation. */
static int setup(void **state)
{
    start_with(",\"rollback_alerts\":1", NULL);
    return 0;
}

static int teardown(void **state)
{
    plant_stop(&plant);
    return 0;
}

static void reload(const char *model)
{
    unsigned before = plant.swaps;
    const struct swap_request request = {
        .model = model, .robot = "", .who = "test", .done = plant_done, .user = &plant};
    assert_int_equal(fleet_reload(&plant.fleet, &request), 0);
    plant_wait_swaps(&plant, before + 1);
    assert_string_equal(plant.code, "");
}

static void rollback(void)
{
    unsigned before = plant.swaps;
    const struct swap_request request = {
        .model = "", .robot = "", .who = "test", .done = plant_done, .user = &plant};
    assert_int_equal(fleet_rollback(&plant.fleet, &request), 0);
    plant_wait_swaps(&plant, before + 1);
}

static void judge(unsigned windows, enum alert_transition transition)
{
    for (unsigned i = 0; i < windows; i++)
        probation_result(&plant.fleet, robot, true, false, i == 0 ? transition : ALERT_NONE);
}

static void raise_alert(void)
{
    robot->alert.episode.open = true;
    strcpy(robot->alerts[ALERT_ANOMALY].model, robot->model->sha256);
    judge(1, ALERT_RAISED);
}

static void clear_alert(void)
{
    robot->alert.episode.open = false;
    judge(1, ALERT_CLEARED);
}

static void turn(void)
{
    probation_tick(&plant.fleet);
    while (plant.fleet.swap.busy)
        uv_run(&plant.loop, UV_RUN_ONCE);
}

static void expect_model(const char *name)
{
    turn();
    assert_string_equal(robot->model->name, name);
}

static void test_the_limit(void **state)
{
    /* scipy.stats.poisson: the smallest n with sf(n - 1) <= 1e-3; five at least */
    static const struct {
        double mean;
        uint64_t limit;
    } cases[] = {{0, 5},  {1e-6, 5}, {0.5, 5}, {1, 6},     {2, 9},        {3, 11},
                 {5, 14}, {12, 25},  {50, 74}, {500, 572}, {20000, 20439}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(probation_limit(cases[i].mean), cases[i].limit);
    assert_true(probation_limit((double)INFINITY) == UINT64_MAX);
    assert_true(probation_limit((double)NAN) == UINT64_MAX);
}

static void test_too_many_alerts(void **state)
{
    uint64_t limit = probation_limit(864 * 600 / 86400.0);
    reload("two");
    assert_int_equal(plant.fleet.probations.count, 1);
    for (uint64_t i = 1; i < limit; i++) {
        raise_alert();
        clear_alert();
    }
    expect_model("two");
    raise_alert();
    assert_string_equal(robot->model->name, "two"); /* not within a result */
    expect_model("one");
    assert_int_equal(rollbacks, 1);
    assert_string_equal(told.reason, "alerts");
    assert_string_equal(told.code, "");
    assert_string_equal(told.from.name, "two");
    assert_string_equal(told.to.name, "one");
    assert_true(probation_is_undone(&plant.fleet.probations));
    assert_int_equal(plant.fleet.probations.count, 0);
    for (int i = 0; i < 100; i++) {
        raise_alert();
        clear_alert();
    }
    expect_model("one"); /* it is on none: there is nothing to go back to and fro */
    assert_int_equal(rollbacks, 1);
}

/* One that does not end is a flood, too: each block of 30 s counts. */
static void test_an_alert_without_an_end(void **state)
{
    uint64_t limit = probation_limit(864 * 600 / 86400.0);
    reload("two");
    raise_alert();
    judge((unsigned)(limit - 1) * 300 - 1, ALERT_NONE);
    expect_model("two");
    judge(1, ALERT_NONE);
    expect_model("one");
}

static void test_an_alert_of_the_model_before(void **state)
{
    raise_alert();
    reload("two");
    judge(5999, ALERT_NONE);
    expect_model("two");
    assert_int_equal(plant.fleet.probations.item[0].alerts, 0);
    judge(1, ALERT_NONE);
    assert_int_equal(plant.fleet.probations.count, 0); /* passed: 600 s */
    for (int i = 0; i < 100; i++)
        raise_alert();
    expect_model("two");
}

static void test_scores_that_are_not_finite(void **state)
{
    reload("two");
    for (int i = 0; i < PROBATION_NONFINITE - 1; i++)
        probation_result(&plant.fleet, robot, false, true, ALERT_NONE);
    judge(100, ALERT_NONE);
    expect_model("two");
    probation_result(&plant.fleet, robot, false, true, ALERT_NONE);
    expect_model("one");
    assert_string_equal(told.reason, "nonfinite");
}

static void overflow(void)
{
    for (int i = 0; i < PROBATION_NONFINITE; i++)
        probation_result(&plant.fleet, robot, false, true, ALERT_NONE);
}

/* A person's word is undone once at most. */
static void test_what_was_asked_for_again_stays(void **state)
{
    reload("two");
    overflow();
    expect_model("one");
    reload("two");
    assert_int_equal(plant.fleet.probations.count, 0);
    assert_false(probation_is_undone(&plant.fleet.probations));
    overflow();
    expect_model("two");
    rollback();
    overflow();
    expect_model("one"); /* a rollback is on no probation */
    assert_int_equal(rollbacks, 1);
    reload("three"); /* but another model is */
    overflow();
    expect_model("one");
    assert_int_equal(rollbacks, 2);
}

/* A directory that is watched asks by itself: what was undone stays undone. */
static void test_the_directory_is_no_person(void **state)
{
    plant_add_model_as("place", &(struct tiny_model){.name = "one"});
    reload("place");
    plant_add_model_as("place", &(struct tiny_model){.name = "two", .limit = 2});
    assert_true(fleet_touch(&plant.fleet, "place"));
    fleet_reread_touched(&plant.fleet, "directory watch");
    turn();
    expect_model("two");
    overflow();
    expect_model("one");
    assert_true(fleet_touch(&plant.fleet, "place"));
    fleet_reread_touched(&plant.fleet, "directory watch");
    turn();
    expect_model("one");
    assert_true(fleet_model_in_doubt(&plant.fleet));
    reload("place");
    expect_model("two");
}

static void test_there_is_no_way_back(void **state)
{
    reload("two");
    struct assignment *assignment = robot->assignment;
    model_unref(assignment->previous);
    assignment->previous = NULL;
    strcpy(assignment->previous_name, "gone");
    overflow();
    expect_model("two");
    assert_int_equal(rollbacks, 1);
    assert_string_equal(told.code, "model_not_found");
    assert_true(probation_is_undone(&plant.fleet.probations));
    overflow();
    expect_model("two"); /* it was tried once */
    assert_int_equal(rollbacks, 1);
}

static void test_switched_off(void **state)
{
    plant_stop(&plant);
    start_with(",\"probation_s\":0", NULL);
    reload("two");
    overflow();
    expect_model("two");
    plant_stop(&plant);
    start_with(",\"rollback_alerts\":0", NULL);
    reload("two");
    for (int i = 0; i < 1000; i++) {
        raise_alert();
        clear_alert();
    }
    expect_model("two");
    overflow();
    expect_model("one");
}

static void test_a_restart_goes_on(void **state)
{
    reload("two");
    raise_alert();
    judge(100, ALERT_NONE);
    char *assignments = assignments_format_state(&plant.fleet.assignments);
    cJSON *saved = cJSON_CreateObject();
    probation_save(&plant.fleet.probations, saved);
    plant_stop(&plant);
    start_with("", assignments);
    probation_load(&plant.fleet, saved);
    assert_int_equal(plant.fleet.probations.count, 1);
    assert_int_equal(plant.fleet.probations.item[0].alerts, 1);
    assert_int_equal(plant.fleet.probations.item[0].windows, 101);
    overflow();
    expect_model("one");
    cJSON_Delete(saved);
    saved = cJSON_CreateObject();
    probation_save(&plant.fleet.probations, saved);
    free(assignments);
    assignments = assignments_format_state(&plant.fleet.assignments);
    plant_stop(&plant);
    start_with("", assignments);
    probation_load(&plant.fleet, saved);
    assert_true(probation_is_undone(&plant.fleet.probations));
    assert_string_equal(plant.fleet.probations.last.from.name, "two");
    assert_true(
        probation_was_undone(&plant.fleet.probations, "", plant.fleet.probations.last.from.sha256));
    cJSON_Delete(saved);
    free(assignments);
}

int main(void)
{
    log_set_level(LOG_LEVEL_ERROR);
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_the_limit),
        TEST(test_too_many_alerts),
        TEST(test_an_alert_without_an_end),
        TEST(test_an_alert_of_the_model_before),
        TEST(test_scores_that_are_not_finite),
        TEST(test_what_was_asked_for_again_stays),
        TEST(test_the_directory_is_no_person),
        TEST(test_there_is_no_way_back),
        TEST(test_switched_off),
        TEST(test_a_restart_goes_on),
    };
    return cmocka_run_group_tests(tests, setup_models, fixture_teardown);
}
