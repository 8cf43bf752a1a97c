#include "base/log.h"
#include "fixture.h"
#include "plant.h"

#include <errno.h>
#include <math.h>

static struct plant plant;

static int steps[] = {0, 1};
static size_t motion[] = {1};
static float rest[] = {0};
static const struct derivation derivation = {
    .channels = 3,
    .count = 1,
    .channel = {{.kind = DERIVED_MOVING_TIME, .name = "time"}},
    .step_channel = 0,
    .steps = 2,
    .step = steps,
    .motions = 1,
    .motion = motion,
    .rest = rest,
    .rest_level = rest,
    .load = DERIVED_NONE,
};

static int setup_models(void **state)
{
    int r = fixture_setup(state);
    plant_set_directory(fixture_directory);
    plant_add_model(&(struct tiny_model){.name = "one"});
    plant_add_model(&(struct tiny_model){.name = "two", .version = 2, .random = true});
    plant_add_model(&(struct tiny_model){.name = "long", .window = {40}});
    plant_add_model(&(struct tiny_model){.name = "wide", .channels = 4});
    plant_add_model(&(struct tiny_model){.name = "timed", .derivation = &derivation});
    plant_add_model(&(struct tiny_model){.name = "liar", .random = true, .wrong_selftest = 2});
    return r;
}

static int teardown(void **state)
{
    plant_stop(&plant);
    return 0;
}

static int setup(void **state)
{
    plant_start(&plant, "\"default\":\"one\"", "", NULL);
    return 0;
}

static struct robot *add(const char *name)
{
    struct diag diag = DIAG_INIT;
    struct robot *robot = fleet_add(&plant.fleet, name, &diag);
    if (!robot)
        fail_msg("%s", diag.text);
    fleet_post_if_dirty(&plant.fleet);
    return robot;
}

static void reload(const char *model, const char *robot, const char *code)
{
    unsigned before = plant.swaps;
    assert_int_equal(fleet_reload(&plant.fleet, model, robot, plant_done, &plant), 0);
    plant_wait_swaps(&plant, before + 1);
    assert_string_equal(plant.code, code);
}

static void rollback(const char *robot, const char *code)
{
    unsigned before = plant.swaps;
    assert_int_equal(fleet_rollback(&plant.fleet, robot, plant_done, &plant), 0);
    plant_wait_swaps(&plant, before + 1);
    assert_string_equal(plant.code, code);
}

static void expect_model(const struct robot *robot, const char *name)
{
    assert_string_equal(robot->model->name, name);
    assert_ptr_equal(robot->model, robot->assignment->model);
}

static void test_robots_by_name(void **state)
{
    char name[16];
    for (int i = 0; i < 500; i++) {
        snprintf(name, sizeof name, "robot%d", i);
        assert_null(fleet_find(&plant.fleet, name));
        assert_int_equal(add(name)->number, i);
    }
    for (int i = 0; i < 500; i++) {
        snprintf(name, sizeof name, "robot%d", i);
        assert_int_equal(fleet_find(&plant.fleet, name)->number, i);
    }
}

static void test_a_reload_is_taken_over_by_both_threads(void **state)
{
    struct robot *robot = add("kuka1");
    for (unsigned i = 0; i < 10; i++)
        plant_sample(&plant, "kuka1", i, 1);
    plant_wait_results(&plant, 7);
    uint64_t before = plant.last.generation;
    reload("two", "", "");
    assert_string_equal(plant.model, "two");
    expect_model(robot, "two");
    assert_int_equal(plant.state_changes, 1);
    for (unsigned i = 10; i < 20; i++)
        plant_sample(&plant, "kuka1", i, 1);
    plant_wait_results(&plant, 17);
    assert_int_equal(plant.scored, 17); /* none was lost */
    assert_true(plant.last.generation > before);
    rollback("", "");
    expect_model(robot, "one");
    rollback("", "");
    expect_model(robot, "two");
    reload("", "", ""); /* the file again */
    expect_model(robot, "two");
    assert_string_equal(robot->assignment->active, "two");
}

/* Samples come all the while; whatever is scored, is scored by the model that made its rows. */
static void test_a_model_with_other_derived_channels(void **state)
{
    static const char *const names[] = {"timed", "one", "timed"};
    struct robot *robot = add("kuka1");
    unsigned seq = 0;
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(fleet_reload(&plant.fleet, names[i], "", plant_done, &plant), 0);
        while (plant.swaps == i) {
            plant_sample(&plant, "kuka1", seq++, 1);
            uv_run(&plant.loop, UV_RUN_NOWAIT);
        }
        expect_model(robot, names[i]);
        assert_int_equal(robot->track.history.channels, i == 1 ? 3 : 4);
        plant_wait_results(&plant, robot->counters.windows);
        for (unsigned n = 0; n < 4; n++)
            plant_sample(&plant, "kuka1", seq++, 1);
        plant_wait_results(&plant, robot->counters.windows);
        assert_true(plant.last.scored);
        assert_true(fabs(plant.last.score.detector[0].score - 1) < 1e-6);
    }
}

static void test_every_failure_keeps_the_old_model(void **state)
{
    static const struct {
        const char *model, *code, *why;
    } cases[] = {
        {"none", "model_not_found", "none.safetensors"},
        {"wide", "model_invalid", "other channels"},
        {"liar", "model_invalid", "self-test"},
        {"torn", "model_invalid", "torn.safetensors"},
    };
    fixture_write("models/torn.safetensors", "{}");
    struct robot *robot = add("kuka1");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        reload(cases[i].model, "", cases[i].code);
        fixture_expect_text(plant.message, cases[i].why);
        expect_model(robot, "one");
        add((char[]){'r', (char)('0' + i), '\0'}); /* and new robots get it too */
    }
    assert_int_equal(plant.state_changes, 0);
    for (unsigned i = 0; i < 4; i++)
        plant_sample(&plant, "r3", i, 1);
    plant_wait_results(&plant, 1);
    assert_true(plant.last.scored);
    assert_int_equal(fleet_rollback(&plant.fleet, "", plant_done, &plant), -ENODATA);
}

static void test_one_robot_alone(void **state)
{
    struct robot *first = add("kuka1"), *second = add("kuka2");
    reload("two", "kuka1", "");
    expect_model(first, "two");
    expect_model(second, "one");
    reload("long", "", "");
    expect_model(first, "two");
    expect_model(second, "long");
    rollback("kuka1", "");
    expect_model(first, "one");
    assert_int_equal(fleet_reload(&plant.fleet, "two", "kuka9", plant_done, &plant), -ENOENT);
    assert_int_equal(fleet_rollback(&plant.fleet, "kuka9", plant_done, &plant), -ENOENT);
}

static void test_a_command_that_fails_parts_no_robot_from_the_default(void **state)
{
    struct robot *robot = add("kuka1");
    reload("none", "kuka1", "model_not_found");
    reload("wide", "kuka1", "model_invalid");
    reload("liar", "kuka1", "model_invalid");
    assert_int_equal(fleet_rollback(&plant.fleet, "kuka1", plant_done, &plant), -ENODATA);
    assert_int_equal(plant.fleet.assignments.count, 1);
    reload("two", "", "");
    expect_model(robot, "two");
}

static void test_one_swap_at_a_time(void **state)
{
    assert_int_equal(fleet_reload(&plant.fleet, "two", "", plant_done, &plant), 0);
    assert_int_equal(fleet_reload(&plant.fleet, "long", "", plant_done, &plant), -EBUSY);
    assert_int_equal(fleet_rollback(&plant.fleet, "", plant_done, &plant), -EBUSY);
    plant_wait_swaps(&plant, 1);
    reload("long", "", "");
}

/* A set for new robots is posted while the pool reads a model that must never be in it. */
static void test_robots_that_come_during_a_reload(void **state)
{
    char name[16];
    for (int round = 0; round < 20; round++) {
        unsigned before = plant.swaps;
        assert_int_equal(fleet_reload(&plant.fleet, "wide", "", plant_done, &plant), 0);
        for (int i = 0; i < 10; i++) {
            snprintf(name, sizeof name, "r%d", 10 * round + i);
            add(name);
        }
        plant_wait_swaps(&plant, before + 1);
    }
    assert_int_equal(plant.refused_sets, 0);
    unsigned before = plant.swaps;
    assert_int_equal(fleet_reload(&plant.fleet, "two", "", plant_done, &plant), 0);
    struct robot *late = add("late");
    plant_wait_swaps(&plant, before + 1);
    expect_model(late, "two");
    for (unsigned i = 0; i < 4; i++)
        plant_sample(&plant, "late", i, 1);
    plant_wait_results(&plant, 1);
    assert_true(plant.last.scored);
}

static void test_a_longer_window_warms_up(void **state)
{
    struct robot *robot = add("kuka1");
    for (unsigned i = 0; i < 10; i++)
        plant_sample(&plant, "kuka1", i, 1);
    plant_wait_results(&plant, 7);
    robot->scored = true;
    reload("long", "", "");
    assert_false(robot->scored);
    for (unsigned i = 10; i < 39; i++)
        plant_sample(&plant, "kuka1", i, 1);
    assert_int_equal(robot->pending, 0); /* too short still */
    plant_sample(&plant, "kuka1", 39, 1);
    plant_wait_results(&plant, 8);
    assert_true(plant.last.scored && plant.last.score.detector[0].evaluated);
}

/* A stop in each phase: the one who asked is told, and nothing leaks. */
static void test_stop_while_reading(void **state)
{
    add("kuka1");
    assert_int_equal(fleet_reload(&plant.fleet, "two", "", plant_done, &plant), 0);
}

static int teardown_stopped(void **state)
{
    plant_stop(&plant);
    assert_int_equal(plant.swaps, 1);
    assert_true(!strcmp(plant.code, "stopping") || !strcmp(plant.code, ""));
    return 0;
}

static void test_stop_while_the_scorer_has_it(void **state)
{
    add("kuka1");
    assert_int_equal(fleet_reload(&plant.fleet, "two", "", plant_done, &plant), 0);
    while (plant.fleet.swap.generation == 0 && plant.swaps == 0)
        uv_run(&plant.loop, UV_RUN_ONCE);
}

static void test_stop_while_the_scorer_refuses_it(void **state)
{
    add("kuka1");
    assert_int_equal(fleet_reload(&plant.fleet, "liar", "", plant_done, &plant), 0);
    while (plant.fleet.swap.generation == 0 && plant.swaps == 0)
        uv_run(&plant.loop, UV_RUN_ONCE);
}

static int teardown_refused(void **state)
{
    plant_stop(&plant);
    assert_int_equal(plant.swaps, 1);
    assert_true(*plant.code);
    return 0;
}

/* ---- configuration ---- */

static void set_config(const char *models, const char *more)
{
    struct config *config = plant_load_config(models, more), *old = plant.config;
    char changed[256];
    config_keep_fixed(config, old, changed, sizeof changed);
    plant.config = config;
    plant.publisher.config = plant.intake.config = config;
    fleet_set_config(&plant.fleet, config);
    config_free(old);
    while (plant.fleet.swap.busy)
        uv_run(&plant.loop, UV_RUN_ONCE);
}

static void test_a_configuration_that_names_other_models(void **state)
{
    struct robot *first = add("kuka1"), *second = add("kuka2");
    set_config("\"default\":\"two\",\"robots\":{\"kuka2\":\"long\",\"kuka3\":\"one\"}", "");
    expect_model(first, "two");
    expect_model(second, "long");
    expect_model(add("kuka3"), "one");
    set_config("\"default\":\"none\",\"robots\":{\"kuka2\":\"long\",\"kuka3\":\"one\"}", "");
    expect_model(first, "two");
    set_config("\"default\":\"one\",\"robots\":{\"kuka2\":\"two\",\"kuka3\":\"one\"}", "");
    expect_model(first, "one");
    expect_model(second, "two");
}

static void test_a_budget_changes_the_thresholds(void **state)
{
    struct robot *robot = add("kuka1");
    double before = robot->alert.trigger[0].threshold;
    set_config("\"default\":\"one\"", ",\"alerts\":{\"false_alarms_per_day\":100}");
    if (!(robot->alert.trigger[0].threshold < before))
        fail_msg("%g, before %g", robot->alert.trigger[0].threshold, before);
}

static int setup_small(void **state)
{
    plant_start(&plant, "\"robots\":{\"a\":\"one\",\"b\":\"one\"}", ",\"robots\":{\"max\":1}",
                NULL);
    return 0;
}

static void test_robots_that_are_refused(void **state)
{
    struct diag diag = DIAG_INIT;
    assert_null(fleet_add(&plant.fleet, "c", &diag));
    fixture_expect_text(diag.text, "c has no model");
    add("a");
    assert_null(fleet_add(&plant.fleet, "b", &diag));
    fixture_expect_text(diag.text, "robots.max (1)");
    assert_int_equal(fleet_reload(&plant.fleet, "two", "", plant_done, &plant), -ENOENT);
}

#define TEST(name, start, end) cmocka_unit_test_setup_teardown(name, start, end)

int main(void)
{
    log_set_level(LOG_LEVEL_ERROR);
    const struct CMUnitTest tests[] = {
        TEST(test_robots_by_name, setup, teardown),
        TEST(test_a_reload_is_taken_over_by_both_threads, setup, teardown),
        TEST(test_a_model_with_other_derived_channels, setup, teardown),
        TEST(test_every_failure_keeps_the_old_model, setup, teardown),
        TEST(test_one_robot_alone, setup, teardown),
        TEST(test_a_command_that_fails_parts_no_robot_from_the_default, setup, teardown),
        TEST(test_one_swap_at_a_time, setup, teardown),
        TEST(test_robots_that_come_during_a_reload, setup, teardown),
        TEST(test_a_longer_window_warms_up, setup, teardown),
        TEST(test_stop_while_reading, setup, teardown_stopped),
        TEST(test_stop_while_the_scorer_has_it, setup, teardown_stopped),
        TEST(test_stop_while_the_scorer_refuses_it, setup, teardown_refused),
        TEST(test_a_configuration_that_names_other_models, setup, teardown),
        TEST(test_a_budget_changes_the_thresholds, setup, teardown),
        TEST(test_robots_that_are_refused, setup_small, teardown),
    };
    return cmocka_run_group_tests(tests, setup_models, fixture_teardown);
}
