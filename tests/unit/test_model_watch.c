#include "daemon/model_watch.h"

#include "base/clock.h"
#include "base/log.h"
#include "fixture.h"
#include "plant.h"

#include <sys/stat.h>

static struct plant plant;
static struct model_watch watch;
static struct robot *robot;

static void put_version(const char *file_name, int64_t version)
{
    plant_add_model_as(file_name, &(struct tiny_model){.name = "cell", .version = version});
}

static int setup_models(void **state)
{
    int r = fixture_setup(state);
    plant_set_directory(fixture_directory);
    plant_make_key();
    return r;
}

static int setup(void **state)
{
    struct diag diag = DIAG_INIT;
    put_version("cell", 1);
    plant_sign("cell");
    plant_start(&plant,
                "\"default\":\"cell\",\"signature\":\"require\","
                "\"public_key_file\":\"model-pub.key\"",
                "", NULL);
    robot = fleet_add(&plant.fleet, "kuka1", &diag);
    assert_non_null(robot);
    fleet_post_if_dirty(&plant.fleet);
    if (model_watch_start(&watch, &plant.fleet, &diag) < 0)
        fail_msg("%s", diag.text);
    return 0;
}

static int teardown(void **state)
{
    model_watch_stop(&watch);
    plant_stop(&plant);
    return 0;
}

static void turn_ms(int ms)
{
    for (int64_t end = clock_monotonic_ns() + ms * INT64_C(1000000); clock_monotonic_ns() < end;)
        uv_run(&plant.loop, UV_RUN_ONCE); /* the scorer's timer ends every wait */
}

static void wait_version(int64_t version)
{
    for (int i = 0; robot->model->version != version && i < 100; i++)
        turn_ms(100);
    assert_int_equal(robot->model->version, version);
}

static void wait_doubt(void)
{
    for (int i = 0; !fleet_model_in_doubt(&plant.fleet) && i < 100; i++)
        turn_ms(100);
    assert_true(fleet_model_in_doubt(&plant.fleet));
}

/* By rename, which a watch on the file itself would see once. */
static void test_a_replaced_file_is_used(void **state)
{
    for (int64_t version = 2; version < 5; version++) {
        put_version("cell", version);
        plant_sign("cell");
        wait_version(version);
    }
    assert_false(fleet_model_in_doubt(&plant.fleet));
}

/* The model comes, its signature a while later. */
static void test_the_signature_counts_as_a_change(void **state)
{
    put_version("cell", 2);
    wait_doubt();
    assert_int_equal(robot->model->version, 1);
    plant_sign("cell");
    wait_version(2);
    assert_false(fleet_model_in_doubt(&plant.fleet));
}

static void test_all_checks_are_the_same(void **state)
{
    put_version("cell", 3);
    plant_sign("cell");
    wait_version(3);
    put_version("cell", 2);
    plant_sign("cell");
    wait_doubt();
    assert_int_equal(robot->model->version, 3);
    fixture_write("models/cell.safetensors", "{}");
    plant_sign("cell");
    turn_ms(3 * MODEL_WATCH_QUIET_MS);
    assert_int_equal(robot->model->version, 3);
}

/* One character more than a model's name may have. */
#define TOO_LONG "x2345678901234567890123456789012345678901234567890123456789012345.safetensors.sig"

static void test_other_files_are_nobodys(void **state)
{
    static const char *const names[] = {
        "cell-2.safetensors", "cell.safetensors.x7Hg2a", ".safetensors", "cell",
        "cell.sig",           "a b.safetensors",         TOO_LONG};
    const struct model *before = robot->model;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[160];
        snprintf(path, sizeof path, "models/%s", names[i]);
        fixture_write(path, "x");
    }
    turn_ms(2 * MODEL_WATCH_QUIET_MS);
    assert_ptr_equal(robot->model, before);
    assert_false(uv_is_active((uv_handle_t *)&watch.quiet));
}

/* Touches the file again and again; false if the machine made a pause of it that was long enough.
 */
static bool touch_often(const struct model *before)
{
    int64_t last_ns = clock_monotonic_ns(), longest_ns = 0;
    for (int i = 0; i < 20; i++) {
        assert_int_equal(chmod(fixture_path("models/cell.safetensors"), 0600 + i % 2 * 040), 0);
        turn_ms(MODEL_WATCH_QUIET_MS / 10);
        int64_t now_ns = clock_monotonic_ns(), took_ns = now_ns - last_ns;
        longest_ns = took_ns > longest_ns ? took_ns : longest_ns;
        last_ns = now_ns;
        if (longest_ns < MODEL_WATCH_QUIET_MS * INT64_C(750000))
            assert_ptr_equal(robot->model, before);
    }
    return longest_ns < MODEL_WATCH_QUIET_MS * INT64_C(750000);
}

/* Many changes, one after the other, are one. */
static void test_it_waits_until_the_directory_is_quiet(void **state)
{
    bool judged = false;
    for (int i = 0; !judged && i < 20; i++) {
        const struct model *before = robot->model;
        unsigned changes = plant.state_changes;
        judged = touch_often(before);
        for (int wait = 0; robot->model == before && wait < 100; wait++)
            turn_ms(100);
        turn_ms(2 * MODEL_WATCH_QUIET_MS);
        if (judged)
            assert_int_equal(plant.state_changes, changes + 1);
    }
    assert_true(judged);
}

static void test_a_directory_that_is_not_there(void **state)
{
    struct model_watch other;
    struct diag diag = DIAG_INIT;
    char nowhere[] = "/no/such/place", *directory = plant.fleet.assignments.directory;
    plant.fleet.assignments.directory = nowhere;
    assert_true(model_watch_start(&other, &plant.fleet, &diag) < 0);
    fixture_expect_text(diag.text, "/no/such/place");
    plant.fleet.assignments.directory = directory;
    turn_ms(10);
    model_watch_stop(&other);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    log_set_level(LOG_LEVEL_ERROR);
    const struct CMUnitTest tests[] = {
        TEST(test_a_replaced_file_is_used),
        TEST(test_the_signature_counts_as_a_change),
        TEST(test_all_checks_are_the_same),
        TEST(test_other_files_are_nobodys),
        TEST(test_it_waits_until_the_directory_is_quiet),
        TEST(test_a_directory_that_is_not_there),
    };
    return cmocka_run_group_tests(tests, setup_models, fixture_teardown);
}
