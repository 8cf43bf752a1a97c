/* Bad data through the command: each subcommand that reads recordings names the file, the place in
 * it and a remedy, and ends with 65 (66 where there is no file), whatever a header claims. */
#include "bench.h"
#include "toy_arm.h"

#include "lab/npy.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define LIMIT_MS 30000
#define ADDRESS_SPACE ((rlim_t)3 << 30) /* no header may talk anybody into more */

#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
#define SANITIZED 1
#elif defined __has_feature
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

/* A directory with a good recording, its names, and a model of its two channels. */
static const char *directory;

static void write_file(const char *name, const void *data, size_t size)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *stream = fopen(path, "wb");
    assert_non_null(stream);
    assert_int_equal(fwrite(data, 1, size, stream), size);
    assert_int_equal(fclose(stream), 0);
}

/* A .npy of version 1 with this header and `size` bytes of `fill`. */
/* Every second row has other bytes, one in `step` of them: rows that are all the same are a robot
 * that stands still. */
struct npy_rows {
    size_t size, row, step; /* bytes */
};

static void write_npy_rows(const char *name, const char *header, int fill,
                           const struct npy_rows *rows)
{
    size_t size = rows->size;
    unsigned char bytes[16384];
    size_t length = (10 + strlen(header) + 1 + 63) / 64 * 64 - 10;
    assert_true(10 + length + size <= sizeof bytes);
    memcpy(bytes, "\x93NUMPY\x01", 8);
    bytes[8] = (unsigned char)(length & 0xff);
    bytes[9] = (unsigned char)(length >> 8);
    memset(bytes + 10, ' ', length);
    memcpy(bytes + 10, header, strlen(header));
    bytes[10 + length - 1] = '\n';
    for (size_t i = 0; i < size; i++) {
        bool other = i / rows->row % 2 == 1 && i % rows->step == 0;
        bytes[10 + length + i] = (unsigned char)(fill ^ (other ? 0x3f : 0));
    }
    write_file(name, bytes, 10 + length + size);
}

static void write_npy(const char *name, const char *header, size_t size, int fill)
{
    write_npy_rows(name, header, fill, &(struct npy_rows){size, size, 1});
}

static int group_setup(void **state)
{
    struct diag diag = DIAG_INIT;
    char path[128], names[128];
    directory = bench_make_directory("data");
    snprintf(path, sizeof path, "%s/good.npy", directory);
    snprintf(names, sizeof names, "%s/names.npy", directory);
    struct recording *recording = toy_arm_record(2, 5, 400);
    const struct recording_output output = {.path = path, .columns_path = names};
    int r = recording_save(recording, &output, &diag);
    recording_free(recording);
    toy_arm_train(directory, &(struct toy_model){"toy", "toy", 1, 2, 1});
    const struct rlimit limit = {ADDRESS_SPACE, ADDRESS_SPACE};
    if (!SANITIZED && setrlimit(RLIMIT_AS, &limit) < 0)
        return -1;
    return r;
}

/* Waits for the command's end, and looks at its exit code and for the words in its stderr. */
static void expect(struct bench *bench, int expected, const char *words, const char *what)
{
    int code = command_wait(&bench->command, &bench->harness->loop, LIMIT_MS);
    const char *text = command_err(&bench->command);
    if (code != expected || (words && !strstr(text, words)))
        fail_msg("%s: exit code %d, expected %d with \"%s\"; stderr: %s", what, code, expected,
                 words ? words : "", text);
}

/* ---- what is refused by each subcommand ---- */

static const struct {
    const char *name, *line, *option; /* of the file; "" where it stands alone */
} readers[] = {
    {"train", "train --out m.safetensors --epochs 1 --adversary none", "--normal"},
    {"calibrate", "calibrate --model toy.safetensors --out m.safetensors", "--normal"},
    {"evaluate", "evaluate --model toy.safetensors", "--normal"},
    {"compare", "compare --anomalous good.npy --report report", "--normal"},
    {"score", "score --model toy.safetensors --out s.csv", ""},
    {"replay", "replay --broker mqtt://127.0.0.1:1 --robot r", ""},
};
enum { READERS = sizeof readers / sizeof readers[0] };

static void run_reader(struct bench *bench, size_t reader, const char *options, const char *file)
{
    command_start(&bench->command, directory, "%s %s %s %s", readers[reader].line,
                  options ? options : "", readers[reader].option, file);
}

static void expect_refused(struct bench *bench, const char *options, const char *file, int code,
                           const char *words)
{
    char what[256], path[256];
    for (size_t i = 0; i < READERS; i++) {
        run_reader(bench, i, options, file);
        snprintf(what, sizeof what, "%s %s %s", readers[i].name, options ? options : "", file);
        expect(bench, code, words, what);
        if (*command_out(&bench->command))
            fail_msg("%s: stdout: %s", what, command_out(&bench->command));
        static const char *const outputs[] = {"m.safetensors", "s.csv"};
        for (size_t o = 0; o < 2; o++) {
            snprintf(path, sizeof path, "%s/%s", directory, outputs[o]);
            if (access(path, F_OK) == 0)
                fail_msg("%s: left %s behind", what, outputs[o]);
        }
    }
}

#define HEADER(descr, order, shape)                                                                \
    "{'descr': '" descr "', 'fortran_order': " order ", 'shape': " shape ", }"
#define TABLE HEADER("<f8", "False", "(4, 2)")

static void refuses_npy_that_is_no_table(void **state)
{
    static const struct {
        const char *header;
        size_t size;
        int fill;
        const char *words;
    } cases[] = {
        {TABLE, 63, 0, "bad.npy: the header says 4 x 2 items of 8 bytes, the file has 63"},
        {TABLE, 72, 0, "cut short or changed; copy it again"},
        {TABLE, 64, 0xff, "bad.npy: row 0, column 0 (\"channel_0\"): nan is not a number; 4 of 4"},
        {TABLE, 64, 0xff, "repair the file, or --exclude a column"},
        {TABLE, 64, 0x7e, "e+301 is out of the range of float32"},
        {HEADER("<f8", "False", "(1152921504606846976, 86)"), 64, 0, "items of 8 bytes, the file"},
        {HEADER("<f8", "False", "(2305843009213693952, 8)"), 0, 0, "items of 8 bytes, the file"},
        {HEADER("<f8", "False", "(99999999999999999999, 8)"), 0, 0, "cannot be understood"},
        {HEADER("<f8", "False", "(-1, 8)"), 64, 0, "save it again with np.save"},
        {HEADER("<f8", "False", "(0, 2)"), 0, 0, "bad.npy: no rows of data (0 x 2)"},
        {HEADER("<f8", "False", "(0, 1000000000000)"), 0, 0, "no rows of data"},
        {HEADER("<f8", "False", "(4, 0)"), 0, 0, "bad.npy: no columns of data (4 x 0)"},
        {HEADER("|O", "False", "(4, 2)"), 64, 0, "Python objects (pickled)"},
        {HEADER("|O", "False", "(4, 2)"), 64, 0, "np.save(path, array.astype(float))"},
        {HEADER("<f2", "False", "(4, 2)"), 16, 0, "'<f2'; save it as float64"},
        {HEADER("<f16", "False", "(4, 2)"), 128, 0, "'<f16'; save it as float64"},
        {HEADER("<c16", "False", "(4, 2)"), 128, 0, "array.real.astype(float)"},
        {HEADER(">f8", "False", "(4, 2)"), 64, 0, "big-endian items (>f8)"},
        {HEADER("<f8", "True", "(4, 2)"), 64, 0, "np.ascontiguousarray(array)"},
        {HEADER("<f8", "False", "(8,)"), 64, 0, "1 dimension, 2 are needed"},
        {HEADER("<f8", "False", "(2, 2, 2)"), 64, 0, "3 dimensions, 2 are needed"},
        {HEADER("<f8", "False", "()"), 8, 0, "0 dimensions, 2 are needed"},
        {HEADER("<M8[s]", "False", "(4, 2)"), 64, 0, "'<M8[s]'; save it as float64"},
        {HEADER("|S4", "False", "(4, 2)"), 32, 0, "must be <U strings"},
        {HEADER("<U1", "False", "(4, 2)"), 32, 0, "is it meant as --columns?"},
        {"{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (8,), }", 64, 0,
         "a structured array"},
        {"{'descr': __import__('os').system('id')}", 0, 0, "cannot be understood"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        write_npy("bad.npy", cases[i].header, cases[i].size, cases[i].fill);
        expect_refused(*state, NULL, "bad.npy", 65, cases[i].words);
    }
}

#define TEXT(text) text, sizeof(text) - 1

static void refuses_what_is_no_file_of_samples(void **state)
{
    static const struct {
        const char *name, *text;
        size_t size;
        const char *words;
    } cases[] = {
        {"x.npy", TEXT(""), "x.npy: empty (0 bytes)"},
        {"x.csv", TEXT(""), "x.csv: empty (0 bytes)"},
        {"x.npy", TEXT("\x93NUM"), "the start of a .npy file that was cut short; copy it again"},
        {"x.npy", TEXT("\x93NUMPY\x01"), "np.save(path, array) makes one"},
        {"x.npy", TEXT("\x93NUMPY\x01\x00\x76\x00{'descr'"), "a header of 118 bytes in a file of"},
        {"x.npy", TEXT("\x93NUMPY\x02\x00\xf0\xff\xff\xff{}"), "a header of 4294967280 bytes"},
        {"x.npy", TEXT("\x93NUMPY\x09\x00\x02\x00{}"), "version 9.0, versions 1.0 to 3.0"},
        {"x.npy", TEXT("\x80\x04\x95pickle"), "a pickle, which is never opened"},
        {"x.npz", TEXT("PK\x03\x04zip"), "save the table as .npy or CSV"},
        {"x.csv",
         TEXT("\xff\xfe"
              "a\0,\0"),
         "UTF-16 text; save it as CSV in UTF-8"},
        {"x.csv", TEXT("a\0,\0b\0\n\0"), "x.csv:1: a zero byte"},
        {"x.csv", TEXT("a,b\n1,2\n3,\0\n"), "x.csv:3: a zero byte: not a text table in UTF-8"},
        {"x.csv", TEXT("\xe4,b\n1,2\n"), "the name of column 0 is not UTF-8"},
        {"x.csv", TEXT("a,b\n"), "x.csv: no rows under the header"},
        {"x.csv", TEXT("a,b\r1,2\r3,4\r"), "lines must end in LF or CRLF"},
        {"x.csv", TEXT("1,2\n3,4\n"), "x.csv:1: no names: the first row must be the header"},
        {"x.csv", TEXT("a,b\n1,2\n\"3,4\n5,6\n"), "x.csv:3: a quote is not closed"},
        {"x.csv", TEXT("a,b\n1,2,3\n4,5,6\n"), "line 2: 3 cells under a header of 2; 2 of 2"},
        {"x.csv", TEXT("a,b\n1,2\n3\n"), "x.csv: line 3, column \"b\": blank; 1 of 2 rows"},
        {"x.csv", TEXT("a,b\n1,2\n\"3\n4\",5\n"), "line 3, column \"a\": \"3 4\" is not a number"},
        {"x.csv", TEXT("a,a\n1,2\n"), "two columns are named \"a\""},
        {"x.csv", TEXT("a,b\nx,y\n"), "no column of numbers is left to use: \"a\" (line 2: \"x\""},
        {"x.csv", TEXT("a;b\n0,5;1,5\n"), "\"0,5\" is not a number; write a decimal point"},
        {"x.csv", TEXT("a,b\n1,2\n1e300,2\n"),
         "line 3, column \"a\": \"1e300\" is out of the range of float32"},
        {"x.csv", TEXT("time,a\nnoon,2\n"), "column \"time\": \"noon\" is not a time"},
        {"x.csv", TEXT("time,a\n3,1\n2,1\n1,1\n"),
         "times do not go on in 2 of 3 rows, first in row 1"},
        {"x.csv", TEXT("a,label\n1,-1\n"), "\"-1\" is no label; 0 is normal"},
        {"x.csv", TEXT("a,label\n1,0.5\n"), "\"0.5\" is no label; 0 is normal"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        write_file(cases[i].name, cases[i].text, cases[i].size);
        expect_refused(*state, NULL, cases[i].name, 65, cases[i].words);
    }
    char *long_row = malloc(3 << 20);
    assert_non_null(long_row);
    memset(long_row, '1', 3 << 20);
    memcpy(long_row, "a\n", 2);
    write_file("x.csv", long_row, 3 << 20);
    free(long_row);
    expect_refused(*state, NULL, "x.csv", 65, "x.csv:2: a row of over 1 MiB");
}

static void write_names(const char *file, const char *const *names, size_t count)
{
    char path[256];
    struct diag diag = DIAG_INIT;
    snprintf(path, sizeof path, "%s/%s", directory, file);
    if (npy_write_strings(path, names, count, &diag) < 0)
        fail_msg("%s", diag.text);
}

static void refuses_names_that_do_not_fit(void **state)
{
    static const char *const good[] = {"a", "b", "c", "d"}, *const twice[] = {"a", "a"},
                             *const empty[] = {"a", ""};
    static const struct {
        const char *const *names;
        size_t count;
        const char *words;
    } cases[] = {
        {good, 1, "good.npy: 2 columns, but x.npy has 1 names: one for each column is needed"},
        {good, 3, "one more only if it is \"anomaly\" or \"label\""},
        {good, 4, "2 columns, but x.npy has 4 names"},
        {twice, 2, "good.npy: two columns are named \"a\""},
        {empty, 2, "x.npy: name 1 is empty"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        write_names("x.npy", cases[i].names, cases[i].count);
        expect_refused(*state, "--columns x.npy", "good.npy", 65, cases[i].words);
    }
    write_npy("x.npy", HEADER("<i8", "False", "(2,)"), 16, 0);
    expect_refused(*state, "--columns x.npy", "good.npy", 65, "np.array(names, dtype=str)");
    write_npy("x.npy", HEADER("<U1", "False", "(2, 1)"), 8, 'a');
    expect_refused(*state, "--columns x.npy", "good.npy", 65, "one-dimensional array of strings");
    write_npy("x.npy", HEADER("|O", "False", "(2,)"), 16, 0);
    expect_refused(*state, "--columns x.npy", "good.npy", 65, "x.npy: an array of Python objects");
    write_file("x.npy", TEXT("a,b\n"));
    expect_refused(*state, "--columns x.npy", "good.npy", 65, "x.npy: not a .npy file");
    expect_refused(*state, "--columns nowhere.npy", "good.npy", 66, "nowhere.npy: No such file");
}

static void refuses_times_that_do_not_fit(void **state)
{
    static const struct {
        const char *header;
        size_t size;
        const char *words;
    } cases[] = {
        {HEADER("<f8", "False", "(3,)"), 24, "t.time.npy: 3 times for 4 rows"},
        {HEADER("<f8", "False", "(4, 1)"), 32, "np.save(path, times.ravel())"},
        {HEADER("<U1", "False", "(4,)"), 16, "t.time.npy: strings; times are seconds"},
        {HEADER("<f8", "False", "(4,)"), 31, "t.time.npy: the header says 4 x 1"},
        {HEADER("<f8", "False", "(4,)"), 32, "t.npy: times do not go on in 3 of 4 rows"},
    };
    write_npy("t.npy", TABLE, 64, 0);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        write_npy("t.time.npy", cases[i].header, cases[i].size, 0);
        expect_refused(*state, NULL, "t.npy", 65, cases[i].words);
    }
    write_npy("t.time.npy", HEADER("<f8", "False", "(4,)"), 32, 0x44); /* 7e20 */
    expect_refused(*state, NULL, "t.npy", 65, "is not a time in seconds; divide milliseconds by");
    write_npy("t.time.npy", HEADER("<f8", "False", "(4,)"), 32, 0xff);
    expect_refused(*state, NULL, "t.npy", 65, "row 0: nan is not a time");
}

static void refuses_options_that_name_no_column(void **state)
{
    static const struct {
        const char *options, *file, *words;
    } cases[] = {
        {"--exclude nowhere", "good.npy", "no \"nowhere\" to exclude among its 2 columns"},
        {"--exclude x*", "good.npy", "no \"x*\" to exclude among its 2 columns (channel_0,"},
        {"--exclude *", "good.npy", "good.npy: no column of numbers is left to use"},
        {"--label-column x", "good.npy", "good.npy: no label column \"x\" among its 2 columns"},
        {"--time-column x", "good.npy", "--time-column is for CSV"},
        {"--time-column x", "good.csv",
         "good.csv: no time column \"x\" among its 2 columns (a, b)"},
        {"--time-column 3", "good.csv", "good.csv: no time column \"3\""},
        {"--columns names.npy", "good.csv", "leave --columns away"},
        {"--rows 2:1", "good.npy", "0 <= FIRST < END <= 400"},
        {"--from yesterday", "good.npy", "--from yesterday: must be a time"},
        {"--to 1e30", "good.npy", "--to 1e30: must be a time"},
        {"--from 2026-01-01T00:00:40Z", "good.npy",
         "good.npy: --from, --to: no row lies within; the rows are from 2026-01-01T00:00:00.000Z "
         "to 2026-01-01T00:00:39.900Z"},
        {"--from 1767225610 --to 1767225605", "good.npy", "no row lies within"},
        {"--to 2026-01-01T00:00:40Z", "good.csv",
         "good.csv: --from, --to: the recording has no "
         "times"},
    };
    write_file("good.csv", TEXT("a,b\n1,2\n3,4\n"));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        expect_refused(*state, cases[i].options, cases[i].file, 65, cases[i].words);
    write_file("hole.csv",
               TEXT("a\n1\n1\n1\n1\n1\n1\n1\n1\n1\n1\n\n1\n1\n1\n1\n1\n1\n1\n1\n1\n1\n1\n"));
    expect_refused(*state, "--strict", "hole.csv", 65, "none may be with --strict");
}

static void a_file_that_is_not_there_is_66(void **state)
{
    char path[256];
    expect_refused(*state, NULL, "nowhere.npy", 66, "nowhere.npy: No such file");
    expect_refused(*state, NULL, "good.npy/x.npy", 66, "good.npy/x.npy: Not a directory");
    snprintf(path, sizeof path, "%s/folder.npy", directory);
    assert_int_equal(mkdir(path, 0700), 0);
    expect_refused(*state, NULL, "folder.npy", 65, "folder.npy: a directory, not a recording");
    expect_refused(*state, "--columns folder.npy", "good.npy", 65, "not a regular file");
}

static void a_file_that_may_not_be_read_is_66(void **state)
{
    char path[256];
    if (geteuid() == 0) {
        print_message("root may read everything\n");
        skip();
    }
    write_npy("secret.npy", TABLE, 64, 0);
    snprintf(path, sizeof path, "%s/secret.npy", directory);
    assert_int_equal(chmod(path, 0), 0);
    expect_refused(*state, NULL, "secret.npy", 66, "secret.npy: Permission denied");
}

/* ---- what is said and goes on ---- */

static void tells_what_is_odd(void **state)
{
    struct bench *bench = *state;
    static const struct {
        const char *header, *row, *odd; /* the row that stands in line 9 */
        const char *words;
    } cases[] = {
        {"axis1,axis2,note", "1,2,hello", "1,2,",
         "left out: \"note\" (line 2: \"hello\" is not a number)"},
        {"axis1,axis2,note", "1,2,", "1,2,", "x.csv: left out: \"note\" (line 2: blank)"},
        {"axis1,axis2,", "1,2,3", "1,2,", "left out: column 3 (no name in the header)"},
        {"axis1,axis2", "1,2", "1,nan",
         "1 of 40 rows are holes; the first: line 9, column \"axis2\": \"nan\""},
        {"axis1,axis2", "1,2", "1", "the first: line 9, column \"axis2\": blank"},
        {"axis1,axis2", "1,2", "1,2,3", "the first: line 9: 3 cells under a header of 2"},
        {"axis1,axis2", "1,2", "\"1\r\n2\",2",
         "the first: line 9, column \"axis1\": \"1  2\" is not"},
        {"axis1,axis2,label", "1,2,0", "1,2,x", "line 9, column \"label\": \"x\" is not a number"},
        {"\xef\xbb\xbf axis1;\"axis2\"", "1;2", "1;2\r", "armwatch score: 40 rows"},
        {"axis1,axis2,,", "1,2,,", "1,2,,", "armwatch score: 40 rows"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[4096];
        int used = sprintf(text, "%s\n", cases[i].header);
        for (int row = 0; row < 40; row++)
            used += sprintf(text + used, "%s\n", row == 7 ? cases[i].odd : cases[i].row);
        write_file("x.csv", text, (size_t)used);
        command_start(&bench->command, directory, "score --model toy.safetensors x.csv");
        expect(bench, 0, cases[i].words, cases[i].words);
        bool says_more = strstr(command_err(&bench->command), "left out") != NULL;
        if (says_more != (strstr(cases[i].words, "left out") != NULL))
            fail_msg("%s: stderr: %s", cases[i].words, command_err(&bench->command));
    }
}

static void tells_that_the_clock_was_set_back(void **state)
{
    struct bench *bench = *state;
    char text[4096];
    int used = sprintf(text, "time,axis1,axis2\n");
    for (int row = 0; row < 40; row++)
        used += sprintf(text + used, "%d.%d,1,2\n", row < 20 ? row + 60 : row, 5);
    write_file("x.csv", text, (size_t)used);
    command_start(&bench->command, directory, "score --model toy.safetensors x.csv");
    expect(bench, 0, "x.csv: times do not go on in 1 of 40 rows, first in row 20", "clock");
}

static void takes_an_interval_of_time(void **state)
{
    static const struct {
        const char *options, *words;
    } cases[] = {
        {"--from 2026-01-01T00:00:10Z", "300 rows"},
        {"--to 1767225605", "50 rows"},
        {"--from 1767225610 --to 2026-01-01T01:00:20+01:00", "100 rows"},
        {"--from 2026-01-01T00:00:10Z --rows 0:25", "25 rows"},
    };
    struct bench *bench = *state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        command_start(&bench->command, directory, "score --model toy.safetensors good.npy %s",
                      cases[i].options);
        expect(bench, 0, cases[i].words, cases[i].options);
    }
    command_start(&bench->command, directory,
                  "calibrate --model toy.safetensors --normal good.npy --from 1767225605 --to "
                  "1767225639 --out toy2.safetensors");
    expect(bench, 0, NULL, "calibrate");
    struct model *model = toy_arm_load(directory, "toy2");
    const cJSON *provenance = cJSON_GetObjectItemCaseSensitive(model->config, "provenance");
    const cJSON *options = cJSON_GetObjectItemCaseSensitive(provenance, "calibration_options");
    const cJSON *from = cJSON_GetObjectItemCaseSensitive(options, "from");
    assert_non_null(from);
    assert_string_equal(from->valuestring, "1767225605");
    model_unref(model);
}

static void takes_every_plain_type_of_number(void **state)
{
    static const struct {
        const char *header;
        size_t item, step; /* whole numbers: the lowest byte only, for small ones */
    } types[] = {
        {HEADER("<f4", "False", "(40, 2)"), 4, 1}, {HEADER("<f8", "False", "(40, 2)"), 8, 1},
        {HEADER("<i8", "False", "(40, 2)"), 8, 8}, {HEADER("<i4", "False", "(40, 2)"), 4, 4},
        {HEADER("<u2", "False", "(40, 2)"), 2, 2}, {HEADER("|i1", "False", "(40, 2)"), 1, 1},
        {HEADER("|b1", "False", "(40, 2)"), 1, 1},
    };
    struct bench *bench = *state;
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        write_npy_rows("x.npy", types[i].header, 0,
                       &(struct npy_rows){80 * types[i].item, 2 * types[i].item, types[i].step});
        command_start(&bench->command, directory, "score --model toy.safetensors x.npy");
        expect(bench, 0, "armwatch score: 40 rows, 36 evaluated", types[i].header);
    }
}

/* ---- labels ---- */

static void write_labelled(const char *file, int label)
{
    char text[4096];
    int used = sprintf(text, "axis1,axis2,anomaly\n");
    for (int row = 0; row < 40; row++)
        used += sprintf(text + used, "%d,2,%d\n", row % 2, label);
    write_file(file, text, (size_t)used);
}

static void nothing_healthy_is_nothing_to_learn_from(void **state)
{
    struct bench *bench = *state;
    write_labelled("x.csv", 1);
    command_start(&bench->command, directory, "train --out m.safetensors --normal x.csv");
    expect(bench, 65, "x.csv: each of the 40 rows is labelled as an anomaly", "train");
}

static void start_evaluation(struct bench *bench, const char *anomalous)
{
    command_start(&bench->command, directory, "evaluate --model toy.safetensors --anomalous %s",
                  anomalous);
}

static void an_anomalous_file_needs_labels(void **state)
{
    struct bench *bench = *state;
    start_evaluation(bench, "good.npy");
    expect(bench, 65, "good.npy: no labels: a column \"anomaly\", or --label-column", "no labels");
    write_labelled("x.csv", 0);
    start_evaluation(bench, "x.csv");
    expect(bench, 0, "x.csv: no row is labelled as an anomaly", "nothing labelled");
    write_labelled("x.csv", 7);
    start_evaluation(bench, "x.csv");
    expect(bench, 0, NULL, "any number from 1 on is an anomaly");
}

static void too_little_to_go_on(void **state)
{
    static const struct {
        const char *line, *words;
    } cases[] = {
        {"train --out m.safetensors --normal one.csv", "one.csv: 1 rows are too few to train on"},
        {"calibrate --model toy.safetensors --out m.safetensors --normal one.csv",
         "one.csv: calibration: less than half a block"},
        {"evaluate --model toy.safetensors --normal one.csv",
         "one.csv: no window could be evaluated"},
    };
    struct bench *bench = *state;
    write_file("one.csv", TEXT("axis1,axis2\n1,2\n"));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        command_start(&bench->command, directory, "%s", cases[i].line);
        expect(bench, 65, cases[i].words, cases[i].line);
    }
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, bench_setup, bench_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(refuses_npy_that_is_no_table),        TEST(refuses_what_is_no_file_of_samples),
        TEST(refuses_names_that_do_not_fit),       TEST(refuses_times_that_do_not_fit),
        TEST(refuses_options_that_name_no_column), TEST(a_file_that_is_not_there_is_66),
        TEST(a_file_that_may_not_be_read_is_66),   TEST(tells_what_is_odd),
        TEST(tells_that_the_clock_was_set_back),   TEST(takes_an_interval_of_time),
        TEST(takes_every_plain_type_of_number),    TEST(nothing_healthy_is_nothing_to_learn_from),
        TEST(an_anomalous_file_needs_labels),      TEST(too_little_to_go_on),
    };
    return cmocka_run_group_tests(tests, group_setup, bench_remove_directory);
}
