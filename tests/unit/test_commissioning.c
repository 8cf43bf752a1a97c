/* Thresholds that are learnt where the robot works: the same as calibration's, kept, bounded. */
#include "daemon/commissioning.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/rng.h"
#include "daemon/commissioning_file.h"
#include "daemon/robot.h"
#include "fixture.h"
#include "tiny_model.h"

#include <errno.h>
#include <math.h>
#include <sys/stat.h>

#define START INT64_C(1767225600000000000)
#define PERIOD_NS (CLOCK_NS_PER_S / 10)
#define BLOCK 300 /* windows */
#define GAP_NS ((int64_t)(CALIBRATION_SESSION_GAP_S * 1e9))

static const double thresholds[MODEL_DETECTORS_MAX] = {(double)INFINITY, (double)INFINITY};

/* A robot with its store, and what calibration would make of the same scores. */
struct bench {
    struct commissioning store;
    struct model *model;
    struct robot *robot;
    struct alert alert;
    struct calibration_blocks blocks[2];
    struct rng rng;
    int64_t time_ns;
};

static struct model *make_model(const char *name, bool uncalibrated)
{
    return tiny_model_new(&(struct tiny_model){
        .name = name, .detectors = 2, .uncalibrated = uncalibrated, .random = *name == 'r'});
}

static void bench_start(struct bench *bench, bool uncalibrated)
{
    *bench = (struct bench){.model = make_model("one", uncalibrated), .time_ns = START};
    bench->robot = robot_new("kuka1", 0, bench->model, 0);
    assert_non_null(bench->robot);
    assert_int_equal(alert_set_model(&bench->robot->alert, bench->model, thresholds), 0);
    commissioning_attach(&bench->store, bench->robot);
    assert_int_equal(alert_set_model(&bench->alert, bench->model, thresholds), 0);
    for (size_t d = 0; d < 2; d++)
        calibration_blocks_init(&bench->blocks[d], CALIBRATION_BLOCK_S, bench->model->period_s);
    rng_init(&bench->rng, 7);
}

static void bench_end(struct bench *bench)
{
    commissioning_deinit(&bench->store);
    robot_free(bench->robot);
    alert_deinit(&bench->alert);
    model_unref(bench->model);
    for (size_t d = 0; d < 2; d++)
        calibration_blocks_deinit(&bench->blocks[d]);
}

/* The second detector judges every other window. */
static void push_robot(struct bench *bench, const struct score *score)
{
    alert_push(&bench->robot->alert, score, false);
    commissioning_push(&bench->store, bench->robot, score);
}

static void push_offline(struct bench *bench, const struct score *score)
{
    alert_push(&bench->alert, score, true);
    for (size_t d = 0; d < 2; d++) {
        double statistic = alert_trigger_statistic(&bench->alert, d);
        if (score->detector[d].evaluated && statistic >= 0)
            assert_int_equal(calibration_blocks_push(&bench->blocks[d], score->time_ns, statistic),
                             0);
    }
}

static void run(struct bench *bench, size_t windows)
{
    for (size_t i = 0; i < windows; i++) {
        struct score score = {.time_ns = bench->time_ns, .detectors = 2};
        score.detector[0].score = fabs(rng_normal(&bench->rng));
        score.detector[1].score = 5 * fabs(rng_normal(&bench->rng));
        score.detector[0].evaluated = true;
        score.detector[1].evaluated = i % 2 == 0;
        push_robot(bench, &score);
        push_offline(bench, &score);
        bench->time_ns += PERIOD_NS;
    }
}

static void wait_for(struct bench *bench, int64_t pause_ns)
{
    bench->time_ns += pause_ns;
    for (size_t d = 0; pause_ns > GAP_NS && d < 2; d++)
        assert_int_equal(calibration_blocks_end_session(&bench->blocks[d]), 0);
}

static void expect_same_blocks(const struct calibration_blocks *found,
                               const struct calibration_blocks *expected)
{
    assert_int_equal(found->count, expected->count);
    assert_int_equal(found->windows, expected->windows);
    assert_int_equal(found->sessions, expected->sessions);
    assert_int_equal(found->in_block, expected->in_block);
    assert_memory_equal(found->maxima, expected->maxima, found->count * sizeof *found->maxima);
    for (size_t s = 0; s < found->sessions; s++) {
        assert_int_equal(found->source[s].first, expected->source[s].first);
        assert_int_equal(found->source[s].windows, expected->source[s].windows);
    }
}

static void expect_same(const struct bench *bench)
{
    const struct commissioning_record *record = bench->robot->commissioning;
    for (size_t d = 0; d < 2; d++)
        expect_same_blocks(&record->blocks[d], &bench->blocks[d]);
}

static void test_learns_what_calibration_learns(void **state)
{
    struct bench bench;
    struct diag diag = DIAG_INIT;
    bench_start(&bench, true);
    run(&bench, 40 * BLOCK + 200);
    wait_for(&bench, GAP_NS / 2); /* the same session, but not the same block */
    run(&bench, 30 * BLOCK);
    wait_for(&bench, GAP_NS + PERIOD_NS);
    run(&bench, 60 * BLOCK + 180);
    expect_same(&bench);
    struct commissioning_record *record = bench.robot->commissioning;
    assert_int_equal(record->blocks[0].sessions, 2);
    assert_int_equal(commissioning_arm(record, bench.model, 2, &diag), 0);
    for (size_t d = 0; d < 2; d++) {
        struct calibration calibration;
        double found[MODEL_DETECTORS_MAX];
        assert_int_equal(calibration_blocks_end_session(&bench.blocks[d]), 0);
        assert_int_equal(calibration_fit(&calibration, &bench.blocks[d], &diag), 0);
        commissioning_thresholds(record, found);
        assert_true(found[d] == calibration_threshold(&calibration, 1));
        calibration_deinit(&calibration);
    }
    bench_end(&bench);
}

static void test_progress(void **state)
{
    struct bench bench;
    bench_start(&bench, true);
    struct commissioning_record *record = bench.robot->commissioning;
    record->target = 100;
    struct commissioning_progress progress = commissioning_progress(record, START);
    assert_true(progress.hours == 0 && isinf(progress.supported_per_day) && !progress.ready);
    run(&bench, 50 * BLOCK);
    record->began_ns = START;
    progress = commissioning_progress(record, START + 3600 * CLOCK_NS_PER_S);
    /* of the second detector: every other window */
    assert_true(fabs(progress.hours - 0.2) < 0.02);
    assert_true(fabs(progress.rate - progress.hours) < 1e-9);
    assert_true(fabs(progress.needed_hours - 0.72) < 1e-9);
    assert_true(fabs(progress.supported_per_day * progress.hours - 72) < 1e-9);
    assert_false(progress.ready);
    run(&bench, 140 * BLOCK);
    assert_true(commissioning_progress(record, START).ready);
    bench_end(&bench);
}

static void test_raises_nothing_until_it_is_armed(void **state)
{
    struct bench bench;
    struct diag diag = DIAG_INIT;
    bench_start(&bench, false);
    assert_null(bench.robot->commissioning);
    assert_false(commissioning_learns(bench.robot));
    assert_int_equal(commissioning_begin(&bench.store, bench.robot), 0);
    assert_true(commissioning_learns(bench.robot));
    assert_true(robot_states(bench.robot, START) & 1U << ROBOT_COMMISSIONING);
    double learning[MODEL_DETECTORS_MAX];
    commissioning_thresholds(bench.robot->commissioning, learning);
    assert_true(isinf(learning[0]) && isinf(learning[1]));
    run(&bench, 10 * BLOCK);
    struct commissioning_record *record = bench.robot->commissioning;
    assert_int_equal(commissioning_arm(record, bench.model, 1, &diag), 0);
    assert_false(commissioning_learns(bench.robot));
    assert_false(robot_states(bench.robot, START) & 1U << ROBOT_COMMISSIONING);
    size_t count = record->blocks[0].count;
    run(&bench, 2 * BLOCK);
    assert_int_equal(record->blocks[0].count, count);
    commissioning_disarm(record, bench.model);
    assert_int_equal(record->mode, COMMISSIONING_IDLE);
    assert_int_equal(record->blocks[0].count, count); /* it can be armed again */
    assert_int_equal(commissioning_arm(record, bench.model, 1, &diag), 0);
    assert_int_equal(commissioning_begin(&bench.store, bench.robot), 0); /* from the beginning */
    assert_int_equal(record->blocks[0].count, 0);
    bench_end(&bench);
}

static void test_an_episode_teaches_nothing(void **state)
{
    struct bench bench;
    bench_start(&bench, false);
    alert_set_thresholds(&bench.robot->alert, (const double[]){1, 1});
    struct score score = {.detectors = 2, .time_ns = START};
    score.detector[0].score = 1000;
    score.detector[0].evaluated = true;
    for (int i = 0; i < 10; i++)
        alert_push(&bench.robot->alert, &score, false);
    assert_true(bench.robot->alert.episode.open);
    alert_set_thresholds(&bench.robot->alert, thresholds);
    assert_int_equal(commissioning_begin(&bench.store, bench.robot), 0);
    push_robot(&bench, &score);
    assert_int_equal(bench.robot->commissioning->blocks[0].in_block, 0);
    bench.robot->alert.episode.open = false;
    bench.robot->fault.episode.open = true;
    push_robot(&bench, &score);
    assert_int_equal(bench.robot->commissioning->blocks[0].in_block, 0);
    bench.robot->fault.episode.open = false;
    push_robot(&bench, &score);
    assert_int_equal(bench.robot->commissioning->blocks[0].in_block, 1);
    bench_end(&bench);
}

static void test_too_little_arms_nothing(void **state)
{
    struct bench bench;
    struct diag diag = DIAG_INIT;
    bench_start(&bench, true);
    run(&bench, BLOCK); /* under half a block of the second detector's */
    struct commissioning_record *record = bench.robot->commissioning;
    for (size_t d = 0; d < 2; d++)
        record->blocks[d].in_block = record->blocks[d].count > 0 ? 5 : 100;
    assert_int_equal(commissioning_arm(record, bench.model, 1, &diag), -ENODATA);
    fixture_expect_text(diag.text, "less than half a block");
    assert_int_equal(record->mode, COMMISSIONING_LEARNING);
    bench_end(&bench);
}

static void test_full(void **state)
{
    struct bench bench;
    bench_start(&bench, true);
    struct commissioning_record *record = bench.robot->commissioning;
    run(&bench, 2 * BLOCK);
    bench.store.total = COMMISSIONING_TOTAL_MAX;
    run(&bench, 2 * BLOCK);
    assert_true(record->full);
    assert_int_equal(record->blocks[0].count, 1); /* the filter's first windows are none */
    bench.store.total = 0;
    run(&bench, 2 * BLOCK);
    assert_false(record->full);
    assert_int_equal(record->blocks[0].count, 4); /* one was cut off by the pause */
    bench_end(&bench);
}

static void use(struct bench *bench, struct model *model)
{
    assert_int_equal(robot_set_model(bench->robot, model, thresholds), 0);
    commissioning_attach(&bench->store, bench->robot);
}

static void test_another_model_starts_anew(void **state)
{
    struct bench bench;
    struct diag diag = DIAG_INIT;
    struct model *two = make_model("two", false), *three = make_model("three", false);
    bench_start(&bench, false);
    assert_int_equal(commissioning_begin(&bench.store, bench.robot), 0);
    run(&bench, 5 * BLOCK);
    struct commissioning_record *first = bench.robot->commissioning;
    use(&bench, two); /* it was asked for: it goes on */
    assert_true(bench.robot->commissioning && bench.robot->commissioning != first);
    assert_true(commissioning_learns(bench.robot));
    assert_int_equal(bench.robot->commissioning->blocks[0].count, 0);
    use(&bench, bench.model); /* rolled back: as it was left */
    assert_ptr_equal(bench.robot->commissioning, first);
    assert_int_equal(first->blocks[0].count, 4);
    assert_int_equal(commissioning_arm(first, bench.model, 1, &diag), 0);
    use(&bench, three); /* calibrated, and nobody asked: its own thresholds */
    assert_null(bench.robot->commissioning);
    assert_int_equal(commissioning_begin(&bench.store, bench.robot), 0);
    assert_int_equal(bench.store.count, COMMISSIONING_PER_ROBOT);
    assert_null(commissioning_find(&bench.store, "kuka1", two->sha256));
    use(&bench, bench.model);
    assert_int_equal(first->mode, COMMISSIONING_ARMED);
    model_unref(two);
    model_unref(three);
    bench_end(&bench);
}

static void test_no_room(void **state)
{
    struct bench bench;
    bench_start(&bench, false);
    struct robot *robots[COMMISSIONING_RECORDS_MAX];
    for (size_t i = 0; i < COMMISSIONING_RECORDS_MAX; i++) {
        char name[16];
        snprintf(name, sizeof name, "r%zu", i);
        robots[i] = robot_new(name, i, bench.model, 0);
        assert_non_null(robots[i]);
        assert_int_equal(commissioning_begin(&bench.store, robots[i]), 0);
    }
    assert_int_equal(commissioning_begin(&bench.store, bench.robot), -ENOSPC);
    assert_null(bench.robot->commissioning);
    for (size_t i = 0; i < COMMISSIONING_RECORDS_MAX; i++)
        robot_free(robots[i]);
    bench_end(&bench);
}

/* ---- files ---- */

static void write_and_read(const struct commissioning_record *record,
                           struct commissioning_record **ret_record)
{
    struct diag diag = DIAG_INIT;
    void *data;
    size_t size;
    assert_int_equal(commissioning_file_format(record, &data, &size, &diag), 0);
    if (commissioning_file_parse(data, size, ret_record, &diag) < 0)
        fail_msg("%s", diag.text);
    for (size_t cut = 0; cut < size; cut += 1 + size / 200) {
        struct commissioning_record *none;
        assert_int_equal(commissioning_file_parse(data, cut, &none, &diag), -EINVAL);
    }
    free(data);
}

/* What was read goes on as if nothing had happened. */
static void test_file_goes_on_in_the_middle_of_a_block(void **state)
{
    struct bench bench;
    bench_start(&bench, true);
    run(&bench, 20 * BLOCK + 77);
    wait_for(&bench, GAP_NS + PERIOD_NS);
    run(&bench, 10 * BLOCK + 99);
    struct commissioning_record *before = bench.robot->commissioning, *after;
    write_and_read(before, &after);
    assert_string_equal(after->robot, "kuka1");
    assert_string_equal(after->sha256, bench.model->sha256);
    assert_int_equal(after->mode, COMMISSIONING_LEARNING);
    assert_true(after->began_ns == before->began_ns && after->last_ns == before->last_ns);
    commissioning_record_free(before);
    bench.store.record[0] = bench.robot->commissioning = after;
    run(&bench, 15 * BLOCK);
    expect_same(&bench);
    bench_end(&bench);
}

static void test_file_of_an_armed_one(void **state)
{
    struct bench bench;
    struct diag diag = DIAG_INIT;
    bench_start(&bench, false);
    assert_int_equal(commissioning_begin(&bench.store, bench.robot), 0);
    run(&bench, 150 * BLOCK);
    struct commissioning_record *record = bench.robot->commissioning, *after;
    assert_int_equal(commissioning_arm(record, bench.model, 3, &diag), 0);
    write_and_read(record, &after);
    assert_true(after->mode == COMMISSIONING_ARMED && after->per_day == 3 && after->asked);
    double found[MODEL_DETECTORS_MAX], expected[MODEL_DETECTORS_MAX];
    commissioning_thresholds(after, found);
    commissioning_thresholds(record, expected);
    assert_memory_equal(found, expected, 2 * sizeof found[0]);
    commissioning_record_free(after);
    bench_end(&bench);
}

static void expect_refused(struct commissioning_record *record, const char *text)
{
    struct diag diag = DIAG_INIT;
    struct commissioning_record *none;
    void *data;
    size_t size;
    assert_int_equal(commissioning_file_format(record, &data, &size, &diag), 0);
    assert_int_equal(commissioning_file_parse(data, size, &none, &diag), -EINVAL);
    fixture_expect_text(diag.text, text);
    free(data);
}

static void test_file_that_contradicts_itself(void **state)
{
    struct bench bench;
    bench_start(&bench, true);
    run(&bench, 5 * BLOCK);
    wait_for(&bench, GAP_NS + PERIOD_NS);
    run(&bench, 5 * BLOCK);
    struct commissioning_record *record = bench.robot->commissioning;
    struct calibration_blocks *blocks = &record->blocks[0], good = *blocks;
    blocks->windows++;
    expect_refused(record, "sessions of");
    *blocks = good;
    blocks->in_block = blocks->full;
    expect_refused(record, "contradict");
    *blocks = good;
    blocks->maxima[1] *= -1;
    expect_refused(record, "no score is under 0");
    blocks->maxima[1] *= -1;
    blocks->source[1].first = 0;
    expect_refused(record, "session 2");
    blocks->source[1].first = 4;
    strcpy(record->robot, "../kuka1");
    expect_refused(record, "no robot's name");
    strcpy(record->robot, "kuka1");
    record->mode = COMMISSIONING_ARMED;
    expect_refused(record, "armed");
    bench_end(&bench);
}

static char *only_file(const char *directory)
{
    static char path[512];
    char command[320];
    snprintf(command, sizeof command, "ls -d %s/*", directory);
    FILE *stream = popen(command, "r");
    assert_non_null(stream);
    char *line = fgets(path, sizeof path, stream);
    pclose(stream);
    if (line)
        line[strcspn(line, "\n")] = '\0';
    return line;
}

/* Nothing is written before its time; what was written is there after a restart. */
static void test_saves(void **state)
{
    struct bench bench;
    uv_loop_t loop;
    char directory[128];
    int64_t now_ns = 1000 * CLOCK_NS_PER_S;
    assert_int_equal(uv_loop_init(&loop), 0);
    bench_start(&bench, true);
    assert_int_equal(commissioning_open(&bench.store, &loop, fixture_directory), 0);
    snprintf(directory, sizeof directory, "%s/commissioning", fixture_directory);
    run(&bench, 3 * BLOCK);
    struct commissioning_record *record = bench.robot->commissioning;
    commissioning_tick(&bench.store, now_ns); /* it has begun */
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_false(record->dirty);
    run(&bench, 3 * BLOCK);
    now_ns += (COMMISSIONING_SAVE_S - 1) * CLOCK_NS_PER_S;
    commissioning_tick(&bench.store, now_ns);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_true(record->dirty);
    record->quiet = true;
    commissioning_tick(&bench.store, now_ns);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_false(record->dirty);
    struct commissioning again = {0};
    assert_int_equal(commissioning_open(&again, &loop, fixture_directory), 0);
    assert_int_equal(again.count, 1);
    expect_same_blocks(&again.record[0]->blocks[0], &record->blocks[0]);
    commissioning_deinit(&again);
    run(&bench, BLOCK);
    commissioning_flush(&bench.store);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_false(record->dirty);
    bench_end(&bench);
    assert_int_equal(uv_loop_close(&loop), 0);
}

static void test_an_unreadable_file_is_moved_aside(void **state)
{
    uv_loop_t loop;
    char directory[128], path[256], beside[300];
    assert_int_equal(uv_loop_init(&loop), 0);
    snprintf(directory, sizeof directory, "%s/other", fixture_directory);
    mkdir(directory, 0750);
    snprintf(directory, sizeof directory, "%s/other/commissioning", fixture_directory);
    mkdir(directory, 0750);
    snprintf(path, sizeof path, "%s/kuka1.0123456789abcdef.safetensors", directory);
    assert_int_equal(file_write(path, "nothing", 7, NULL), 0);
    struct commissioning store = {0};
    snprintf(beside, sizeof beside, "%s/other", fixture_directory);
    assert_int_equal(commissioning_open(&store, &loop, beside), 0);
    assert_int_equal(store.count, 0);
    snprintf(beside, sizeof beside, "%s.unreadable", path);
    assert_string_equal(only_file(directory), beside);
    commissioning_deinit(&store);
    assert_int_equal(uv_loop_close(&loop), 0);
}

int main(void)
{
    log_set_level(LOG_LEVEL_ERROR);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_learns_what_calibration_learns),
        cmocka_unit_test(test_progress),
        cmocka_unit_test(test_raises_nothing_until_it_is_armed),
        cmocka_unit_test(test_an_episode_teaches_nothing),
        cmocka_unit_test(test_too_little_arms_nothing),
        cmocka_unit_test(test_full),
        cmocka_unit_test(test_another_model_starts_anew),
        cmocka_unit_test(test_no_room),
        cmocka_unit_test(test_file_goes_on_in_the_middle_of_a_block),
        cmocka_unit_test(test_file_of_an_armed_one),
        cmocka_unit_test(test_file_that_contradicts_itself),
        cmocka_unit_test(test_saves),
        cmocka_unit_test(test_an_unreadable_file_is_moved_aside),
    };
    return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
