/* What `armwatch record` knows of what it records. */
#include "cli/record_series.h"
#include "cli/record_stats.h"
#include "fixture.h"
#include "lab/npy.h"
#include "lab/npy_append.h"
#include "model/calibration.h"

#include <errno.h>
#include <math.h>

#define SECOND INT64_C(1000000000)
#define START (INT64_C(1764000000) * SECOND)

static char moves[] = "moves", action[] = "action", dead[] = "dead", sticks[] = "sticks";
static char *names[] = {moves, action, dead, sticks};

static void push(struct record_stats *stats, size_t first, size_t rows, int64_t from_ns)
{
    for (size_t i = first; i < first + rows; i++) {
        const float values[] = {(float)i, (float)(i / 5 % 4), 7, i < 60 ? 1 : (float)i};
        int64_t time_ns = from_ns + (int64_t)(i - first) * SECOND / 10;
        assert_int_equal(record_stats_push(stats, values, time_ns, false), 0);
    }
}

static void test_what_a_recording_holds(void **state)
{
    struct record_stats stats;
    char text[64];
    size_t longest;
    assert_int_equal(record_stats_init(&stats, names, 4, "action"), 0);
    push(&stats, 0, 60, START);
    record_stats_update(&stats);
    assert_true(fabs(stats.period_s - 0.1) < 1e-9);
    assert_int_equal(record_stats_push(&stats, NULL, START + 6 * SECOND, false), 0);
    push(&stats, 60, 20, START + 10 * SECOND);    /* a gap */
    push(&stats, 80, 20, START + 10000 * SECOND); /* a session */
    assert_int_equal(stats.rows, 101);
    assert_int_equal(stats.holes, 1);
    assert_int_equal(stats.gaps, 1);
    assert_int_equal(stats.sessions, 2);
    assert_int_equal(stats.session_rows[0], 81);
    assert_int_equal(stats.session_rows[1], 20);
    assert_int_equal(stats.cycles, 4); /* of 20 rows each */
    assert_int_equal(record_stats_dead(&stats, text, sizeof text), 1);
    assert_string_equal(text, "dead");
    assert_int_equal(record_stats_flat(&stats, text, sizeof text), 1);
    assert_string_equal(text, "sticks");
    assert_string_equal(record_stats_longest(&stats, &longest), "sticks");
    assert_int_equal(longest, 60);
    assert_true(fabs(record_stats_hours(&stats) - 100 * 0.1 / 3600) < 1e-9);
    record_stats_deinit(&stats);
}

/* Of three sessions and more training keeps whole ones, of fewer a fifth. */
static void test_what_training_keeps(void **state)
{
    struct record_stats stats;
    assert_int_equal(record_stats_init(&stats, names, 4, "action"), 0);
    push(&stats, 0, 1000, START);
    record_stats_update(&stats);
    double hours = record_stats_hours(&stats), kept = record_stats_kept_hours(&stats);
    assert_true(kept > 0.19 * hours && kept < 0.21 * hours);
    push(&stats, 0, 1000, START + 5000 * SECOND);
    push(&stats, 0, 500, START + 10000 * SECOND);
    kept = record_stats_kept_hours(&stats);
    assert_true(fabs(kept - 50.0 / 3600) < 1e-9); /* the last one */
    record_stats_deinit(&stats);
}

static void test_names_that_find_no_room(void **state)
{
    struct record_stats stats;
    char text[16];
    const float values[4] = {0};
    assert_int_equal(record_stats_init(&stats, names, 4, ""), 0);
    assert_int_equal(record_stats_push(&stats, values, START, false), 0);
    assert_int_equal(record_stats_dead(&stats, text, sizeof text), 4);
    assert_string_equal(text, "moves, ...");
    record_stats_deinit(&stats);
}

/* ---- files that grow ---- */

static void expect_rows(const char *path, size_t rows)
{
    struct npy *npy;
    struct diag diag = DIAG_INIT;
    if (npy_open(path, &npy, &diag) < 0)
        fail_msg("%s", diag.text);
    double items[3];
    assert_int_equal(npy->rows, rows);
    for (size_t row = 0; row < rows; row++) {
        assert_int_equal(npy_read_numbers(npy, 3, items, &diag), 0);
        assert_true(items[0] == (double)row && items[2] == -(double)row);
    }
    npy_close(npy);
}

static void test_a_table_that_grows(void **state)
{
    char path[256];
    struct diag diag = DIAG_INIT;
    struct npy_append *file, *other;
    snprintf(path, sizeof path, "%s", fixture_path("grows.npy"));
    assert_int_equal(npy_append_create(path, 3, &file, &diag), 0);
    assert_int_equal(npy_append_create(path, 3, &other, &diag), -EEXIST);
    for (int row = 0; row < 10; row++) {
        assert_int_equal(npy_append(file, (const double[]){row, 0, -row}, 1, &diag), 0);
        expect_rows(path, (size_t)(row / 4 * 4)); /* those that the header counts */
        if (row % 4 == 3)
            assert_int_equal(npy_append_commit(file, &diag), 0);
    }
    npy_append_close(file); /* as when it is killed: two rows are not counted */
    expect_rows(path, 8);
    assert_int_equal(npy_append_open(path, 2, 8, &file, &diag), -EINVAL);
    assert_int_equal(npy_append_open(path, 3, 9, &file, &diag), -EINVAL);
    assert_int_equal(npy_append_open(path, 3, 8, &file, &diag), 0);
    assert_int_equal(npy_append(file, (const double[]){8, 1, -8}, 1, &diag), 0);
    assert_int_equal(npy_append_commit(file, &diag), 0);
    npy_append_close(file);
    expect_rows(path, 9);
    assert_int_equal(truncate(path, 256 + 9 * 24 - 1), 0);
    assert_int_equal(npy_append_open(path, 3, 8, &file, &diag), -EINVAL); /* cut short */
}

static void test_names_of_a_series(void **state)
{
    static const struct {
        const char *path, *second;
    } cases[] = {{"normal.npy", "normal-002.npy"},
                 {"a.b/normal", "a.b/normal-002"},
                 {"a.b/normal.x.csv", "a.b/normal.x-002.csv"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct record_series series = {.path = cases[i].path};
        char *first = record_series_path(&series, 1), *second = record_series_path(&series, 2);
        assert_string_equal(first, cases[i].path);
        assert_string_equal(second, cases[i].second);
        free(first);
        free(second);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_a_recording_holds),  cmocka_unit_test(test_what_training_keeps),
        cmocka_unit_test(test_names_that_find_no_room), cmocka_unit_test(test_a_table_that_grows),
        cmocka_unit_test(test_names_of_a_series),
    };
    return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
