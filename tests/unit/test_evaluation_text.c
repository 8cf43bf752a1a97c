/* What `evaluate --json` promises to other programs, and what a person reads. */
#include "cli/evaluation_text.h"

#include "fixture.h"

#include <math.h>

static struct model model = {.name = "arm", .version = 3, .detectors = 1};
static struct scored scored[2] = {{.name = "normal.npy"}, {.name = "slow.npy"}};

static struct evaluation_result make_result(bool ranked)
{
    const struct evaluation_figures figures = {
        .ranked = ranked,
        .ranking = {0.75, 0.5, 0.25},
        .volume = {.roc = 0.8, .pr = (double)NAN},
        .confusion = {.precision = 0.9, .recall = 0.1, .f1 = 0.18, .accuracy = 0.7},
    };
    struct evaluation_result result = {
        .model = &model,
        .scored = scored,
        .false_alarms_per_day = 1,
        .evaluation = {.windows = 1000,
                       .robot = figures,
                       .detector = {figures},
                       .detectors = 1,
                       .events = 4,
                       .events_found = ranked ? 3 : 0,
                       .alerts = 5,
                       .alerts_in_event = 4,
                       .event_precision = 0.8,
                       .healthy_hours = 2},
    };
    if (!ranked)
        result.evaluation.events = 0;
    for (int m = 0; m < BOOTSTRAP_METRICS; m++)
        result.interval[m] =
            ranked ? (struct bootstrap_interval){0.75, 0.7 + m * 0.01, 0.8}
                   : (struct bootstrap_interval){(double)NAN, (double)NAN, (double)NAN};
    snprintf(model.detector[0].name, sizeof model.detector[0].name, "autoencoder");
    return result;
}

static const cJSON *member(const cJSON *object, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    if (!item)
        fail_msg("no member %s", key);
    return item;
}

static void test_names_that_others_rely_on(void **state)
{
    static const char *const names[] = {
        "roc_auc",
        "average_precision",
        "prevalence",
        "vus_pr",
        "precision",
        "recall",
        "f1",
        "accuracy",
        "events",
        "events_found",
        "false_positive_rate",
        "delay_p50_s",
        "delay_p90_s",
        "healthy_hours",
        "windows",
        "false_alarms_per_day",
        "event_recall",
        "event_precision",
        "classes",
        "intervals",
        "model_version",
    };
    for (int ranked = 0; ranked < 2; ranked++) {
        struct evaluation_result result = make_result(ranked);
        cJSON *json = evaluation_text_json(&result);
        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
            member(json, names[i]);
        const cJSON *own = member(member(json, "detectors"), "autoencoder");
        for (size_t i = 0; i < 9; i++)
            member(own, i < 8 ? names[i] : "false_positive_rate");
        assert_int_equal(cJSON_IsNull(member(json, "roc_auc")), !ranked);
        assert_true(cJSON_IsNull(member(json, "vus_pr"))); /* never a NaN */
        assert_int_equal(cJSON_IsNull(member(json, "event_recall")), !ranked);
        assert_int_equal(cJSON_GetArraySize(member(json, "classes")), 0);
        cJSON_Delete(json);
    }
}

static void test_intervals(void **state)
{
    struct evaluation_result result = make_result(true);
    cJSON *json = evaluation_text_json(&result);
    const cJSON *intervals = member(json, "intervals");
    assert_int_equal(cJSON_GetArraySize(intervals), BOOTSTRAP_METRICS);
    const cJSON *recall = member(intervals, "event_recall_95");
    double low = cJSON_GetArrayItem(recall, 0)->valuedouble;
    if (fabs(low - (0.7 + 0.01 * BOOTSTRAP_EVENT_RECALL)) > 1e-12)
        fail_msg("low %g", low);
    assert_true(cJSON_GetArrayItem(recall, 1)->valuedouble == 0.8);
    cJSON_Delete(json);
    result = make_result(false);
    json = evaluation_text_json(&result);
    assert_true(cJSON_IsNull(member(member(json, "intervals"), "roc_auc_95")));
    cJSON_Delete(json);
}

static void add_classes(struct evaluation_result *result)
{
    result->evaluation.classes = 2;
    result->evaluation.class[0] = (struct evaluation_class){
        .label = 7, .windows = 20, .ranked = true, .ranking = {0.625, 0.5, 0.1}, .events = 2};
    result->evaluation.class[1] = (struct evaluation_class){.part = EVALUATION_SECOND_HALF,
                                                            .label = 1,
                                                            .recording = 1,
                                                            .windows = 30,
                                                            .events = 2,
                                                            .events_found = 1};
}

static void test_classes(void **state)
{
    struct evaluation_result result = make_result(true);
    add_classes(&result);
    cJSON *json = evaluation_text_json(&result);
    const cJSON *label = cJSON_GetArrayItem(member(json, "classes"), 0);
    const cJSON *half = cJSON_GetArrayItem(member(json, "classes"), 1);
    assert_string_equal(member(label, "name")->valuestring, "label 7");
    assert_string_equal(member(label, "part")->valuestring, "label");
    assert_true(member(label, "roc_auc")->valuedouble == 0.625);
    assert_true(member(label, "event_recall")->valuedouble == 0);
    assert_string_equal(member(half, "name")->valuestring, "slow.npy, second half");
    assert_string_equal(member(half, "recording")->valuestring, "slow.npy");
    assert_true(cJSON_IsNull(member(half, "roc_auc")));
    assert_true(member(half, "event_recall")->valuedouble == 0.5);
    cJSON_Delete(json);
}

static void test_text(void **state)
{
    struct evaluation_result result = make_result(true);
    char *text = NULL;
    size_t size;
    add_classes(&result);
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    evaluation_text_print(&result, out);
    assert_int_equal(fclose(out), 0);
    fixture_expect_text(text, "ROC-AUC            0.7500  (95 %: 0.7000 to 0.8000)\n");
    fixture_expect_text(text, "a random score gets 0.2500");
    fixture_expect_text(text, "3 of 4 runs of labels: 0.7500  (95 %: 0.7700 to 0.8000)");
    fixture_expect_text(text, "0.8000: 4 of 5 alerts at an event");
    fixture_expect_text(text, "label 7\n");
    fixture_expect_text(text, "slow.npy, second half\n");
    assert_null(strstr(text, "nan"));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_that_others_rely_on),
        cmocka_unit_test(test_intervals),
        cmocka_unit_test(test_classes),
        cmocka_unit_test(test_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
