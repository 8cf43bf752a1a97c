#include "golden.h"
#include "lab/mutual_information.h"

#include <errno.h>
#include <string.h>

#define CHANNELS 10

static void load(const struct golden *golden, const char *name, struct labelled_rows *ret_rows,
                 double **ret_expected)
{
    char key[32];
    size_t count, cells;
    int64_t *label = golden_values(golden, "", "label", &count);
    int *narrow = malloc(count * sizeof *narrow);
    for (size_t i = 0; i < count; i++)
        narrow[i] = (int)label[i];
    free(label);
    snprintf(key, sizeof key, "%s.input", name);
    float *values = golden_values(golden, "", key, &cells);
    assert_int_equal(cells, count * CHANNELS);
    snprintf(key, sizeof key, "%s.information", name);
    *ret_expected = golden_values(golden, "", key, &cells);
    *ret_rows = (struct labelled_rows){
        .rows = count, .channels = CHANNELS, .values = values, .label = narrow};
}

static void expect_golden(const char *name, double tolerance)
{
    struct golden golden = golden_open("mutual_information.safetensors");
    struct labelled_rows rows;
    double *expected, found[CHANNELS];
    struct diag diag = DIAG_INIT;
    load(&golden, name, &rows, &expected);
    assert_int_equal(mutual_information(&rows, found, &diag), 0);
    for (size_t c = 0; c < CHANNELS; c++) {
        if (!(fabs(found[c] - expected[c]) <= tolerance))
            fail_msg("%s, channel %zu: %.4f, expected %.4f", name, c, found[c], expected[c]);
        for (size_t other = 0; other < CHANNELS; other++) {
            if (expected[c] > expected[other] + 0.01 && found[c] <= found[other])
                fail_msg("%s: channel %zu (%.4f) before channel %zu (%.4f), expected %.4f and %.4f",
                         name, other, found[other], c, found[c], expected[other], expected[c]);
        }
    }
    free((void *)rows.values);
    free((void *)rows.label);
    free(expected);
    golden_close(&golden);
}

static void test_golden(void **state)
{
    expect_golden("smooth", 1e-6);
    expect_golden("stepped", 0.02);
    expect_golden("coarse", 0.02);
}

/* Two values that are the label itself: all of its entropy; a constant: nothing. */
static void test_ties(void **state)
{
    enum { ROWS = 1000 };
    static float values[ROWS * 2];
    static int label[ROWS];
    for (size_t i = 0; i < ROWS; i++) {
        label[i] = i % 4 == 0 ? 3 : 0;
        values[2 * i] = i % 4 == 0 ? 0.5F : -0.5F;
        values[2 * i + 1] = 144.12F;
    }
    struct labelled_rows rows = {.rows = ROWS, .channels = 2, .values = values, .label = label};
    double found[2];
    struct diag diag = DIAG_INIT;
    assert_int_equal(mutual_information(&rows, found, &diag), 0);
    expect_near(found[0], -0.25 * log(0.25) - 0.75 * log(0.75), 0.005);
    expect_near(found[1], 0, 1e-12);
}

static void test_leaves_out_invalid_rows(void **state)
{
    enum { ROWS = 40 };
    float values[ROWS];
    int label[ROWS];
    unsigned char valid[ROWS];
    for (size_t i = 0; i < ROWS; i++) {
        label[i] = i % 2;
        valid[i] = i >= 10;
        values[i] = valid[i] ? (float)i * 0.3F + (i % 2 ? 100 : 0) : 50;
    }
    struct labelled_rows all = {.rows = 30, .channels = 1, .values = values + 10, .label = label};
    struct labelled_rows rows = {
        .rows = ROWS, .channels = 1, .values = values, .label = label, .valid = valid};
    double expected, found;
    struct diag diag = DIAG_INIT;
    assert_int_equal(mutual_information(&all, &expected, &diag), 0);
    assert_int_equal(mutual_information(&rows, &found, &diag), 0);
    expect_near(found, expected, 0);
    assert_true(found > 0.6);
}

static void test_best(void **state)
{
    static const double information[] = {0.1, 0.5, 0.2, 0.5, 0.2};
    size_t places[4];
    assert_int_equal(mutual_information_best(information, 5, 3, places), 0);
    assert_int_equal(places[0], 1);
    assert_int_equal(places[1], 2);
    assert_int_equal(places[2], 3);
}

static void test_refuses(void **state)
{
    float values[20] = {0};
    int label[20] = {1, 1, 1, 1};
    struct labelled_rows rows = {.rows = 20, .channels = 1, .values = values, .label = label};
    double found;
    struct diag diag = DIAG_INIT;
    assert_int_equal(mutual_information(&rows, &found, &diag), -EINVAL);
    assert_string_equal(diag.text, "16 normal and 4 anomalous rows: mutual information with the "
                                   "label needs at least 5 of each");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),
        cmocka_unit_test(test_ties),
        cmocka_unit_test(test_leaves_out_invalid_rows),
        cmocka_unit_test(test_best),
        cmocka_unit_test(test_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
