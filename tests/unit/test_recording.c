#include "lab/npy.h"
#include "lab/recording.h"

#include "fixture.h"

#include <errno.h>
#include <math.h>

static struct recording *load(const char *path, const struct recording_options *options)
{
    struct diag diag = DIAG_INIT;
    struct recording *recording = NULL;
    int r = recording_load(path, options, &recording, &diag);
    if (r != 0)
        fail_msg("%s: %s", path, diag.text);
    return recording;
}

static void expect_refused(const char *path, const struct recording_options *options,
                           const char *text)
{
    struct diag diag = DIAG_INIT;
    struct recording *recording = NULL;
    assert_int_equal(recording_load(path, options, &recording, &diag), -EINVAL);
    assert_null(recording);
    fixture_expect_text(diag.text, text);
}

/* What a spreadsheet makes of a logger's table: nameless columns, quoted times, a gap in time. */
static void reads_a_rough_csv(void **state)
{
    const char *path = fixture_write(
        "rough.csv", "\xef\xbb\xbfNum,Timestamp,Current_J0,cycle ,stop,grip,note,,\r\n"
                     "1,2022-10-26T08:17:21.847Z,0.5,1,FALSE,FALSE,hello,,\r\n"
                     "2,\"\"\"2022-10-26T08:17:22.852Z\"\"\",-7.39E-30,1,TRUE,FALSE,,,\r\n"
                     "3,2022-10-26 08:17:23,2.5,2,FALSE,true,x,,\r\n");
    struct recording_options options = {
        .label_columns = (const char *const[]){"stop", "grip", NULL},
        .exclude = (const char *const[]){"Num", NULL},
    };
    struct recording *r = load(path, &options);
    assert_int_equal(r->rows, 3);
    assert_int_equal(r->channels, 2);
    assert_string_equal(r->names[0], "Current_J0");
    assert_string_equal(r->names[1], "cycle");
    assert_true(r->named);
    assert_int_equal(r->holes, 0);
    assert_true(r->values[0] == 0.5F && r->values[2] == -7.39e-30F && r->values[5] == 2.0F);
    assert_int_equal(r->time_ns[0], INT64_C(1666772241847000000));
    assert_int_equal(r->time_ns[1] - r->time_ns[0], INT64_C(1005000000));
    assert_int_equal(r->time_ns[2] - r->time_ns[1], INT64_C(148000000));
    assert_int_equal(r->label[0], 0);
    assert_int_equal(r->label[1], 1);
    assert_int_equal(r->label[2], 1);
    recording_free(r);
}

/* `rows` rows of two channels with `bad` in the second channel of row 7. */
static const char *table_with(const char *bad, int rows)
{
    static char text[20000];
    int used = sprintf(text, "a;b\n");
    for (int i = 0; i < rows; i++)
        used += i == 7 ? sprintf(text + used, "%d;%s\n", i, bad)
                       : sprintf(text + used, "%d;%d.5\n", i, i);
    return fixture_write("holes.csv", text);
}

static void a_bad_cell_is_a_hole_in_its_place(void **state)
{
    static const char *const bad[] = {"", "nan", "abc", "0x10", "1e999", "7.5;8"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct recording *r = load(table_with(bad[i], 40), NULL);
        assert_int_equal(r->rows, 40);
        assert_int_equal(r->holes, 1);
        assert_int_equal(r->hole_row, 7);
        assert_int_equal(r->valid[7], 0);
        assert_int_equal(r->valid[8], 1);
        assert_true(r->values[14] == 0 && r->values[15] == 0 && r->values[17] == 8.5F);
        fixture_expect_text(r->hole_reason, "line 9");
        recording_free(r);
    }
}

static void an_empty_line_inside_is_a_hole_and_at_the_end_nothing(void **state)
{
    char text[2000];
    int used = sprintf(text, "a\n");
    for (int i = 0; i < 40; i++)
        used += i == 11 ? sprintf(text + used, "\r\n") : sprintf(text + used, "%d\r\n", i);
    sprintf(text + used, "\r\n\n");
    struct recording *r = load(fixture_write("empty.csv", text), NULL);
    assert_int_equal(r->rows, 40);
    assert_int_equal(r->holes, 1);
    assert_int_equal(r->hole_row, 11);
    assert_true(r->values[12] == 12.0F);
    recording_free(r);
}

static void too_many_holes_are_refused(void **state)
{
    struct recording_options strict = {.strict = true};
    expect_refused(table_with("x", 10), NULL, "10.0 %");
    expect_refused(table_with("x", 40), &strict, "strict");
    expect_refused(table_with("7,5", 10), NULL, "decimal point");
    struct recording *r = load(table_with("x", 20), NULL); /* exactly 5 % may be */
    assert_int_equal(r->holes, 1);
    recording_free(r);
}

static void tells_which_columns_it_leaves_out(void **state)
{
    struct recording *r = load(fixture_write("l.csv", "a,note,b,,\n1,x,2,3,\n4,,5,6,\n"), NULL);
    assert_int_equal(r->channels, 2);
    assert_string_equal(r->names[1], "b");
    assert_true(r->values[0] == 1 && r->values[1] == 2 && r->values[2] == 4 && r->values[3] == 5);
    assert_string_equal(r->left_out, "\"note\" (line 2: \"x\" is not a number), column 4 (no name "
                                     "in the header)");
    recording_free(r);
    r = load(fixture_write("l.csv", "a,b,,\n1,2,,\n"), NULL);
    assert_string_equal(r->left_out, "");
    recording_free(r);
}

/* What is written of it is read again as the same: blanks at the ends would not be. */
static void control_characters_in_names_become_blanks(void **state)
{
    struct recording *r = load(fixture_write("c.csv", "\"\x01 a\x02"
                                                      "b\nc\x05\",d\n1,2\n"),
                               NULL);
    assert_string_equal(r->names[0], "a b c");
    recording_free(r);
}

static void counts_times_that_do_not_go_on(void **state)
{
    char text[2000];
    for (int back = 0; back <= 3; back++) {
        int used = sprintf(text, "t,a\n");
        for (int i = 0; i < 40; i++)
            used += sprintf(text + used, "%d,1\n", i >= 10 && i < 10 + back ? 9 : i + 1);
        const char *path = fixture_write("t.csv", text);
        if (back == 3) { /* over 5 % */
            expect_refused(path, NULL, "3 of 40 rows, first in row 10");
            continue;
        }
        struct recording *r = load(path, NULL);
        assert_int_equal(r->late, back);
        assert_int_equal(r->late_row, back > 0 ? 10 : 0);
        assert_int_equal(r->holes, 0);
        recording_free(r);
    }
}

static void a_label_is_a_whole_number(void **state)
{
    static const struct {
        const char *text;
        int label; /* -1: none */
    } cases[] = {{"0", 0},   {"1", 1},    {"7", 7},     {"2.0", 2}, {"TRUE", 1},
                 {"-1", -1}, {"0.5", -1}, {"1e10", -1}, {"", -1},   {"x", -1}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[1000];
        int used = sprintf(text, "a,label\n1,%s\n", cases[i].text);
        for (int row = 0; row < 20; row++)
            used += sprintf(text + used, "1,0\n");
        struct recording *r = load(fixture_write("label.csv", text), NULL);
        if (r->holes != (cases[i].label < 0) ||
            r->label[0] != (cases[i].label > 0 ? cases[i].label : 0))
            fail_msg("%s: %zu holes, label %d", cases[i].text, r->holes, r->label[0]);
        recording_free(r);
    }
}

static void refuses_what_is_no_table(void **state)
{
    struct diag diag = DIAG_INIT;
    struct recording *r = NULL;
    assert_int_equal(recording_load("/nonexistent/x.csv", NULL, &r, &diag), -ENOENT);
    expect_refused(fixture_write("e.csv", ""), NULL, "empty");
    expect_refused(fixture_write("h.csv", "a,b\n"), NULL, "no rows");
    expect_refused(fixture_write("n.csv", "1,2\n3,4\n"), NULL, "header");
    expect_refused(fixture_write("d.csv", "a,a\n3,4\n"), NULL, "two columns");
    expect_refused(fixture_write("t.csv", "a,b\nx,y\n"), NULL, "no column of numbers");
    expect_refused(fixture_write("z.csv", "PK\x03\x04rest"), NULL, "zip");
    expect_refused(fixture_write("p.csv", "\x80\x04rest"), NULL, "pickle");
    expect_refused(fixture_write("q.csv", "PAR1\x15\x04\x15\x10"), NULL, "Parquet");
    recording_free(load(fixture_write("q.csv", "PAR1,b\n1,2\n"), NULL));
    struct recording_options options = {.label_columns = (const char *const[]){"fault", NULL}};
    expect_refused(fixture_write("l.csv", "a\n1\n"), &options, "fault");
    options = (struct recording_options){.time_column = "3"};
    expect_refused(fixture_write("c.csv", "a\n1\n"), &options, "time column");
}

static void finds_time_by_position_and_excludes_by_pattern(void **state)
{
    const char *path = fixture_write("p.csv", "clock\ta_temp\tb\tb_temp\n"
                                              "1763917200.1\t1\t2\t3\n1763917200.2\t1\t2\t3\n");
    struct recording_options options = {
        .time_column = "1",
        .exclude = (const char *const[]){"*_temp", NULL},
    };
    struct recording *r = load(path, &options);
    assert_int_equal(r->channels, 1);
    assert_string_equal(r->names[0], "b");
    assert_in_range(r->time_ns[1] - r->time_ns[0], 99999000, 100001000);
    recording_free(r);
}

static struct recording *example(bool with_time, bool with_label)
{
    static const char *const names[] = {"a", "b, \"c\"", "\xc3\xa4"};
    struct recording *r = recording_new(5, 3, names, with_time, with_label);
    for (size_t i = 0; i < 15; i++)
        r->values[i] = (float)i / 7.0F;
    for (size_t row = 0; row < 5; row++) {
        if (with_time)
            r->time_ns[row] = INT64_C(1763917200123456000) + (int64_t)row * 100000000;
        if (with_label)
            r->label[row] = row == 3 ? 2 : 0;
    }
    return r;
}

static void expect_equal(const struct recording *a, const struct recording *b)
{
    assert_int_equal(a->rows, b->rows);
    assert_int_equal(a->channels, b->channels);
    for (size_t i = 0; i < a->channels; i++)
        assert_string_equal(a->names[i], b->names[i]);
    for (size_t i = 0; i < a->rows * a->channels; i++)
        if (a->values[i] != b->values[i])
            fail_msg("value %zu: %.9g and %.9g", i, (double)a->values[i], (double)b->values[i]);
    assert_memory_equal(a->valid, b->valid, a->rows);
    assert_int_equal(a->time_ns != NULL, b->time_ns != NULL);
    for (size_t row = 0; a->time_ns && row < a->rows; row++)
        assert_true(llabs(a->time_ns[row] - b->time_ns[row]) < 1000);
    assert_int_equal(a->label != NULL, b->label != NULL);
    for (size_t row = 0; a->label && row < a->rows; row++)
        assert_int_equal(a->label[row], b->label[row]);
}

static void written_files_read_the_same(void **state)
{
    static const char *const paths[] = {"t.npy", "t.csv"};
    for (size_t i = 0; i < 2; i++) {
        struct recording *before = example(true, true);
        char *path = strdup(fixture_path(paths[i]));
        char *columns = strdup(fixture_path("columns.npy"));
        struct recording_output output = {path, columns, NULL, true};
        struct diag diag = DIAG_INIT;
        assert_int_equal(recording_save(before, &output, &diag), 0);
        struct recording_options options = {.columns_path = i == 0 ? columns : NULL};
        struct recording *after = load(path, &options);
        expect_equal(before, after);
        recording_free(before);
        recording_free(after);
        free(path);
        free(columns);
    }
}

/* One list of names serves the file with the label column and the one without. */
static void last_name_may_be_the_label_of_another_file(void **state)
{
    struct recording *before = example(false, false);
    char *path = strdup(fixture_path("normal.npy"));
    char *columns = strdup(fixture_path("names.npy"));
    struct recording_output output = {path, NULL, NULL, false};
    struct diag diag = DIAG_INIT;
    assert_int_equal(recording_save(before, &output, &diag), 0);
    static const char *const names[] = {"a", "b", "c", "anomaly"};
    assert_int_equal(npy_write_strings(columns, names, 4, &diag), 0);
    struct recording_options options = {.columns_path = columns};
    struct recording *after = load(path, &options);
    assert_int_equal(after->channels, 3);
    assert_null(after->label);
    recording_free(after);
    static const char *const wrong[] = {"a", "b", "c", "d"};
    assert_int_equal(npy_write_strings(columns, wrong, 4, &diag), 0);
    expect_refused(path, &options, "4 names");
    after = load(path, NULL);
    assert_false(after->named);
    assert_string_equal(after->names[2], "channel_2");
    recording_free(after);
    recording_free(before);
    free(path);
    free(columns);
}

static void a_huge_shape_without_items_is_refused(void **state)
{
    char bytes[128];
    int used = sprintf(bytes, "%s", "\x93NUMPY\x01");
    bytes[used++] = 0;
    bytes[used++] = 118;
    bytes[used++] = 0;
    sprintf(bytes + used, "%-117s",
            "{'descr': '<f8', 'fortran_order': False, "
            "'shape': (0, 1000000000000), }");
    bytes[127] = '\n';
    expect_refused(fixture_write_bytes("huge.npy", bytes, sizeof bytes), NULL, "no rows");
}

static void npy_holes_and_labels_file(void **state)
{
    static const char *const names[] = {"a"};
    struct recording *before = recording_new(50, 1, names, false, true);
    before->valid[4] = 0;
    before->label[9] = 1;
    char *path = strdup(fixture_path("h.npy"));
    char *labels = strdup(fixture_path("labels.npy"));
    struct recording_output output = {path, NULL, labels, false};
    struct diag diag = DIAG_INIT;
    assert_int_equal(recording_save(before, &output, &diag), 0);
    struct recording *after = load(path, NULL);
    assert_int_equal(after->holes, 1);
    assert_int_equal(after->hole_row, 4);
    struct npy *npy;
    double items[50];
    assert_int_equal(npy_open(labels, &npy, &diag), 0);
    assert_int_equal(npy->kind, 'i');
    assert_int_equal(npy_read_numbers(npy, 50, items, &diag), 0);
    assert_true(items[9] == 1 && items[8] == 0);
    npy_close(npy);
    recording_free(before);
    recording_free(after);
    free(path);
    free(labels);
}

static void select_takes_channels_in_order(void **state)
{
    struct recording *all = example(true, true), *some = NULL;
    struct diag diag = DIAG_INIT;
    static const char *const names[] = {"\xc3\xa4", "a"};
    assert_int_equal(recording_select(all, names, 2, &some, &diag), 0);
    assert_true(some->values[2] == all->values[5] && some->values[3] == all->values[3]);
    assert_int_equal(some->label[3], 2);
    recording_free(some);
    static const char *const missing[] = {"a", "zz"};
    assert_int_equal(recording_select(all, missing, 2, &some, &diag), -EINVAL);
    fixture_expect_text(diag.text, "zz");
    recording_free(all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_a_rough_csv),
        cmocka_unit_test(a_bad_cell_is_a_hole_in_its_place),
        cmocka_unit_test(an_empty_line_inside_is_a_hole_and_at_the_end_nothing),
        cmocka_unit_test(too_many_holes_are_refused),
        cmocka_unit_test(tells_which_columns_it_leaves_out),
        cmocka_unit_test(control_characters_in_names_become_blanks),
        cmocka_unit_test(counts_times_that_do_not_go_on),
        cmocka_unit_test(a_label_is_a_whole_number),
        cmocka_unit_test(refuses_what_is_no_table),
        cmocka_unit_test(finds_time_by_position_and_excludes_by_pattern),
        cmocka_unit_test(written_files_read_the_same),
        cmocka_unit_test(last_name_may_be_the_label_of_another_file),
        cmocka_unit_test(a_huge_shape_without_items_is_refused),
        cmocka_unit_test(npy_holes_and_labels_file),
        cmocka_unit_test(select_takes_channels_in_order),
    };
    return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
