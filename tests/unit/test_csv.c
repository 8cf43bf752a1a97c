#include "lab/csv.h"

#include "fixture.h"

#include <errno.h>

static struct csv *open_text(const char *text)
{
    struct csv *csv = NULL;
    struct diag diag = DIAG_INIT;
    if (csv_open(fixture_write("x.csv", text), &csv, &diag) < 0)
        fail_msg("%s", diag.text);
    return csv;
}

static void expect_row(struct csv *csv, size_t count, const char *const *cells, size_t line)
{
    struct csv_row row;
    struct diag diag = DIAG_INIT;
    int r = csv_next(csv, &row, &diag);
    if (r != 1)
        fail_msg("csv_next returned %d: %s", r, diag.text);
    assert_int_equal(row.line, line);
    assert_int_equal(row.count, count);
    for (size_t i = 0; i < count; i++)
        assert_string_equal(row.cells[i], cells[i]);
}

#define CELLS(...)                                                                                 \
    sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *), (const char *const[])             \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }

static void expect_end(struct csv *csv)
{
    struct csv_row row;
    struct diag diag = DIAG_INIT;
    assert_int_equal(csv_next(csv, &row, &diag), 0);
    csv_close(csv);
}

static void splits_quoted_cells(void **state)
{
    struct csv *csv = open_text("a,\"b,c\",\"d\"\"e\"\r\n1,\"two\nlines\",\"\"\"t\"\"\"\n , x ,\n");
    expect_row(csv, CELLS("a", "b,c", "d\"e"), 1);
    expect_row(csv, CELLS("1", "two\nlines", "t"), 2);
    expect_row(csv, CELLS("", "x", ""), 4);
    expect_end(csv);
}

static void finds_the_separator_in_the_header(void **state)
{
    struct csv *csv = open_text("\xef\xbb\xbf\"a,b\";c;d\n1,5;2;3");
    expect_row(csv, CELLS("a,b", "c", "d"), 1);
    expect_row(csv, CELLS("1,5", "2", "3"), 2);
    expect_end(csv);
    csv = open_text("a\tb\n\t\n");
    expect_row(csv, CELLS("a", "b"), 1);
    expect_row(csv, CELLS("", ""), 2);
    expect_end(csv);
    csv = open_text("only\n1\n\n");
    expect_row(csv, CELLS("only"), 1);
    expect_row(csv, CELLS("1"), 2);
    expect_row(csv, CELLS(""), 3);
    expect_end(csv);
}

static void refuses_an_open_quote_and_a_zero_byte(void **state)
{
    struct csv_row row;
    struct diag diag = DIAG_INIT;
    struct csv *csv = open_text("a,b\n1,\"2\n3,4\n");
    expect_row(csv, CELLS("a", "b"), 1);
    assert_int_equal(csv_next(csv, &row, &diag), -EINVAL);
    fixture_expect_text(diag.text, "x.csv:2: a quote");
    csv_close(csv);
    assert_int_equal(csv_open(fixture_write_bytes("z.csv", "a\n1\0\n", 5), &csv, &diag), 0);
    expect_row(csv, CELLS("a"), 1);
    assert_int_equal(csv_next(csv, &row, &diag), -EINVAL);
    fixture_expect_text(diag.text, "zero byte");
    csv_close(csv);
}

static void files_that_cannot_be_read(void **state)
{
    struct csv *csv = NULL;
    struct csv_row row;
    struct diag diag = DIAG_INIT;
    assert_int_equal(csv_open(fixture_path("none.csv"), &csv, &diag), -ENOENT);
    fixture_expect_text(diag.text, "none.csv: No such file");
    csv_close(NULL);
    assert_int_equal(csv_open(fixture_directory, &csv, &diag), 0);
    assert_int_equal(csv_next(csv, &row, &diag), -EIO);
    fixture_expect_text(diag.text, ":1: Input/output error");
    csv_close(csv);
}

static void reads_numbers_strictly(void **state)
{
    static const struct {
        const char *cell;
        bool ok;
        double value;
    } cases[] = {
        {"1.5", true, 1.5},  {"-7.39E-30", true, -7.39e-30},
        {"+3", true, 3},     {"TRUE", true, 1},
        {"false", true, 0},  {"", false, 0},
        {"1,5", false, 0},   {"0x10", false, 0},
        {"nan", false, 0},   {"inf", false, 0},
        {"1e999", false, 0}, {"1 2", false, 0},
        {"e", false, 0},     {"5-3", false, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        double value = 0;
        bool ok = csv_parse_number(cases[i].cell, &value);
        if (ok != cases[i].ok || (ok && value != cases[i].value))
            fail_msg("\"%s\": %d %g", cases[i].cell, ok, value);
    }
}

static void reads_times_in_their_unit(void **state)
{
    const int64_t expected = INT64_C(1763917200125000000);
    static const char *const cells[] = {
        "1763917200.125",
        "1763917200125",
        "1763917200125000",
        "1763917200125000000",
        "2025-11-23T17:00:00.125Z",
        "2025-11-23 17:00:00.125",
        "2025-11-23T18:00:00.125+01:00",
    };
    for (size_t i = 0; i < sizeof cells / sizeof cells[0]; i++) {
        int64_t time_ns = 0;
        assert_true(csv_parse_time(cells[i], &time_ns));
        if (time_ns != expected)
            fail_msg("\"%s\": %lld", cells[i], (long long)time_ns);
    }
    int64_t time_ns;
    assert_true(csv_parse_time("0.1", &time_ns));
    assert_int_equal(time_ns, 100000000);
    assert_true(csv_parse_time("-0.5", &time_ns));
    assert_int_equal(time_ns, -500000000);
    assert_false(csv_parse_time("yesterday", &time_ns));
    assert_false(csv_parse_time("2025-11-23T17:00:00.125000000000000000000Z", &time_ns));
    assert_false(csv_parse_time("99999999999", &time_ns)); /* past what fits */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(splits_quoted_cells),
        cmocka_unit_test(finds_the_separator_in_the_header),
        cmocka_unit_test(refuses_an_open_quote_and_a_zero_byte),
        cmocka_unit_test(files_that_cannot_be_read),
        cmocka_unit_test(reads_numbers_strictly),
        cmocka_unit_test(reads_times_in_their_unit),
    };
    return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
