#include "base/rng.h"
#include "golden.h"
#include "lab/drift.h"
#include "lab/simulator.h"

#include <errno.h>
#include <string.h>

#define SESSIONS 4
#define ROWS 9000 /* 15 minutes at 10 Hz */
#define PERIOD_S 0.1

/* Channels of known behaviour; the session shifts some of them. */
enum channel {
    MOVES,
    WARMS,  /* through the whole session */
    SHIFTS, /* by more than it moves */
    GYRO_1, /* of its kind only one shifts, and not by much */
    GYRO_2,
    GYRO_3,
    YAW_1, /* of its kind most shift a little, the last not at all */
    YAW_2,
    YAW_3,
    CONSTANT, /* but for one glitch */
    ROUNDED,  /* constant but for its last bit */
    FIXED,    /* in a session, and elsewhere in the next */
    CHANNELS
};
static const char *const names[CHANNELS] = {"moves",   "warms",    "shifts",  "s1_gyro",
                                            "s2_gyro", "s3_gyro",  "s1_q1",   "s1_q2",
                                            "s12_q3",  "constant", "rounded", "fixed"};

static void fill(struct recording *recording, double session)
{
    struct rng rng;
    rng_init(&rng, 77 + (uint64_t)session);
    static const double shift[CHANNELS] = {
        [SHIFTS] = 2, [GYRO_1] = 0.5, [YAW_1] = 0.5, [YAW_2] = 0.6};
    for (size_t i = 0; i < recording->rows; i++) {
        float *row = recording->values + i * CHANNELS;
        for (size_t c = 0; c < CHANNELS; c++)
            row[c] = (float)(3 + sin(0.05 * (double)i + (double)c) * sqrt(2) +
                             0.1 * rng_normal(&rng) + shift[c] * session);
        row[WARMS] = (float)(20 + 1e-3 * (double)i + 0.1 * rng_normal(&rng));
        row[CONSTANT] = i == 4711 ? -175.86F : 144.12F;
        row[ROUNDED] = i % 2 ? 180.24F : nextafterf(180.24F, 200);
        row[FIXED] = (float)session;
    }
}

struct bench {
    struct recording *recording[SESSIONS];
    struct drift_session session[SESSIONS];
};

static struct bench bench_new(size_t rows)
{
    struct bench bench;
    for (size_t s = 0; s < SESSIONS; s++) {
        bench.recording[s] = recording_new(rows, CHANNELS, names, false, false);
        assert_non_null(bench.recording[s]);
        bench.recording[s]->named = true;
        fill(bench.recording[s], (double)s);
        bench.session[s] = (struct drift_session){bench.recording[s], 0, rows};
    }
    return bench;
}

static void bench_free(struct bench *bench)
{
    for (size_t s = 0; s < SESSIONS; s++)
        recording_free(bench->recording[s]);
}

static void expect_findings(const struct drift_session *sessions, size_t count,
                            const enum drift_finding expected[CHANNELS])
{
    struct drift_report report;
    struct diag diag = DIAG_INIT;
    assert_int_equal(drift_measure(sessions, count, PERIOD_S, &report, &diag), 0);
    for (size_t c = 0; c < CHANNELS; c++) {
        const struct drift_channel *found = &report.channel[c];
        if (found->finding != expected[c])
            fail_msg("%s: \"%s\", expected \"%s\" (share %.3f, ratio %.3f, kind %.3f, excess %.3g)",
                     names[c], drift_finding_text(found->finding), drift_finding_text(expected[c]),
                     found->block_share, found->session_ratio, found->kind_ratio,
                     found->session_excess);
    }
    drift_report_deinit(&report);
}

static const enum drift_finding one_session[CHANNELS] = {[WARMS] = DRIFT_WITHIN,
                                                         [CONSTANT] = DRIFT_CONSTANT,
                                                         [ROUNDED] = DRIFT_CONSTANT,
                                                         [FIXED] = DRIFT_CONSTANT};

static void test_findings(void **state)
{
    struct bench bench = bench_new(ROWS);
    static const enum drift_finding expected[CHANNELS] = {
        [WARMS] = DRIFT_WITHIN,      [SHIFTS] = DRIFT_BETWEEN,  [YAW_1] = DRIFT_BETWEEN,
        [YAW_2] = DRIFT_BETWEEN,     [YAW_3] = DRIFT_BETWEEN,   [FIXED] = DRIFT_BETWEEN,
        [CONSTANT] = DRIFT_CONSTANT, [ROUNDED] = DRIFT_CONSTANT};
    expect_findings(bench.session, SESSIONS, expected);
    bench_free(&bench);
}

/* One that hides it in part goes with its kind; one that shows it alone does not take others along.
 */
static void test_kind(void **state)
{
    struct bench bench = bench_new(ROWS);
    struct drift_report report;
    struct diag diag = DIAG_INIT;
    assert_int_equal(drift_measure(bench.session, SESSIONS, PERIOD_S, &report, &diag), 0);
    assert_int_equal(report.sessions, SESSIONS);
    const struct drift_channel *hiding = &report.channel[YAW_3], *alone = &report.channel[GYRO_1];
    expect_near(report.channel[YAW_1].session_ratio, 0.5 * sqrt(5.0 / 3), 0.02);
    expect_near(hiding->session_ratio, 0, 0.02);
    expect_near(hiding->kind_ratio, report.channel[YAW_1].session_ratio, 0);
    expect_near(alone->session_ratio, 0.5 * sqrt(5.0 / 3), 0.02);
    expect_near(alone->kind_ratio, 0, 0.02);
    drift_report_deinit(&report);
    bench_free(&bench);
}

static void test_one_session(void **state)
{
    struct bench bench = bench_new(ROWS);
    expect_findings(bench.session, 1, one_session);
    bench_free(&bench);
}

/* Rows that are no part of the training, and holes, change nothing. */
static void test_looks_at_valid_rows_of_the_part(void **state)
{
    struct bench bench = bench_new(ROWS + 600);
    struct recording *recording = bench.recording[0];
    for (size_t i = 0; i < 600; i++) {
        for (size_t c = 0; c < CHANNELS; c++) {
            recording->values[(ROWS + i) * CHANNELS + c] = (float)i * 1e6F;
            recording->values[3 * i * CHANNELS + c] = i < 300 ? 1e6F : 0;
        }
        recording->valid[3 * i] = 0;
    }
    bench.session[0].end = ROWS;
    expect_findings(bench.session, 1, one_session);
    bench_free(&bench);
}

/* Too short to tell wandering from a program's cycle. */
static void test_short_session(void **state)
{
    struct bench bench = bench_new(7000);
    static const enum drift_finding expected[CHANNELS] = {
        [CONSTANT] = DRIFT_CONSTANT, [ROUNDED] = DRIFT_CONSTANT};
    struct drift_report report;
    struct diag diag = DIAG_INIT;
    expect_findings(bench.session, SESSIONS, expected);
    assert_int_equal(drift_measure(bench.session, SESSIONS, PERIOD_S, &report, &diag), 0);
    assert_int_equal(report.sessions, 0);
    drift_report_deinit(&report);
    bench_free(&bench);
}

static bool ends_in(const char *name, const char *ending)
{
    size_t length = strlen(name), end = strlen(ending);
    return length >= end && !strcmp(name + length - end, ending);
}

/* Three sessions of the simulated arm: every orientation and temperature is found; accelerations
 * and angular rates stay. Only of the sensor at the foot, which hardly moves, the bias may be more
 * than the movement. */
static void test_simulated_arm(void **state)
{
    enum { COUNT = 3 };
    struct recording *recording[COUNT];
    struct drift_session session[COUNT];
    struct diag diag = DIAG_INIT;
    for (size_t s = 0; s < COUNT; s++) {
        const struct simulator_options options = {.robot_seed = 1, .session_seed = 11 + s};
        assert_int_equal(simulator_record(&options, 18000, &recording[s], &diag), 0);
        session[s] = (struct drift_session){recording[s], 0, recording[s]->rows};
    }
    struct drift_report report;
    assert_int_equal(drift_measure(session, COUNT, PERIOD_S, &report, &diag), 0);
    for (size_t c = 1; c < SIMULATOR_CHANNELS; c++) {
        const char *name = simulator_names()[c];
        const struct drift_channel *found = &report.channel[c];
        bool expected = ends_in(name, "_temp") || strstr(name, "_q");
        if (strncmp(name, "sensor_id1_Acc", 14) && expected != (found->finding != DRIFT_NONE))
            fail_msg("%s: \"%s\" (share %.3f, ratio %.3f, kind %.3f, excess %.3g)", name,
                     drift_finding_text(found->finding), found->block_share, found->session_ratio,
                     found->kind_ratio, found->session_excess);
    }
    drift_report_deinit(&report);
    for (size_t s = 0; s < COUNT; s++)
        recording_free(recording[s]);
}

static void test_refuses(void **state)
{
    struct bench bench = bench_new(ROWS);
    memset(bench.recording[0]->valid, 0, ROWS);
    struct drift_report report;
    struct diag diag = DIAG_INIT;
    assert_int_equal(drift_measure(bench.session, 1, PERIOD_S, &report, &diag), -EINVAL);
    assert_string_equal(diag.text, "no valid row to learn from");
    drift_report_deinit(&report);
    bench_free(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_findings),
        cmocka_unit_test(test_kind),
        cmocka_unit_test(test_one_session),
        cmocka_unit_test(test_looks_at_valid_rows_of_the_part),
        cmocka_unit_test(test_short_session),
        cmocka_unit_test(test_simulated_arm),
        cmocka_unit_test(test_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
