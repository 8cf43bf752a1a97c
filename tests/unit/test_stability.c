#include "pipeline/stability_json.h"

#include "golden.h"
#include "tiny_model.h"

#include "base/clock.h"

#include <string.h>

#define PERIOD_NS CLOCK_NS_PER_S
#define BLOCK 30 /* rows a second apart */
#define START (INT64_C(1795453200) * CLOCK_NS_PER_S)

/* ---- blocks */

static void test_blocks_are_full_or_end_early(void **state)
{
    struct block_means means;
    const double one = 1, three = 3, unknown = (double)NAN;
    assert_int_equal(block_means_init(&means, 1, 4, 1), 0);
    const struct {
        int64_t time_s;
        double value;
        double mean; /* of the block that this push ends; 0: it ends none */
    } pushes[] = {
        {0, one, 0},      {1, three, 0},    {2, three, 0},    {3, one, 2}, /* full */
        {4, three, 0},    {5, three, 0},    {10, one, 3},                  /* a gap; half full */
        {20, three, 0},                                                    /* a gap; too short */
        {19, one, 0},                                                      /* a step back */
        {20, unknown, 0}, {21, unknown, 0}, {22, three, 2},                /* half is known */
        {23, unknown, 0}, {24, unknown, 0}, {25, unknown, 0}, {26, one, unknown},
    };
    for (size_t i = 0; i < sizeof pushes / sizeof pushes[0]; i++) {
        bool ended = block_means_push(&means, pushes[i].time_s * CLOCK_NS_PER_S, &pushes[i].value);
        if (ended != (pushes[i].mean != 0))
            fail_msg("push %zu: a block has%s ended", i, ended ? "" : " not");
        if (ended && isnan(pushes[i].mean))
            assert_true(isnan(means.mean[0]));
        else if (ended)
            expect_near(means.mean[0], pushes[i].mean, 1e-12);
    }
    assert_false(block_means_end(&means));
    assert_false(block_means_push(&means, 27 * CLOCK_NS_PER_S, &one));
    block_means_restart(&means, 2); /* two to a block */
    assert_false(block_means_push(&means, 29 * CLOCK_NS_PER_S, &three));
    assert_true(block_means_push(&means, 31 * CLOCK_NS_PER_S, &three));
    expect_near(means.mean[0], 3, 0);
    block_means_deinit(&means);
}

/* ---- a robot */

/* Scores of the calibration lay evenly between 0 and 1; a has usually a mean of 5 and a spread of
 * .5, b is constant, c is not known. */
static void add_reference(cJSON *config)
{
    const char *reference = "{\"edges\":[0.1,0.2,0.3,0.4,0.5,0.6,0.7,0.8,0.9],"
                            "\"counts\":[90,90,90,90,90,90,90,90,90,90],"
                            "\"design_effect\":1,\"between_sessions\":0.15}";
    cJSON *entry;
    cJSON_ArrayForEach(entry, cJSON_GetObjectItem(config, "detectors"))
    {
        cJSON *calibration = cJSON_GetObjectItem(entry, "calibration");
        cJSON_AddItemToObject(calibration, "reference",
                              json_parse(reference, strlen(reference), NULL));
    }
    cJSON *channels = cJSON_GetObjectItem(config, "channels");
    cJSON_AddNumberToObject(cJSON_GetArrayItem(channels, 0), "mean", 5);
    cJSON_AddNumberToObject(cJSON_GetArrayItem(channels, 0), "spread", 0.5);
    cJSON_AddNumberToObject(cJSON_GetArrayItem(channels, 1), "mean", 25);
    cJSON_AddNumberToObject(cJSON_GetArrayItem(channels, 1), "spread", 0);
}

static const struct tiny_model tiny = {.edit = add_reference, .period_s = 1, .detectors = 2};

struct robot_under_test {
    struct model *model;
    struct stability stability;
    int64_t time_ns;
};

static void setup(struct robot_under_test *robot)
{
    robot->model = tiny_model_new(&tiny);
    robot->time_ns = START;
    assert_int_equal(stability_init(&robot->stability, robot->model), 0);
}

static void teardown(struct robot_under_test *robot)
{
    stability_deinit(&robot->stability);
    model_unref(robot->model);
}

/* Blocks of one value each, which go evenly from low to high; the second detector's scores are the
 * same as in the calibration. */
static void push_blocks(struct robot_under_test *robot, size_t blocks, double low, double high)
{
    for (size_t i = 0; i < blocks * BLOCK; i++) {
        double at = ((double)(i / BLOCK % 10) + 0.5) / 10;
        struct score score = {.time_ns = robot->time_ns, .detectors = 2};
        score.detector[0].score = low + at * (high - low);
        score.detector[1].score = at;
        score.detector[0].evaluated = score.detector[1].evaluated = true;
        robot->time_ns += PERIOD_NS;
        stability_push_score(&robot->stability, &score);
    }
}

static void push_rows(struct robot_under_test *robot, size_t rows, float a, float b, float c)
{
    const float values[] = {a, b, c};
    for (size_t i = 0; i < rows; i++)
        stability_push_row(&robot->stability, robot->time_ns + (int64_t)i * PERIOD_NS, values);
}

static void test_nothing_is_told_in_the_first_hour(void **state)
{
    struct robot_under_test robot;
    setup(&robot);
    push_blocks(&robot, STABILITY_LEAST_BLOCKS - 1, 0, 1);
    assert_false(robot.stability.finding.known);
    push_blocks(&robot, 1, 0.9, 1);
    const struct stability_finding *finding = &robot.stability.finding;
    assert_true(finding->known);
    assert_int_equal(finding->psi.level, PSI_STABLE);
    expect_near(finding->psi.index, 0, 0);
    expect_near(finding->hours, 1, 1e-12);
    teardown(&robot);
}

static void test_the_detector_that_moved_is_told_with_its_time(void **state)
{
    struct robot_under_test robot;
    setup(&robot);
    push_blocks(&robot, 240, 0, 1);
    const struct stability_finding *finding = &robot.stability.finding;
    int64_t known_ns = START + (STABILITY_LEAST_BLOCKS * BLOCK - 1) * PERIOD_NS;
    assert_int_equal(finding->since_ns, known_ns);
    push_blocks(&robot, 240, 0.5, 1.5);
    assert_int_equal(finding->psi.level, PSI_LARGE);
    assert_int_equal(finding->detector, 0);
    expect_near(finding->hours, 4, 1e-12);
    assert_true(finding->since_ns > START + 240 * BLOCK * PERIOD_NS);
    int64_t since_ns = finding->since_ns;
    push_blocks(&robot, 120, 0.5, 1.5);
    assert_int_equal(finding->since_ns, since_ns); /* the level has stayed */
    teardown(&robot);
}

/* After 24 hours of scores as usual nothing is left of what was before. */
static void test_the_window_is_a_day_of_evaluated_time(void **state)
{
    struct robot_under_test robot;
    setup(&robot);
    push_blocks(&robot, 480, 2, 3);
    assert_int_equal(robot.stability.finding.psi.level, PSI_LARGE);
    push_blocks(&robot, 120 * STABILITY_HOURS, 0, 1);
    assert_int_equal(robot.stability.finding.psi.level, PSI_STABLE);
    expect_near(robot.stability.finding.psi.index, 0, 0);
    expect_near(robot.stability.finding.hours, STABILITY_HOURS, 1e-12);
    push_blocks(&robot, 1, 0, 1);
    expect_near(robot.stability.finding.hours, STABILITY_HOURS - 1 + 1.0 / 120, 1e-12);
    teardown(&robot);
}

static void test_a_detector_that_judged_little_is_left_out(void **state)
{
    struct robot_under_test robot;
    setup(&robot);
    for (size_t i = 0; i < 200 * BLOCK; i++) { /* the first has moved, but judges one in three */
        struct score score = {.time_ns = START + (int64_t)i * PERIOD_NS, .detectors = 2};
        score.detector[0].score = 7;
        score.detector[0].evaluated = i % 3 == 0;
        score.detector[1].score = ((double)(i / BLOCK % 10) + 0.5) / 10;
        score.detector[1].evaluated = true;
        stability_push_score(&robot.stability, &score);
    }
    assert_true(robot.stability.finding.known);
    assert_int_equal(robot.stability.finding.detector, 1);
    assert_int_equal(robot.stability.finding.psi.level, PSI_STABLE);
    teardown(&robot);
}

static void test_channels_that_have_moved(void **state)
{
    struct robot_under_test robot;
    struct stability_channel moved[3];
    setup(&robot);
    assert_int_equal(stability_moved(&robot.stability, 3, moved), 0); /* nothing is known yet */
    push_rows(&robot, 4 * BLOCK, 6, 25, 1);
    struct stability_channel a = stability_channel(&robot.stability, 0);
    expect_near(a.mean, 6, 1e-6);
    expect_near(a.usual, 5, 0);
    expect_near(a.z, 2, 1e-6);
    expect_near(stability_channel(&robot.stability, 1).z, 0, 0);
    assert_true(isnan(stability_channel(&robot.stability, 2).z));
    assert_int_equal(stability_moved(&robot.stability, 3, moved), 0);
    robot.time_ns += 4 * BLOCK * PERIOD_NS;
    push_rows(&robot, 12 * BLOCK, 7, 27, 1); /* means 6.75 and 26.5 */
    assert_int_equal(stability_moved(&robot.stability, 3, moved), 2);
    assert_int_equal(moved[0].channel, 1); /* never anything but 25 */
    expect_near(moved[0].mean, 26.5, 1e-6);
    expect_near(moved[0].z, 99, 0);
    assert_int_equal(moved[1].channel, 0);
    expect_near(moved[1].z, 3.5, 1e-6);
    assert_int_equal(stability_moved(&robot.stability, 1, moved), 1);
    assert_int_equal(moved[0].channel, 1);
    teardown(&robot);
}

/* A day of rows as usual leaves nothing of what was before; until then some of it is there. */
static void test_channels_are_of_a_day(void **state)
{
    struct robot_under_test robot;
    setup(&robot);
    size_t part = (size_t)STABILITY_PART_BLOCKS * BLOCK;
    for (size_t p = 0; p <= STABILITY_PARTS; p++) {
        push_rows(&robot, part, p == 0 ? 9 : 5, 25, 1);
        robot.time_ns += (int64_t)part * PERIOD_NS;
        double share = p < STABILITY_PARTS ? 1.0 / (double)(p + 1) : 0;
        expect_near(stability_channel(&robot.stability, 0).mean, 5 + 4 * share, 1e-6);
    }
    teardown(&robot);
}

static void test_another_model_begins_anew(void **state)
{
    struct robot_under_test robot;
    setup(&robot);
    push_blocks(&robot, 200, 2, 3);
    push_rows(&robot, 4 * BLOCK, 9, 25, 1);
    struct model *again = tiny_model_new(&tiny);
    stability_set_model(&robot.stability, again); /* the same file, read again */
    assert_true(robot.stability.finding.known);
    struct tiny_model other = tiny;
    other.version = 2;
    struct model *next = tiny_model_new(&other);
    stability_set_model(&robot.stability, next);
    assert_false(robot.stability.finding.known);
    assert_true(isnan(stability_channel(&robot.stability, 0).mean));
    push_blocks(&robot, STABILITY_LEAST_BLOCKS, 0, 1);
    assert_true(robot.stability.finding.known);
    assert_int_equal(robot.stability.finding.psi.level, PSI_STABLE);
    model_unref(again);
    model_unref(next);
    teardown(&robot);
}

static void test_a_model_without_a_reference_tells_nothing(void **state)
{
    struct robot_under_test robot = {.time_ns = START};
    robot.model = tiny_model_new(&(struct tiny_model){.period_s = 1, .detectors = 2});
    assert_int_equal(stability_init(&robot.stability, robot.model), 0);
    push_blocks(&robot, 200, 2, 3);
    push_rows(&robot, 4 * BLOCK, 9, 25, 1);
    struct stability_channel moved[3];
    assert_false(robot.stability.finding.known);
    assert_int_equal(stability_moved(&robot.stability, 3, moved), 0);
    teardown(&robot);
}

static void expect_json(const struct stability *stability, const char *expected)
{
    cJSON *object = cJSON_CreateObject();
    stability_json(object, stability);
    char *text = cJSON_PrintUnformatted(object);
    assert_string_equal(text, expected);
    cJSON_free(text);
    cJSON_Delete(object);
}

static void test_as_json(void **state)
{
    struct robot_under_test robot;
    setup(&robot);
    expect_json(&robot.stability, "{\"drift\":null}");
    push_rows(&robot, 4 * BLOCK, 7, 25, 1);
    push_blocks(&robot, 120, 0, 1);
    char expected[512], since[CLOCK_RFC3339_MAX], index[32];
    clock_format_rfc3339(robot.stability.finding.since_ns, since);
    snprintf(expected, sizeof expected,
             "{\"drift\":{\"level\":\"stable\",\"psi\":0,\"between_sessions\":null,"
             "\"detector\":\"%s\",\"hours\":1,\"since\":\"%s\"}}",
             robot.model->detector[0].name, since);
    expect_json(&robot.stability, expected);
    push_blocks(&robot, 120, 2, 3);
    clock_format_rfc3339(robot.stability.finding.since_ns, since);
    snprintf(index, sizeof index, "%.6g", robot.stability.finding.psi.index);
    snprintf(expected, sizeof expected,
             "{\"drift\":{\"level\":\"large\",\"psi\":%s,\"between_sessions\":null,"
             "\"detector\":\"%s\",\"hours\":2,\"since\":\"%s\",\"channels\":[{\"name\":\"a\","
             "\"unit\":\"%s\",\"mean\":7,\"usual\":5,\"z\":4}]}}",
             index, robot.model->detector[0].name, since, robot.model->channel[0].unit);
    expect_json(&robot.stability, expected);
    teardown(&robot);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_blocks_are_full_or_end_early),
        cmocka_unit_test(test_nothing_is_told_in_the_first_hour),
        cmocka_unit_test(test_the_detector_that_moved_is_told_with_its_time),
        cmocka_unit_test(test_the_window_is_a_day_of_evaluated_time),
        cmocka_unit_test(test_a_detector_that_judged_little_is_left_out),
        cmocka_unit_test(test_channels_that_have_moved),
        cmocka_unit_test(test_channels_are_of_a_day),
        cmocka_unit_test(test_another_model_begins_anew),
        cmocka_unit_test(test_a_model_without_a_reference_tells_nothing),
        cmocka_unit_test(test_as_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
