/* What a person reads about a model's promise. */
#include "cli/model_text.h"

#include "fixture.h"
#include "tiny_model.h"

/* left_out and provenance of the model under test, as JSON. */
static const char *left_out, *provenance;

/* The 10 blocks of the tiny model as those of three sessions. */
static void put(cJSON *config)
{
    cJSON *detector = cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(config, "detectors"), 0);
    cJSON *calibration = cJSON_GetObjectItemCaseSensitive(detector, "calibration");
    cJSON_SetNumberValue(cJSON_GetObjectItemCaseSensitive(calibration, "sessions"), 3);
    cJSON_SetNumberValue(cJSON_GetObjectItemCaseSensitive(calibration, "hours"), 6);
    cJSON_AddItemToObject(calibration, "left_out", cJSON_Parse(left_out));
    if (provenance)
        cJSON_AddItemToObject(config, "provenance", cJSON_Parse(provenance));
}

/* Memory: the caller frees it. */
static char *promise(const struct tiny_model *tiny, double per_day)
{
    struct model *model = tiny_model_new(tiny);
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    model_text_print_promise(model, per_day, out);
    assert_int_equal(fclose(out), 0);
    model_unref(model);
    return text;
}

#define SESSIONS(per_day, total, first, second)                                                    \
    "{\"false_alarms_per_day\":" #per_day ",\"over\":" #total ",\"sessions\":["                    \
    "{\"session\":1,\"hours\":2,\"blocks\":3,\"threshold\":1,\"over\":" #first "},"                \
    "{\"session\":2,\"hours\":1,\"blocks\":4,\"threshold\":1,\"over\":" #second "},"               \
    "{\"session\":4,\"hours\":3,\"blocks\":3,\"threshold\":1,\"over\":0}]}"

static void test_sessions(void **state)
{
    left_out = SESSIONS(10, 3, 1, 2);
    provenance = NULL;
    const struct tiny_model tiny = {.edit = put};
    char *text = promise(&tiny, 10);
    fixture_expect_text(text, "  sessions     each of 3 against the other 2: 3 alarms in 6.00 h, "
                              "12 a day (95 %: 3.27 to 31); worst: session 2, 2 in 1.00 h\n");
    assert_null(strstr(text, "warning")); /* 3.27 is under 10 */
    free(text);
    text = promise(&tiny, 24);
    fixture_expect_text(text, "against the other 2, at 10 a day: 3 alarms");
    free(text);
}

static void test_sessions_that_differ(void **state)
{
    left_out = SESSIONS(3, 3, 0, 3);
    provenance = "{\"calibration\":[{\"file\":\"mon.npy\"},{\"file\":\"tue.npy\"}]}";
    char *text = promise(&(struct tiny_model){.edit = put}, 3);
    fixture_expect_text(text, "worst: session 2 (tue.npy), 3 in 1.00 h\n"
                              "  warning      sessions differ more than the calibration allows");
    free(text);
}

static void test_no_alarms(void **state)
{
    left_out = SESSIONS(10, 0, 0, 0);
    provenance = NULL;
    char *text = promise(&(struct tiny_model){.edit = put}, 10);
    fixture_expect_text(text, "0 alarms in 6.00 h, 0 a day (95 %: 0 to 12)\n");
    assert_null(strstr(text, "warning"));
    free(text);
}

static void test_one_session(void **state)
{
    char *text = promise(&(struct tiny_model){0}, 1);
    fixture_expect_text(text, "(10 blocks of 30 s");
    assert_null(strstr(text, "against the other"));
    free(text);
    text = promise(&(struct tiny_model){.uncalibrated = true}, 1);
    fixture_expect_text(text, "not calibrated: it scores, but raises nothing");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sessions),
        cmocka_unit_test(test_sessions_that_differ),
        cmocka_unit_test(test_no_alarms),
        cmocka_unit_test(test_one_session),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
