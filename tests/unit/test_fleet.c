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
    plant_make_key();
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

static int start_reload(const char *model, const char *robot)
{
    return fleet_reload(
        &plant.fleet,
        &(struct swap_request){
            .model = model, .robot = robot, .who = "test", .done = plant_done, .user = &plant});
}

static int start_rollback(const char *robot)
{
    return fleet_rollback(
        &plant.fleet,
        &(struct swap_request){
            .model = "", .robot = robot, .who = "test", .done = plant_done, .user = &plant});
}

static void reload(const char *model, const char *robot, const char *code)
{
    unsigned before = plant.swaps;
    assert_int_equal(start_reload(model, robot), 0);
    plant_wait_swaps(&plant, before + 1);
    assert_string_equal(plant.code, code);
}

static void rollback(const char *robot, const char *code)
{
    unsigned before = plant.swaps;
    assert_int_equal(start_rollback(robot), 0);
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
        assert_int_equal(start_reload(names[i], ""), 0);
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
    assert_int_equal(start_rollback(""), -ENODATA);
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
    assert_int_equal(start_reload("two", "kuka9"), -ENOENT);
    assert_int_equal(start_rollback("kuka9"), -ENOENT);
}

static void test_a_command_that_fails_parts_no_robot_from_the_default(void **state)
{
    struct robot *robot = add("kuka1");
    reload("none", "kuka1", "model_not_found");
    reload("wide", "kuka1", "model_invalid");
    reload("liar", "kuka1", "model_invalid");
    assert_int_equal(start_rollback("kuka1"), -ENODATA);
    assert_int_equal(plant.fleet.assignments.count, 1);
    reload("two", "", "");
    expect_model(robot, "two");
}

static void test_one_swap_at_a_time(void **state)
{
    assert_int_equal(start_reload("two", ""), 0);
    assert_int_equal(start_reload("long", ""), -EBUSY);
    assert_int_equal(start_rollback(""), -EBUSY);
    plant_wait_swaps(&plant, 1);
    reload("long", "", "");
}

/* A set for new robots is posted while the pool reads a model that must never be in it. */
static void test_robots_that_come_during_a_reload(void **state)
{
    char name[16];
    for (int round = 0; round < 20; round++) {
        unsigned before = plant.swaps;
        assert_int_equal(start_reload("wide", ""), 0);
        for (int i = 0; i < 10; i++) {
            snprintf(name, sizeof name, "r%d", 10 * round + i);
            add(name);
        }
        plant_wait_swaps(&plant, before + 1);
    }
    assert_int_equal(plant.refused_sets, 0);
    unsigned before = plant.swaps;
    assert_int_equal(start_reload("two", ""), 0);
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
    assert_int_equal(start_reload("two", ""), 0);
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
    assert_int_equal(start_reload("two", ""), 0);
    while (plant.fleet.swap.generation == 0 && plant.swaps == 0)
        uv_run(&plant.loop, UV_RUN_ONCE);
}

static void test_stop_while_the_scorer_refuses_it(void **state)
{
    add("kuka1");
    assert_int_equal(start_reload("liar", ""), 0);
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
    assert_int_equal(start_reload("two", ""), -ENOENT);
}

/* ---- versions ---- */

/* cell, version `version`, under a file name; other numbers with another `limit`. */
static void put_version(const char *file_name, int64_t version, double limit)
{
    plant_add_model_as(file_name,
                       &(struct tiny_model){.name = "cell", .version = version, .limit = limit});
}

static int setup_cell(void **state)
{
    put_version("cell-1", 1, 1);
    put_version("cell-2", 2, 1);
    put_version("cell-3", 3, 1);
    plant_start(&plant, "\"default\":\"cell-2\"", "", NULL);
    return 0;
}

static void expect_version(const struct robot *robot, int64_t version)
{
    assert_int_equal(robot->model->version, version);
    assert_ptr_equal(robot->model, robot->assignment->model);
}

/* The plant again, with what it has saved. */
static void restart(const char *models)
{
    char *saved = assignments_format_state(&plant.fleet.assignments);
    plant_stop(&plant);
    plant_start(&plant, models, "", saved);
    free(saved);
}

static void test_no_step_back_without_a_rollback(void **state)
{
    struct robot *robot = add("kuka1");
    reload("cell-1", "", "downgrade");
    fixture_expect_text(plant.message, "version 1 is older than version 2");
    expect_version(robot, 2);
    reload("cell-3", "", "");
    reload("cell-2", "", "downgrade");
    reload("cell-2", "kuka1", "downgrade");
    assert_int_equal(plant.fleet.assignments.count, 1);
    restart("\"default\":\"cell-2\"");
    robot = add("kuka1");
    expect_version(robot, 3);
    reload("cell-2", "", "downgrade");
    rollback("", ""); /* read from its file */
    expect_version(robot, 2);
    reload("", "", "");
    reload("cell-1", "", "downgrade");
    restart("\"default\":\"cell-2\"");
    robot = add("kuka1");
    expect_version(robot, 2);
    rollback("", "");
    expect_version(robot, 3);
    reload("two", "", ""); /* another model has other numbers */
    assert_int_equal(plant.fleet.assignments.accepted.count, 2);
}

static void test_a_rollback_is_to_the_model_before_and_no_other(void **state)
{
    struct robot *robot = add("kuka1");
    reload("cell-3", "", "");
    put_version("cell-2", 1, 1);
    restart("\"default\":\"cell-2\"");
    robot = add("kuka1");
    rollback("", "downgrade");
    fixture_expect_text(plant.message, "not the model that was in use before");
    expect_version(robot, 3);
    plant_remove("cell-2.safetensors");
    rollback("", "model_not_found");
    put_version("cell-2", 3, 7); /* another file, but no older one */
    rollback("", "");
    expect_version(robot, 3);
    assert_string_equal(robot->assignment->active, "cell-2");
}

static void test_an_own_model_does_not_hide_that_the_default_is_older(void **state)
{
    reload("cell-3", "", "");
    char *saved = assignments_format_state(&plant.fleet.assignments);
    plant_stop(&plant);
    put_version("cell-3", 1, 1);
    put_version("cell-2", 1, 1);
    plant_start(&plant, "\"default\":\"cell-2\"", "", saved);
    free(saved);
    struct robot *robot = add("kuka1");
    expect_version(robot, 1);
    assert_true(fleet_model_in_doubt(&plant.fleet));
    reload("", "", "downgrade");
    reload("", "kuka1", "downgrade");
    assert_true(fleet_model_in_doubt(&plant.fleet));
    restart("\"default\":\"cell-2\""); /* nor that it was in use all the while */
    assert_true(fleet_model_in_doubt(&plant.fleet));
    put_version("cell-3", 3, 1);
    reload("", "", "");
    assert_false(fleet_model_in_doubt(&plant.fleet));
}

static void test_the_configuration_may_go_back(void **state)
{
    struct robot *robot = add("kuka1");
    set_config("\"default\":\"cell-1\"", "");
    expect_version(robot, 1);
    assert_false(fleet_model_in_doubt(&plant.fleet));
    reload("", "", ""); /* what is in use may stay */
    rollback("", "");
    expect_version(robot, 2);
    set_config("\"default\":\"none\"", "");
    expect_version(robot, 2);
    assert_true(fleet_model_in_doubt(&plant.fleet));
}

/* ---- signatures ---- */

#define SIGNED "\"signature\":\"%s\",\"public_key_file\":\"model-pub.key\""

static void set_policy(const char *policy)
{
    char models[160];
    struct trust trust;
    struct diag diag = DIAG_INIT;
    snprintf(models, sizeof models, "\"default\":\"cell-2\"," SIGNED, policy);
    struct config *config = plant_load_config(models, "");
    if (assignments_read_trust(config, &trust, &diag) < 0)
        fail_msg("%s", diag.text);
    config_free(config);
    fleet_set_trust(&plant.fleet, &trust);
    set_config(models, "");
}

static void test_unsigned_models_are_refused_where_that_is_required(void **state)
{
    struct robot *robot = add("kuka1");
    plant_sign("cell-3");
    reload("cell-3", "", ""); /* nobody has asked for signatures yet */
    assert_int_equal(robot->model->signature, SIGNATURE_UNCHECKED);
    set_policy("warn");
    assert_int_equal(robot->model->signature, SIGNATURE_VALID); /* the file was read again */
    set_policy("require");
    assert_false(fleet_model_in_doubt(&plant.fleet));
    rollback("", "signature"); /* the model before was in memory; now it must be signed */
    fixture_expect_text(plant.message, "cell-2.safetensors: not signed");
    reload("two", "", "signature");
    expect_version(robot, 3);
    plant_sign("cell-2");
    rollback("", "");
    expect_version(robot, 2);
    assert_int_equal(robot->model->signature, SIGNATURE_VALID);
    plant_remove("cell-2.safetensors.sig");
    plant_remove("cell-3.safetensors.sig");
}

static void test_a_policy_that_the_model_in_use_fails(void **state)
{
    struct robot *robot = add("kuka1");
    set_policy("require");
    expect_version(robot, 2); /* it goes on, and is told of */
    assert_true(fleet_model_in_doubt(&plant.fleet));
    plant_make_key();
    plant_sign("cell-2");
    set_policy("require"); /* the same policy, another key */
    assert_int_equal(robot->model->signature, SIGNATURE_VALID);
    assert_false(fleet_model_in_doubt(&plant.fleet));
    const struct model *before = robot->model;
    set_policy("require");
    assert_ptr_equal(robot->model, before); /* nothing has changed: nothing is read */
    plant_remove("cell-2.safetensors.sig");
    set_policy("off");
    assert_int_equal(robot->model->signature, SIGNATURE_UNCHECKED);
}

/* ---- the directory ---- */

static void reread(const char *name)
{
    assert_true(fleet_touch(&plant.fleet, name));
    fleet_reread_touched(&plant.fleet, "test");
    while (plant.fleet.swap.busy)
        uv_run(&plant.loop, UV_RUN_ONCE);
}

static void test_files_that_were_replaced(void **state)
{
    struct robot *robots[3] = {add("kuka1"), add("kuka2"), add("kuka3")};
    reload("", "kuka1", "");
    reload("cell-3", "kuka2", "");
    assert_false(fleet_touch(&plant.fleet, "cell-1"));
    put_version("cell-2", 4, 1);
    reread("cell-2");
    expect_version(robots[0], 4);
    expect_version(robots[1], 3);
    expect_version(robots[2], 4);
    assert_ptr_equal(robots[0]->model, robots[2]->model); /* one file, one set of weights */
    assert_string_equal(robots[2]->assignment->previous_name, "cell-2");
    put_version("cell-2", 3, 1);
    put_version("cell-3", 5, 1);
    reread(NULL);
    expect_version(robots[0], 4); /* a step back */
    expect_version(robots[1], 5);
    expect_version(robots[2], 4);
    assert_true(fleet_model_in_doubt(&plant.fleet));
    put_version("cell-2", 4, 1);
    reload("", "kuka1", ""); /* a copy of its own */
    const struct model *models[] = {robots[0]->model, robots[2]->model};
    assert_ptr_not_equal(models[0], models[1]);
    fixture_write("models/cell-2.safetensors", "{}");
    reread("cell-2"); /* both of them, and neither takes the other's for the new one */
    assert_ptr_equal(robots[0]->model, models[0]);
    assert_ptr_equal(robots[2]->model, models[1]);
    put_version("cell-2", 6, 1);
    reread("cell-2");
    expect_version(robots[0], 6);
    expect_version(robots[2], 6);
    assert_false(fleet_model_in_doubt(&plant.fleet));
    plant_remove("cell-2.safetensors");
    reread("cell-2");
    expect_version(robots[0], 6);
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
        TEST(test_no_step_back_without_a_rollback, setup_cell, teardown),
        TEST(test_a_rollback_is_to_the_model_before_and_no_other, setup_cell, teardown),
        TEST(test_an_own_model_does_not_hide_that_the_default_is_older, setup_cell, teardown),
        TEST(test_the_configuration_may_go_back, setup_cell, teardown),
        TEST(test_unsigned_models_are_refused_where_that_is_required, setup_cell, teardown),
        TEST(test_a_policy_that_the_model_in_use_fails, setup_cell, teardown),
        TEST(test_files_that_were_replaced, setup_cell, teardown),
    };
    return cmocka_run_group_tests(tests, setup_models, fixture_teardown);
}
