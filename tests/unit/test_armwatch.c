/* The library as another program sees it: through its public header only. */
#include <armwatch/armwatch.h>

#include "fixture.h"
#include "tiny_model.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
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
    assert_int_equal(armwatch_model_find_channel(model, "b"), 1);
    assert_int_equal(armwatch_model_find_channel(model, "B"), 3);
    assert_true(fabs(armwatch_model_period_s(model) - 0.1) < 1e-12);
    assert_true(armwatch_model_false_alarms_per_day(model) > 0);
    assert_int_equal(strlen(armwatch_model_sha256(model)), 64);
    assert_int_equal(armwatch_model_detectors(model), 1);
    assert_string_equal(armwatch_model_detector_name(model, 0), "first");
    assert_null(armwatch_model_detector_name(model, 1));
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

static void push(armwatch_monitor *monitor, int i, float value, struct armwatch_score *ret_score)
{
    const float values[3] = {value, value, value};
    assert_int_equal(armwatch_monitor_push(monitor, i * PERIOD_NS, values, ret_score), 0);
}

static void test_tells_detectors_and_what_deviates(void **state)
{
    armwatch_model *model = load_tiny(&(struct tiny_model){0});
    armwatch_monitor *monitor;
    struct armwatch_score score = {0};
    struct armwatch_detector_score part;
    char text[200] = "?", cut[5];
    assert_int_equal(armwatch_monitor_new(model, 0, &monitor), 0);
    armwatch_model_free(model);
    assert_int_equal(armwatch_monitor_detector(monitor, 1, &part), -EINVAL);
    assert_int_equal(armwatch_monitor_detector(monitor, 0, &part), 0);
    assert_int_equal(part.evaluated, 0);
    assert_true(part.threshold > 0 && isfinite(part.threshold));
    assert_int_equal(armwatch_monitor_text(monitor, text, sizeof text), 0);
    assert_string_equal(text, "");
    for (int i = 1; i <= 30 && score.event != ARMWATCH_RAISED; i++)
        push(monitor, i, i < 10 ? 0.1F + 0.01F * (float)(i % 2) : 3 + (float)i / 10, &score);
    assert_int_equal(score.event, ARMWATCH_RAISED);
    assert_int_equal(armwatch_monitor_detector(monitor, 0, &part), 0);
    assert_int_equal(part.evaluated, 1);
    assert_true(fabs(part.score / part.threshold - score.score) < 1e-9);
    size_t length = armwatch_monitor_text(monitor, text, sizeof text);
    assert_int_equal(length, strlen(text));
    assert_true(length > 5);
    assert_int_equal(armwatch_monitor_text(monitor, cut, sizeof cut), length);
    assert_memory_equal(cut, text, 4);
    assert_int_equal(cut[4], '\0');
    /* What is refused was not scored: nothing of the sample before is told as its own. */
    const float bad[3] = {0, (float)NAN, 0};
    assert_int_equal(armwatch_monitor_push(monitor, 99 * PERIOD_NS, bad, &score), -EINVAL);
    assert_int_equal(armwatch_monitor_detector(monitor, 0, &part), 0);
    assert_int_equal(part.evaluated, 0);
    armwatch_monitor_free(monitor);
}

static void test_loads_from_memory(void **state)
{
    const char *path = fixture_path("memory.safetensors");
    static unsigned char data[1 << 20];
    char error[ARMWATCH_ERROR_MAX] = "";
    armwatch_model *model = NULL, *untouched = NULL;
    tiny_model_write(&(struct tiny_model){.version = 3}, path);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t size = fread(data, 1, sizeof data, file);
    fclose(file);
    assert_int_equal(armwatch_model_load_memory(data, size, &model, error), 0);
    assert_string_equal(error, "");
    assert_int_equal(armwatch_model_version(model), 3);
    memset(data, 0, 16); /* the bytes were borrowed */
    assert_string_equal(armwatch_model_name(model), "tiny");
    armwatch_model_free(model);
    assert_int_equal(armwatch_model_load_memory(data, size, &untouched, error), -EINVAL);
    assert_true(*error);
    assert_null(untouched);
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
        cmocka_unit_test(test_tells_detectors_and_what_deviates),
        cmocka_unit_test(test_loads_from_memory),
        cmocka_unit_test(test_refuses_what_is_no_sample),
        cmocka_unit_test(test_refuses_what_is_no_model),
    };
    return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
