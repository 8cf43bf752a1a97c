/* The library as another program sees it: through its public header only. */
#include <armwatch/armwatch.h>

#include "fixture.h"
#include "tiny_model.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#define PERIOD_NS INT64_C(100000000)

static armwatch_model *load_tiny(const struct tiny_model *tiny)
{
    armwatch_model *model = NULL;
    char error[ARMWATCH_ERROR_MAX] = "";
    const char *path = fixture_path("tiny.safetensors");
    tiny_model_write(tiny, path);
    int r = armwatch_model_load(path, &model, error);
    if (r != 0)
        fail_msg("armwatch_model_load: %d, %s", r, error);
    assert_string_equal(error, "");
    return model;
}

static void test_says_what_the_model_is(void **state)
{
    armwatch_model *model = load_tiny(&(struct tiny_model){.version = 7});
    assert_string_equal(armwatch_model_name(model), "tiny");
    assert_int_equal(armwatch_model_version(model), 7);
    assert_int_equal(armwatch_model_channels(model), 3);
    assert_string_equal(armwatch_model_channel_name(model, 1), "b");
    assert_null(armwatch_model_channel_name(model, 3));
    assert_true(fabs(armwatch_model_period_s(model) - 0.1) < 1e-12);
    armwatch_model_free(model);
    armwatch_model_free(NULL);
}

static void test_raises_and_clears(void **state)
{
    armwatch_model *model = load_tiny(&(struct tiny_model){0});
    armwatch_monitor *monitor;
    assert_int_equal(armwatch_monitor_new(model, 0, &monitor), 0);
    armwatch_model_free(model); /* the monitor keeps what it needs */
    int raised = 0, cleared = 0, evaluated = 0;
    for (int i = 0; i < 100; i++) {
        float value = i >= 20 && i < 40 ? 3 : 0.1F;
        const float values[3] = {value, value, value};
        struct armwatch_score score;
        assert_int_equal(armwatch_monitor_push(monitor, (i + 1) * PERIOD_NS, values, &score), 0);
        assert_int_equal(score.evaluated, i >= 3);
        assert_int_equal(score.alert, raised - cleared + (score.event == ARMWATCH_RAISED) -
                                          (score.event == ARMWATCH_CLEARED));
        evaluated += score.evaluated;
        raised += score.event == ARMWATCH_RAISED;
        cleared += score.event == ARMWATCH_CLEARED;
        if (i >= 25 && i < 40)
            assert_true(score.score > 1);
        if (i < 20 || i >= 44)
            assert_true(score.score < 1);
    }
    assert_int_equal(evaluated, 97);
    assert_int_equal(raised, 1);
    assert_int_equal(cleared, 1);
    armwatch_monitor_free(monitor);
}

static void test_refuses_what_is_no_sample(void **state)
{
    armwatch_model *model = load_tiny(&(struct tiny_model){0});
    armwatch_monitor *monitor;
    struct armwatch_score score;
    assert_int_equal(armwatch_monitor_new(model, -1, &monitor), -EINVAL);
    assert_int_equal(armwatch_monitor_new(model, 24, &monitor), 0);
    const float good[3] = {0, 0, 0}, bad[3] = {0, (float)NAN, 0};
    for (int i = 1; i <= 4; i++)
        assert_int_equal(armwatch_monitor_push(monitor, i * PERIOD_NS, good, &score), 0);
    assert_int_equal(score.evaluated, 1);
    assert_int_equal(armwatch_monitor_push(monitor, 4 * PERIOD_NS, good, &score), -EEXIST);
    assert_int_equal(armwatch_monitor_push(monitor, 5 * PERIOD_NS, bad, &score), -EINVAL);
    for (int i = 6; i <= 8; i++) {
        assert_int_equal(armwatch_monitor_push(monitor, i * PERIOD_NS, good, &score), 0);
        assert_int_equal(score.evaluated, 0); /* the bad sample is missing in the window */
    }
    assert_int_equal(armwatch_monitor_push(monitor, 9 * PERIOD_NS, good, &score), 0);
    assert_int_equal(score.evaluated, 1);
    armwatch_monitor_free(monitor);
    armwatch_model_free(model);
}

static void test_refuses_what_is_no_model(void **state)
{
    armwatch_model *model = NULL;
    char error[ARMWATCH_ERROR_MAX] = "";
    const char *path = fixture_path("wrong.safetensors");
    assert_int_equal(armwatch_model_load(path, &model, error), -ENOENT);
    assert_non_null(strstr(error, "wrong.safetensors"));
    tiny_model_write(&(struct tiny_model){.wrong_selftest = 1.01, .random = true}, path);
    assert_int_equal(armwatch_model_load(path, &model, error), -EINVAL);
    assert_non_null(strstr(error, "self-test"));
    assert_int_equal(armwatch_model_load(path, &model, NULL), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_says_what_the_model_is),
        cmocka_unit_test(test_raises_and_clears),
        cmocka_unit_test(test_refuses_what_is_no_sample),
        cmocka_unit_test(test_refuses_what_is_no_model),
    };
    return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
