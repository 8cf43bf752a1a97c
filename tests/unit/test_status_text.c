/* What an operator reads in `armwatch ctl status` about promises and drift. */
#include "cli/status_text.h"

#include "cli/partitions_text.h"

#include "fixture.h"

#include <stdlib.h>
#include <string.h>

/* Memory: the caller frees it. */
static char *text_of(const char *json, bool drift)
{
    cJSON *tree = json_parse(json, strlen(json), NULL);
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(tree);
    assert_non_null(out);
    if (drift)
        status_text_drift(tree, "mqtt://cell7", out);
    else
        status_text_promise(tree, out);
    assert_int_equal(fclose(out), 0);
    cJSON_Delete(tree);
    return text;
}

static void expect(const char *json, bool drift, const char *expected)
{
    char *text = text_of(json, drift);
    assert_string_equal(text, expected);
    free(text);
}

static void test_promise(void **state)
{
    expect("{\"name\":\"cell7\",\"version\":2,\"false_alarms_per_day\":1,\"supported_per_day\":"
           "0.98912,\"hours\":72.8,\"sessions\":24}",
           false,
           "model cell7 v2: target 1 false alarms a day, supported 0.989 (95 %) by 72.8 h in 24 "
           "sessions\n");
    expect("{\"name\":\"cell7\",\"version\":2,\"false_alarms_per_day\":0.5,\"supported_per_day\":"
           "36,\"hours\":2,\"sessions\":1}",
           false,
           "model cell7 v2: target 0.5 false alarms a day, supported 36 (95 %) by 2 h in 1 "
           "session\n");
    expect("{\"name\":\"new\",\"version\":1,\"false_alarms_per_day\":1,\"supported_per_day\":null}",
           false, "model new v1: target 1 false alarms a day, not calibrated: it raises nothing\n");
    expect("{\"name\":\"old daemon's\",\"version\":1}", false, "");
}

static void test_scores_that_lie_where_they_lay(void **state)
{
    expect("{\"robot\":\"kuka1\",\"model\":\"cell7\"}", true, "");
    expect("{\"robot\":\"kuka1\",\"model\":\"cell7\",\"drift\":null}", true, "");
    expect(
        "{\"robot\":\"kuka1\",\"model\":\"cell7\",\"drift\":{\"level\":\"stable\",\"psi\":0.02}}",
        true, "");
}

#define MOVED(between, channels)                                                                   \
    "{\"robot\":\"kuka1\",\"model\":\"cell7\",\"drift\":{\"level\":\"large\",\"psi\":0.412,"       \
    "\"between_sessions\":" between ",\"detector\":\"autoencoder\",\"hours\":6.21,\"since\":\"\"," \
    "\"channels\":[" channels "]}}"

static void test_scores_that_have_moved(void **state)
{
    char *text = text_of(MOVED("0.13", "{\"name\":\"sensor_id3_AccX\",\"unit\":\"g\",\"mean\":0.12,"
                                       "\"usual\":0.1,\"z\":4},{\"name\":\"x\",\"mean\":3,"
                                       "\"usual\":2,\"z\":-3}"),
                         true);
    fixture_expect_text(text,
                        "kuka1: scores of autoencoder have moved since calibration (PSI 0.41, "
                        "large, over 6.2 h; its sessions are up to 0.13 apart), since ");
    fixture_expect_text(text, "; sensor_id3_AccX mean 0.12 g, usual 0.1 g; x mean 3, usual 2\n");
    fixture_expect_text(text, "if an interval since then was healthy");
    fixture_expect_text(text, "  armwatch record --broker mqtt://cell7 --robot kuka1 --out FILE");
    fixture_expect_text(text, "  armwatch calibrate --model cell7.safetensors --normal FILE --from "
                              "TIME --to TIME --out NEW.safetensors\n");
    free(text);
}

static void test_a_calibration_of_one_session(void **state)
{
    char *text = text_of(MOVED("null", ""), true);
    fixture_expect_text(text, "it is of one session, and a new one may just be unlike it)");
    free(text);
}

static void expect_skew(const char *robot, const char *expected)
{
    cJSON *tree = json_parse(robot, strlen(robot), NULL);
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    status_text_skew(tree, out);
    assert_int_equal(fclose(out), 0);
    assert_string_equal(text, expected);
    cJSON_Delete(tree);
    free(text);
}

static void test_skew(void **state)
{
    expect_skew("{\"robot\":\"kuka1\",\"clock_skew_s\":3599.96}",
                "kuka1: times of its samples are 3600.0 s ahead of the daemon's clock\n");
    expect_skew("{\"robot\":\"kuka1\",\"clock_skew_s\":-1.04}",
                "kuka1: times of its samples are 1.0 s behind the daemon's clock\n");
    expect_skew("{\"robot\":\"kuka1\",\"clock_skew_s\":-0.9}", "");
    expect_skew("{\"robot\":\"kuka1\",\"clock_skew_s\":null}", "");
}

static void expect_commissioning(const char *json, const char *expected)
{
    cJSON *tree = json_parse(json, strlen(json), NULL);
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(tree);
    assert_non_null(out);
    status_text_thresholds(tree, out);
    status_text_commissioning(tree, "cell7", out);
    assert_int_equal(fclose(out), 0);
    cJSON_Delete(tree);
    assert_string_equal(text, expected);
    free(text);
}

static void test_commissioning(void **state)
{
    expect_commissioning("{\"robot\":\"kuka1\",\"commissioning\":null}", "");
    expect_commissioning("{\"robot\":\"kuka1\",\"commissioning\":{\"mode\":\"idle\"}}", "");
    expect_commissioning(
        "{\"robot\":\"kuka1\",\"commissioning\":{\"mode\":\"learning\",\"hours\":0,\"sessions\":0,"
        "\"false_alarms_per_day\":1,\"supported_per_day\":null,\"needed_hours\":72,"
        "\"ready_at\":null}}",
        "kuka1: commissioned: 0 of 72 h for the target of 1 false alarms a day, in 0 sessions\n");
    expect_commissioning(
        "{\"robot\":\"kuka1\",\"commissioning\":{\"mode\":\"learning\",\"hours\":80,\"sessions\":1,"
        "\"false_alarms_per_day\":1,\"supported_per_day\":0.9,\"needed_hours\":72,"
        "\"ready_at\":null,\"advice\":\"target supported: arm it\"}}",
        "kuka1: commissioned: 80 of 72 h for the target of 1 false alarms a day, in 1 session; "
        "supported 0.9 (95 %)\n"
        "  target supported: arm it: armwatch ctl --instance cell7 arm --robot kuka1\n");
    expect_commissioning(
        "{\"robot\":\"kuka1\",\"detectors\":[{\"name\":\"analog\",\"threshold\":0.75,\"blocks\":"
        "9600,"
        "\"tail\":\"pareto\"}],\"commissioning\":{\"mode\":\"armed\",\"hours\":80,\"sessions\":4,"
        "\"false_alarms_per_day\":1,\"supported_per_day\":0.9}}",
        "  analog       threshold 0.75 (9600 blocks of 30 s, pareto tail)\n"
        "kuka1: armed for 1 false alarms a day, by thresholds learnt here in 80 h in 4 sessions; "
        "supported 0.9 (95 %)\n");
}

static void expect_partitions(const char *json, const char *expected)
{
    cJSON *tree = json_parse(json, strlen(json), NULL);
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(tree);
    assert_non_null(out);
    partitions_text(tree, out);
    assert_int_equal(fclose(out), 0);
    assert_string_equal(text, expected);
    cJSON_Delete(tree);
    free(text);
}

static void test_partitions(void **state)
{
    expect_partitions("{\"instance\":\"a\"}", "");
    expect_partitions(
        "{\"partitions\":{\"count\":24,\"owned\":\"0-7,12\",\"lag_s\":0.021,"
        "\"obtained\":10,\"given\":1,\"lost\":0,\"lease\":{\"reachable\":true,"
        "\"instances\":3}}}",
        "partitions 0-7,12 of 24; 10 taken, 1 given to others, 0 lost; samples 0.021 s "
        "old\nleases: 3 instances share them\n");
    expect_partitions("{\"partitions\":{\"count\":24,\"owned\":\"\",\"lease\":{\"reachable\":"
                      "false,\"error\":\"connecting: No server\"}}}",
                      "partitions none of 24; 0 taken, 0 given to others, 0 lost; samples 0.000 s "
                      "old\nleases: no answer: connecting: No server\n");
}

static void expect_status(const char *json, const char *expected)
{
    cJSON *tree = json_parse(json, strlen(json), NULL);
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(tree);
    assert_non_null(out);
    status_text(tree, "cell7", "mqtt://cell7", out);
    assert_int_equal(fclose(out), 0);
    assert_string_equal(text, expected);
    cJSON_Delete(tree);
    free(text);
}

#define STATUS                                                                                     \
    "\"instance\":\"cell7\",\"state\":\"degraded\",\"reasons\":[\"http\",\"outbox\"],\"uptime\":"  \
    "61,"                                                                                          \
    "\"version\":\"1.2.3\",\"model\":\"arm\",\"model_version\":2,\"samples\":10,\"rejected\":1,"   \
    "\"alerts\":3,\"open_alerts\":1"
#define TEXT                                                                                       \
    "cell7 is degraded: http, outbox, up 0:01:01, version 1.2.3\n"                                 \
    "model arm v2; 10 samples, 1 rejected; 3 alerts, 1 open\n"

static void test_whole_status(void **state)
{
    expect_status("{" STATUS ",\"http\":null}", TEXT "no robot has sent samples yet\n");
    expect_status("{" STATUS ",\"http\":\"http://127.0.0.1:9464/\"}",
                  TEXT "page and metrics on its host: http://127.0.0.1:9464/\n"
                       "no robot has sent samples yet\n");
    expect_status(
        "{" STATUS ",\"robot_states\":[{\"robot\":\"kuka1\",\"state\":\"alert\",\"score\":"
        "2.5,\"coverage_1h\":0.998,\"model\":\"arm\",\"model_version\":2}]}",
        TEXT "\nROBOT            STATE          SCORE COVERAGE  MODEL              SINCE\n"
             "kuka1            alert           2.50   99.8 %  arm v2             -\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_promise),
        cmocka_unit_test(test_partitions),
        cmocka_unit_test(test_scores_that_lie_where_they_lay),
        cmocka_unit_test(test_scores_that_have_moved),
        cmocka_unit_test(test_a_calibration_of_one_session),
        cmocka_unit_test(test_skew),
        cmocka_unit_test(test_commissioning),
        cmocka_unit_test(test_whole_status),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
