#include "daemon/message.h"
#include "golden.h"
#include "nn/blas.h"
#include "pipeline/alert_json.h"
#include "tiny_model.h"

#include "base/clock.h"

#include <string.h>

static const double thresholds[] = {1, 0.5};

static struct score alerted_score; /* of the newest robot that make_alerted has made */

/* A robot in an episode that three bad windows raised: channel a is far off. */
static struct robot *make_alerted(struct model *model)
{
    struct robot *robot = robot_new("kuka1", 0, model, 0);
    assert_int_equal(alert_set_model(&robot->alert, model, thresholds), 0);
    float rows[4 * 3] = {0};
    for (int i = 0; i < 12; i++)
        rows[i] = i % 3 == 0 ? 4 : 0.5F;
    const struct score_request request = {rows, 4, thresholds};
    for (int i = 0; i < 3; i++) {
        struct score score = {.time_ns = (INT64_C(1795453200000) + 100 * i) * CLOCK_NS_PER_MS,
                              .seq = 4700 + (uint64_t)i};
        score_windows(model, &request, 1, &score);
        alert_push(&robot->alert, &score, false);
        alerted_score = score;
    }
    assert_true(robot->alert.episode.open);
    assert_int_equal(message_alert_id("cell7", robot->name, "anomaly", &robot->alert.episode,
                                      robot->alerts[ALERT_ANOMALY].id),
                     0);
    robot->alerts[ALERT_ANOMALY].messages = 1;
    robot->scored = true;
    return robot;
}

static cJSON *parse_and_free(char *text)
{
    struct diag diag = DIAG_INIT;
    assert_non_null(text);
    cJSON *tree = json_parse(text, strlen(text), &diag);
    if (!tree)
        fail_msg("%s: %s", text, diag.text);
    cJSON_free(text);
    return tree;
}

static const cJSON *get(const cJSON *object, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    if (!item)
        fail_msg("%s is missing", key);
    return item;
}

static void expect_text(const cJSON *object, const char *key, const char *expected)
{
    const cJSON *item = get(object, key);
    assert_true(cJSON_IsString(item));
    assert_string_equal(item->valuestring, expected);
}

static void expect_number(const cJSON *object, const char *key, double expected)
{
    const cJSON *item = get(object, key);
    assert_true(cJSON_IsNumber(item));
    expect_near(item->valuedouble, expected, 1e-5 * (1 + fabs(expected)));
}

static cJSON *alert(const struct robot *robot, enum alert_transition transition)
{
    const struct message_alert about = {.source = "armwatch/service/cell7",
                                        .transition = transition,
                                        .now_ns = INT64_C(1795453201005) * CLOCK_NS_PER_MS};
    return parse_and_free(message_alert(robot, &about));
}

static void test_alert_is_a_cloudevent(void **state)
{
    struct model *model = tiny_model_new(&(struct tiny_model){.name = "kuka-sim", .version = 3});
    struct robot *robot = make_alerted(model);
    robot->alerts[ALERT_ANOMALY].messages = 2;
    cJSON *event = alert(robot, ALERT_RAISED);
    char id[80];
    snprintf(id, sizeof id, "%s/2", robot->alerts[ALERT_ANOMALY].id);
    expect_text(event, "specversion", "1.0");
    expect_text(event, "id", id);
    expect_text(event, "source", "armwatch/service/cell7");
    expect_text(event, "type", "armwatch.alert.raised");
    expect_text(event, "subject", "robot/kuka1");
    expect_text(event, "time", "2026-11-23T17:00:01.005Z");
    expect_text(event, "datacontenttype", "application/json");
    const cJSON *data = get(event, "data");
    expect_text(data, "alert_id", robot->alerts[ALERT_ANOMALY].id);
    expect_text(data, "robot", "kuka1");
    expect_text(data, "state", "raised");
    expect_text(data, "severity", "critical");
    expect_text(data, "kind", "anomaly");
    expect_text(data, "started", "2026-11-23T17:00:00.000Z");
    assert_true(cJSON_IsNull(get(data, "ended")));
    expect_number(data, "windows", 3);
    expect_number(data, "first_seq", 4700);
    expect_number(data, "last_seq", 4702);
    double score = (16 + 0.25 + 0.25) / 3;
    expect_number(data, "score", score);
    expect_number(data, "peak_score", score);
    assert_true(get(data, "p_value")->valuedouble > 0);
    expect_text(data, "text", "arm turns otherwise than expected (4 deg/s, expected 0)");
    const cJSON *detector = get(data, "detectors")->child;
    expect_text(detector, "name", "first");
    expect_number(detector, "score", score);
    expect_number(detector, "threshold", 1);
    expect_number(detector, "ratio", score);
    const cJSON *channel = get(data, "channels")->child;
    expect_text(channel, "name", "a");
    expect_text(channel, "unit", "deg/s");
    expect_number(channel, "share", 16 / 16.5);
    expect_number(channel, "observed", 4);
    expect_number(channel, "expected", 0);
    expect_number(channel, "z", 8);
    const cJSON *group = get(data, "groups")->child;
    expect_text(group, "name", "arm");
    expect_number(group, "share", 16.25 / 16.5);
    const cJSON *of = get(data, "model");
    expect_text(of, "name", "kuka-sim");
    expect_number(of, "version", 3);
    expect_text(of, "sha256", model->sha256);
    assert_true(cJSON_IsNull(get(data, "step"))); /* no channel names one */
    cJSON_Delete(event);
    robot->alert.episode.last.attribution.finding.step = 7;
    event = alert(robot, ALERT_UPDATED);
    expect_number(get(event, "data"), "step", 7);
    cJSON_Delete(event);
    robot_free(robot);
    model_unref(model);
}

/* The name that the first of four channels gets in an alert where they are one rotation. */
static void expect_rotation(struct model *model, char *name, const char *expected)
{
    size_t four[1][4] = {{0, 1, 2, 3}};
    char *own = model->channel[0].name;
    model->channel[0].name = name;
    model->derivation.rotations = 1;
    model->derivation.rotation = four;
    const struct attribution attribution = {.channels = 1, .channel = {{.share = 1}}};
    cJSON *data = cJSON_CreateObject();
    alert_json_attribution(data, model, &attribution);
    expect_text(get(data, "channels")->child, "name", expected);
    expect_text(get(data, "channels")->child, "unit", "deg");
    cJSON_Delete(data);
    model->derivation.rotations = 0;
    model->derivation.rotation = NULL;
    model->channel[0].name = own;
}

static void test_names_of_rotations(void **state)
{
    struct model *model = tiny_model_new(&(struct tiny_model){.channels = 4});
    char longest[201], shown[200] = "";
    memset(longest, 'x', 200);
    longest[200] = '\0';
    memset(shown, 'x', 128);
    expect_rotation(model, (char[]){"link4_q1"}, "link4_rotation");
    expect_rotation(model, (char[]){"a"}, "a rotation");
    expect_rotation(model, (char[]){""}, " rotation");
    expect_rotation(model, (char[]){"link4_qw"}, "link4_qw rotation");
    expect_rotation(model, longest, strcat(shown, " rotation"));
    strcpy(longest + 197, "_q1");
    shown[128] = '_';
    expect_rotation(model, longest, shown);
    model_unref(model);
}

/* `channels` stand still, from the model's `first` on; the first are listed. */
static void expect_fault_text(const struct model *model, size_t first, size_t channels,
                              const char *expected)
{
    struct sensor_fault fault = {.channels = channels, .flat_s = 3};
    char text[ALERT_TEXT_MAX];
    for (size_t i = 0; i < channels && i < SENSOR_FAULT_LISTED_MAX; i++)
        fault.listed[i].channel = first + i;
    alert_text_fault(model, &fault, false, text);
    assert_string_equal(text, expected);
}

/* All have a character that begins with the last byte that is shown. */
static void test_names_are_cut_between_characters(void **state)
{
    struct model *model = tiny_model_new(&(struct tiny_model){.channels = 4});
    char shown[] = "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeefffffffff", too_long[70];
    char *names[] = {model->channel[2].name, model->group_labels[0], model->group_labels[1]};
    char expected[ALERT_TEXT_MAX];
    snprintf(too_long, sizeof too_long, "%s\xc3\xa4\xc3\xa4", shown);
    model->channel[2].name = model->group_labels[0] = model->group_labels[1] = too_long;
    snprintf(expected, sizeof expected,
             "%s stands still while the arm moves (1 channel flat for 3.0 s)", shown);
    expect_fault_text(model, 2, 1, expected);
    snprintf(expected, sizeof expected,
             "%s stands still while the arm moves (2 channels flat for 3.0 s)", shown);
    expect_fault_text(model, 0, 2, expected);
    snprintf(expected, sizeof expected,
             "%s and %s stand still while the arm moves (3 channels flat for 3.0 s)", shown, shown);
    expect_fault_text(model, 0, 3, expected);
    snprintf(expected, sizeof expected,
             "%s, %s and 1 more stand still while the arm moves (4 channels flat for 3.0 s)", shown,
             shown);
    expect_fault_text(model, 0, 4, expected);
    model->channel[2].name = names[0];
    model->group_labels[0] = names[1];
    model->group_labels[1] = names[2];
    model_unref(model);
}

/* Groups of `sizes` channels, in the order of the model, which all stand still but for the last
 * `moving`. */
static void expect_subject(const size_t sizes[4], size_t moving, const char *subject)
{
    static struct model_channel channels[64];
    char *labels[] = {(char[]){"link 1"}, (char[]){"link 2"}, (char[]){"link 3"},
                      (char[]){"link 4"}};
    struct model model = {.channel = channels, .groups = 4, .group_labels = labels};
    char text[ALERT_TEXT_MAX];
    for (size_t group = 0; group < 4; group++) {
        for (size_t i = 0; i < sizes[group]; i++)
            channels[model.channels++].group = group;
    }
    snprintf(text, sizeof text, "%s still while the arm moves (%zu channels flat for 3.0 s)",
             subject, model.channels - moving);
    expect_fault_text(&model, 0, model.channels - moving, text);
}

/* Where more stand still than are listed, the groups of the others are not known. */
static void test_no_group_is_left_out_in_silence(void **state)
{
    expect_subject((size_t[]){40, 0, 0, 0}, 0, "link 1 stands");
    expect_subject((size_t[]){32, 1, 0, 0}, 1, "link 1 stands");
    expect_subject((size_t[]){34, 1, 0, 0}, 0, "link 1 and perhaps more stand");
    expect_subject((size_t[]){20, 20, 0, 0}, 0, "link 1 and link 2 stand");
    expect_subject((size_t[]){16, 16, 4, 0}, 0, "link 1, link 2 and perhaps more stand");
    expect_subject((size_t[]){11, 11, 11, 0}, 0, "link 1, link 2 and 1 more stand");
    expect_subject((size_t[]){11, 11, 11, 11}, 0, "link 1, link 2 and at least 1 more stand");
}

/* In the list of channels there is room for more. */
static void test_listed_names_are_cut_between_characters(void **state)
{
    struct model *model = tiny_model_new(&(struct tiny_model){.channels = 4});
    const struct sensor_fault fault = {.channels = 1};
    char too_long[140], expected[140], *own = model->channel[0].name;
    snprintf(too_long, sizeof too_long, "%0127d\xe2\x82\xac", 1);
    snprintf(expected, sizeof expected, "%0127d", 1);
    model->channel[0].name = too_long;
    cJSON *data = cJSON_CreateObject();
    alert_json_fault(data, model, &fault);
    expect_text(get(data, "channels")->child, "name", expected);
    cJSON_Delete(data);
    strcat(expected, " rotation");
    expect_rotation(model, too_long, expected);
    model->channel[0].name = own;
    model_unref(model);
}

static void test_cleared(void **state)
{
    struct model *model = tiny_model_new(&(struct tiny_model){0});
    struct robot *robot = make_alerted(model);
    robot->alert.episode.open = false;
    robot->alert.episode.ended_ns = robot->alert.episode.started_ns + 2500 * CLOCK_NS_PER_MS;
    cJSON *event = alert(robot, ALERT_CLEARED);
    expect_text(event, "type", "armwatch.alert.cleared");
    expect_text(get(event, "data"), "state", "cleared");
    expect_text(get(event, "data"), "ended", "2026-11-23T17:00:02.500Z");
    expect_text(get(event, "data"), "text", "kuka1 moves as usual again after 2.5 s");
    cJSON_Delete(event);
    robot_free(robot);
    model_unref(model);
}

/* Between a swap and the next bad window, nothing is known in the words of the new model. */
static void test_after_a_swap(void **state)
{
    struct model *model = tiny_model_new(&(struct tiny_model){.detectors = 2});
    struct model *next = tiny_model_new(&(struct tiny_model){.name = "next"});
    struct robot *robot = make_alerted(model);
    assert_int_equal(robot_set_model(robot, next, thresholds), 0);
    cJSON *event = alert(robot, ALERT_UPDATED);
    const cJSON *data = get(event, "data");
    expect_text(data, "alert_id", robot->alerts[ALERT_ANOMALY].id);
    assert_null(get(data, "detectors")->child);
    assert_null(cJSON_GetObjectItemCaseSensitive(data, "groups"));
    expect_text(data, "text", "kuka1 moves unusually");
    expect_text(get(data, "model"), "name", "next");
    cJSON_Delete(event);
    robot_free(robot);
    model_unref(model);
    model_unref(next);
}

static void test_alert_id(void **state)
{
    const struct alert_episode episode = {.started_ns = 5, .first_seq = 7};
    char a[HASH_HEX_SIZE], b[HASH_HEX_SIZE];
    message_alert_id("cell7", "kuka1", "anomaly", &episode, a);
    message_alert_id("cell7", "kuka1", "anomaly", &episode, b);
    assert_string_equal(a, b);
    assert_int_equal(strlen(a), 32);
    message_alert_id("cell8", "kuka1", "anomaly", &episode, b);
    assert_string_not_equal(a, b);
    message_alert_id("cell7", "kuka2", "anomaly", &episode, b);
    assert_string_not_equal(a, b);
    const struct alert_episode later = {.started_ns = 6, .first_seq = 7};
    message_alert_id("cell7", "kuka1", "anomaly", &later, b);
    assert_string_not_equal(a, b);
}

static cJSON *parsed_score(const struct robot *robot, const struct score *score,
                           const double *limits)
{
    struct text text = {0};
    message_score(&text, robot, score, limits);
    return parse_and_free(text_take(&text, NULL));
}

static void test_score(void **state)
{
    struct model *model = tiny_model_new(&(struct tiny_model){.detectors = 2});
    struct robot *robot = make_alerted(model);
    struct score score = alerted_score;
    score.detector[1].evaluated = false;
    cJSON *tree = parsed_score(robot, &score, thresholds);
    expect_text(tree, "robot", "kuka1");
    expect_text(tree, "time", "2026-11-23T17:00:00.200Z");
    expect_number(tree, "seq", 4702);
    expect_number(tree, "score", 5.5);
    assert_int_equal(cJSON_GetArraySize(get(tree, "detectors")), 1);
    expect_text(tree, "model", "tiny");
    expect_number(tree, "model_version", 1);
    assert_null(cJSON_GetObjectItem(tree, "instance")); /* of a fleet only */
    cJSON_Delete(tree);
    robot->partition = 7;
    robot->owner = "a";
    robot->owner_epoch = 42;
    tree = parsed_score(robot, &score, thresholds);
    expect_number(tree, "partition", 7);
    expect_text(tree, "instance", "a");
    expect_number(tree, "epoch", 42);
    cJSON_Delete(tree);
    /* Without a calibration the limit is no number, and the ratio 0. */
    const double none[] = {(double)INFINITY, (double)INFINITY};
    tree = parsed_score(robot, &score, none);
    expect_number(tree, "score", 0);
    assert_true(cJSON_IsNull(get(get(tree, "detectors")->child, "threshold")));
    cJSON_Delete(tree);
    robot_free(robot);
    model_unref(model);
}

/* Byte for byte: it is written without a tree. */
static void test_score_text(void **state)
{
    struct model *model = tiny_model_new(&(struct tiny_model){.detectors = 2});
    struct robot *robot = make_alerted(model);
    struct score score = {.time_ns = -1, .seq = UINT64_C(1) << 53, .detectors = 2};
    const double limits[] = {0.5, 3};
    struct text text = {0};
    message_score(&text, robot, &score, limits); /* nothing was judged */
    assert_string_equal(text.data, "{\"robot\":\"kuka1\",\"time\":\"1969-12-31T23:59:59.999Z\","
                                   "\"seq\":9007199254740992,\"score\":-1,\"detectors\":[],"
                                   "\"model\":\"tiny\",\"model_version\":1}");
    text_clear(&text);
    score.detector[0].evaluated = score.detector[1].evaluated = true;
    score.detector[0].score = 1e-7 / 3;
    score.detector[1].score = (double)INFINITY;
    robot->partition = 0;
    robot->owner = "a";
    robot->owner_epoch = 1;
    message_score(&text, robot, &score, limits);
    char expected[1024];
    snprintf(expected, sizeof expected,
             "{\"robot\":\"kuka1\",\"time\":\"1969-12-31T23:59:59.999Z\","
             "\"seq\":9007199254740992,\"score\":null,\"detectors\":["
             "{\"name\":\"%s\",\"score\":3.33333e-08,\"threshold\":0.5,\"ratio\":6.66667e-08},"
             "{\"name\":\"%s\",\"score\":null,\"threshold\":3,\"ratio\":null}],"
             "\"model\":\"tiny\",\"model_version\":1,"
             "\"partition\":0,\"instance\":\"a\",\"epoch\":1}",
             model->detector[0].name, model->detector[1].name);
    assert_string_equal(text.data, expected);
    text_deinit(&text);
    robot_free(robot);
    model_unref(model);
}

static void test_state(void **state)
{
    struct model *model = tiny_model_new(&(struct tiny_model){0});
    struct robot *robot = make_alerted(model);
    int64_t now = 1000 * CLOCK_NS_PER_S;
    robot->score = 5.5;
    robot->alerts[ALERT_ANOMALY].messages = 4;
    robot_count_window(robot, true, now);
    robot_count_window(robot, false, now);
    robot_note_trouble(robot, ROBOT_OVERLOAD, now);
    robot->dated = true;
    robot->clock_skew_s = 7.25;
    cJSON *tree = parse_and_free(message_state(robot, now));
    expect_text(tree, "robot", "kuka1");
    expect_text(tree, "state", "alert");
    assert_int_equal(cJSON_GetArraySize(get(tree, "reasons")), 1);
    assert_string_equal(get(tree, "reasons")->child->valuestring, "overload");
    expect_number(tree, "score", 5.5);
    expect_number(tree, "coverage_1h", 0.5);
    expect_number(tree, "clock_skew_s", 7.25);
    const cJSON *open = get(tree, "alerts")->child;
    expect_text(open, "alert_id", robot->alerts[ALERT_ANOMALY].id);
    expect_number(open, "n", 4);
    expect_text(open, "kind", "anomaly");
    expect_text(open, "severity", "critical");
    expect_text(open, "started", "2026-11-23T17:00:00.000Z");
    assert_true(cJSON_IsFalse(get(open, "acked")));
    expect_text(tree, "model", "tiny");
    expect_number(tree, "model_version", 1);
    cJSON_Delete(tree);
    robot->stale = true;
    tree = parse_and_free(message_state(robot, now + 60 * CLOCK_NS_PER_S));
    expect_text(tree, "state", "stale");
    assert_string_equal(get(tree, "reasons")->child->valuestring, "alert");
    cJSON_Delete(tree);
    robot_free(robot);
    model_unref(model);
}

/* ---- memory ---- */

static long allocations_left = -1; /* before one fails; negative: none does */

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);

void *__wrap_malloc(size_t size)
{
    return allocations_left >= 0 && allocations_left-- == 0 ? NULL : __real_malloc(size);
}

/* A message is whole, or there is none: cJSON leaves out what it has no memory for. */
static void test_no_alert_lacks_a_member(void **state)
{
    struct model *model = tiny_model_new(&(struct tiny_model){0});
    struct robot *robot = make_alerted(model);
    const struct message_alert alert = {.source = "armwatch/service/cell7",
                                        .kind = ALERT_ANOMALY,
                                        .transition = ALERT_RAISED,
                                        .now_ns = INT64_C(1795453201005) * CLOCK_NS_PER_MS};
    json_watch_memory();
    char *whole = message_alert(robot, &alert);
    assert_non_null(whole);
    long refused = 0;
    for (bool denied = true; denied;) {
        allocations_left = refused;
        char *text = message_alert(robot, &alert);
        denied = allocations_left < 0;
        allocations_left = -1;
        if (denied != !text)
            fail_msg("allocation %ld was denied: %s", refused, text ? text : "-");
        if (text)
            assert_string_equal(text, whole);
        cJSON_free(text);
        refused += denied;
    }
    assert_true(refused > 100);
    cJSON_free(whole);
    robot_free(robot);
    model_unref(model);
}

static void test_state_of_a_robot_that_is_new(void **state)
{
    struct model *model = tiny_model_new(&(struct tiny_model){0});
    struct robot *robot = robot_new("new", 0, model, 0);
    assert_int_equal(alert_set_model(&robot->alert, model, thresholds), 0);
    cJSON *tree = parse_and_free(message_state(robot, CLOCK_NS_PER_S));
    expect_text(tree, "state", "warming");
    assert_true(cJSON_IsNull(get(tree, "score")));
    expect_number(tree, "coverage_1h", 1);
    assert_true(cJSON_IsNull(get(tree, "clock_skew_s")));
    assert_null(get(tree, "alerts")->child);
    assert_true(strcmp(get(tree, "since")->valuestring, "2020") > 0);
    cJSON_Delete(tree);
    robot_free(robot);
    model_unref(model);
}

int main(void)
{
    blas_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alert_is_a_cloudevent),
        cmocka_unit_test(test_names_of_rotations),
        cmocka_unit_test(test_names_are_cut_between_characters),
        cmocka_unit_test(test_listed_names_are_cut_between_characters),
        cmocka_unit_test(test_no_group_is_left_out_in_silence),
        cmocka_unit_test(test_cleared),
        cmocka_unit_test(test_after_a_swap),
        cmocka_unit_test(test_alert_id),
        cmocka_unit_test(test_score),
        cmocka_unit_test(test_score_text),
        cmocka_unit_test(test_state),
        cmocka_unit_test(test_no_alert_lacks_a_member),
        cmocka_unit_test(test_state_of_a_robot_that_is_new),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
