#include "daemon/chronicle.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "fixture.h"

#include <sys/stat.h>

static uv_loop_t loop;

static void open_one(struct chronicle *chronicle, const char *directory, size_t kept)
{
    uv_loop_init(&loop);
    assert_int_equal(chronicle_open(chronicle, &loop, directory, "audit", kept), 0);
}

static void close_one(struct chronicle *chronicle)
{
    uv_run(&loop, UV_RUN_DEFAULT);
    chronicle_deinit(chronicle);
    assert_int_equal(uv_loop_close(&loop), 0);
}

static void append(struct chronicle *chronicle, int number)
{
    char text[64];
    snprintf(text, sizeof text, "{\"number\":%d}", number);
    chronicle_append(chronicle, strdup(text));
}

static void expect_line(const struct chronicle *chronicle, size_t back, int number)
{
    char text[64];
    snprintf(text, sizeof text, "{\"number\":%d}", number);
    assert_true(back < chronicle->kept);
    assert_string_equal(chronicle_line(chronicle, back), text);
}

static const char *make_directory(const char *name)
{
    static char path[256];
    snprintf(path, sizeof path, "%s", fixture_path(name));
    assert_int_equal(mkdir(path, 0700), 0);
    return path;
}

static void test_lines_survive_and_the_newest_are_kept(void **state)
{
    struct chronicle chronicle;
    const char *directory = make_directory("kept");
    open_one(&chronicle, directory, 3);
    assert_int_equal(chronicle.kept, 0);
    for (int i = 0; i < 5; i++)
        append(&chronicle, i);
    assert_false(chronicle_is_settled(&chronicle));
    expect_line(&chronicle, 0, 4);
    expect_line(&chronicle, 2, 2);
    assert_int_equal(chronicle.kept, 3);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_true(chronicle_is_settled(&chronicle));
    close_one(&chronicle);
    open_one(&chronicle, directory, 10);
    assert_int_equal(chronicle.kept, 5);
    expect_line(&chronicle, 0, 4);
    expect_line(&chronicle, 4, 0);
    close_one(&chronicle);
}

/* What a crash has torn is passed over, and does not spoil the line behind it. */
static void test_a_torn_line(void **state)
{
    struct chronicle chronicle;
    const char *directory = make_directory("torn");
    fixture_write("torn/audit.jsonl", "{\"number\":1}\n{\"number\":2}\nrubbish\n{\"num");
    open_one(&chronicle, directory, 10);
    assert_int_equal(chronicle.kept, 2);
    append(&chronicle, 3);
    close_one(&chronicle);
    open_one(&chronicle, directory, 10);
    assert_int_equal(chronicle.kept, 3);
    expect_line(&chronicle, 0, 3);
    expect_line(&chronicle, 1, 2);
    close_one(&chronicle);
}

static size_t size_of(const char *name)
{
    struct stat status;
    return stat(fixture_path(name), &status) == 0 ? (size_t)status.st_size : 0;
}

static void test_the_files_are_bounded(void **state)
{
    struct chronicle chronicle;
    char long_text[5000];
    const char *directory = make_directory("bounded");
    open_one(&chronicle, directory, 10);
    memset(long_text, 'x', sizeof long_text);
    memcpy(long_text, "{\"x\":\"", 6);
    strcpy(long_text + sizeof long_text - 3, "\"}");
    for (int i = 0; i < 600; i++) {
        chronicle_append(&chronicle, strdup(long_text));
        uv_run(&loop, UV_RUN_DEFAULT);
    }
    append(&chronicle, 7);
    close_one(&chronicle);
    assert_true(size_of("bounded/audit.jsonl") <= CHRONICLE_FILE_MAX);
    assert_true(size_of("bounded/audit.1.jsonl") <= CHRONICLE_FILE_MAX);
    assert_true(size_of("bounded/audit.1.jsonl") > CHRONICLE_FILE_MAX / 2);
    open_one(&chronicle, directory, 250);
    assert_int_equal(chronicle.kept, 250); /* the older file counts, too */
    expect_line(&chronicle, 0, 7);
    close_one(&chronicle);
}

/* Nothing is lost while the disk refuses; it is told, tried again, and what waits is bounded. */
static void test_a_disk_that_refuses(void **state)
{
    struct chronicle chronicle;
    char directory[256];
    snprintf(directory, sizeof directory, "%s", fixture_path("later"));
    open_one(&chronicle, directory, 10);
    append(&chronicle, 1);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_true(chronicle.failed && chronicle_is_settled(&chronicle));
    append(&chronicle, 2);
    assert_int_equal(mkdir(directory, 0700), 0);
    chronicle_tick(&chronicle, chronicle.tried_ns + CLOCK_NS_PER_S);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_true(chronicle.failed); /* it is not time yet */
    chronicle_tick(&chronicle, chronicle.tried_ns + 60 * CLOCK_NS_PER_S);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_false(chronicle.failed);
    close_one(&chronicle);
    open_one(&chronicle, directory, 10);
    assert_int_equal(chronicle.kept, 2);
    expect_line(&chronicle, 0, 2);
    chronicle.failed = true;
    for (int i = 0; i < 30000; i++)
        append(&chronicle, i);
    assert_true(chronicle.waiting.size <= CHRONICLE_WAITING_MAX);
    assert_true(chronicle.lost > 0);
    close_one(&chronicle);
}

static void test_too_long_or_none(void **state)
{
    struct chronicle chronicle;
    open_one(&chronicle, make_directory("long"), 10);
    char *text = calloc(1, CHRONICLE_LINE_MAX + 2);
    memset(text, '1', CHRONICLE_LINE_MAX + 1);
    chronicle_append(&chronicle, text);
    chronicle_append(&chronicle, NULL);
    assert_int_equal(chronicle.lost, 2);
    assert_int_equal(chronicle.kept, 0);
    close_one(&chronicle);
}

int main(void)
{
    log_set_level(LOG_LEVEL_ERROR);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines_survive_and_the_newest_are_kept),
        cmocka_unit_test(test_a_torn_line),
        cmocka_unit_test(test_the_files_are_bounded),
        cmocka_unit_test(test_a_disk_that_refuses),
        cmocka_unit_test(test_too_long_or_none),
    };
    return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
