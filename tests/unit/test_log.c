#include "base/log.h"

#include "base/log_repeat.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
// clang-format on

#define S INT64_C(1000000000)

/* ---- which line is the same again */

static unsigned pass(struct log_repeats *repeats, const char *text, int64_t now_ns, int times)
{
    unsigned passed = 0;
    for (int i = 0; i < times; i++)
        passed += log_repeat_pass(repeats, LOG_LEVEL_WARNING, text, now_ns);
    return passed;
}

static void test_the_same_line(void **state)
{
    struct log_repeats repeats = {0};
    struct log_repeat line;
    assert_int_equal(pass(&repeats, "a", 0, 100), LOG_REPEAT_BURST);
    assert_int_equal(pass(&repeats, "b", 0, 1), 1); /* another one is not held back by it */
    assert_true(log_repeat_pass(&repeats, LOG_LEVEL_ERROR, "a", 0));
    assert_int_equal(pass(&repeats, "a", 59 * S, 3), 0);
    assert_false(log_repeat_take(&repeats, 59 * S, &line));
    assert_true(log_repeat_take(&repeats, 61 * S, &line));
    assert_string_equal(line.text, "a");
    assert_int_equal(line.suppressed, 98);
    assert_int_equal(line.level, LOG_LEVEL_WARNING);
    assert_false(log_repeat_take(&repeats, 61 * S, &line));
    assert_int_equal(pass(&repeats, "a", 62 * S, 100), LOG_REPEAT_BURST);
}

/* Five a minute may go on for ever. */
static void test_a_slow_line(void **state)
{
    struct log_repeats repeats = {0};
    struct log_repeat line;
    for (int i = 0; i < 100; i++) {
        assert_int_equal(pass(&repeats, "a", i * 13 * S, 1), 1);
        assert_false(log_repeat_take(&repeats, i * 13 * S, &line));
    }
}

/* Many lines that differ are all written, and no count is lost for them. */
static void test_many_lines(void **state)
{
    struct log_repeats repeats = {0};
    struct log_repeat line;
    char text[16];
    for (int i = 0; i < LOG_REPEAT_LINES; i++) {
        snprintf(text, sizeof text, "line %d", i);
        pass(&repeats, text, S, LOG_REPEAT_BURST + 1 + i);
    }
    for (int i = 0; i < 1000; i++) {
        snprintf(text, sizeof text, "other %d", i);
        assert_int_equal(pass(&repeats, text, 2 * S, 1), 1);
    }
    uint64_t suppressed = 0;
    while (log_repeat_take(&repeats, 100 * S, &line))
        suppressed += line.suppressed;
    assert_int_equal(suppressed, LOG_REPEAT_LINES * (LOG_REPEAT_LINES + 1) / 2);
}

static void test_a_long_line(void **state)
{
    struct log_repeats repeats = {0};
    struct log_repeat line;
    char text[2 * LOG_REPEAT_TEXT_MAX];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    pass(&repeats, text, S, LOG_REPEAT_BURST);
    text[sizeof text - 2] = 'y'; /* they differ in what is not remembered */
    assert_int_equal(pass(&repeats, text, S, 1), 1);
    pass(&repeats, text, S, LOG_REPEAT_BURST);
    assert_true(log_repeat_take(&repeats, 100 * S, &line));
    assert_int_equal(strlen(line.text), LOG_REPEAT_TEXT_MAX - 1);
}

/* ---- what is written */

static char written[8192];

static int saved_stderr;

static FILE *begin_capture(void)
{
    FILE *file = tmpfile();
    assert_non_null(file);
    saved_stderr = dup(STDERR_FILENO);
    dup2(fileno(file), STDERR_FILENO);
    return file;
}

static void end_capture(FILE *file)
{
    dup2(saved_stderr, STDERR_FILENO);
    close(saved_stderr);
    rewind(file);
    size_t size = fread(written, 1, sizeof written - 1, file);
    written[size] = '\0';
    fclose(file);
}

static size_t count(const char *text)
{
    size_t found = 0;
    for (const char *at = written; (at = strstr(at, text)); at++)
        found++;
    return found;
}

static void test_lines(void **state)
{
    setenv("JOURNAL_STREAM", "8:1", 1);
    FILE *file = begin_capture();
    log_error("bad");
    log_warning("odd \n<0>forged\x1b");
    log_info("good");
    log_debug("unheard");
    end_capture(file);
    assert_string_equal(written, "<3>bad\n<4>odd  <0>forged \n<6>good\n");
    unsetenv("JOURNAL_STREAM");
    file = begin_capture();
    log_info("plain");
    end_capture(file);
    assert_int_equal(strlen(written), strlen("2026-11-26T07:41:08.987Z info: plain\n"));
    assert_non_null(strstr(written, "Z info: plain\n"));
}

static void test_repeated_lines(void **state)
{
    FILE *file = begin_capture();
    for (int i = 0; i < 20; i++) {
        log_error("it is full");
        log_info("it goes on");
        log_warning("audit: refused");
        log_warning("number %d", i);
    }
    end_capture(file);
    assert_int_equal(count("it is full\n"), LOG_REPEAT_BURST);
    assert_int_equal(count("it goes on\n"), 20);
    assert_int_equal(count("audit: refused\n"), 20);
    assert_int_equal(count("number "), 20);
}

static void test_a_line_without_end(void **state)
{
    static char text[4000];
    memset(text, 'x', sizeof text - 1);
    FILE *file = begin_capture();
    log_error("%s", text);
    end_capture(file);
    size_t length = strlen(written);
    assert_in_range(length, 1000, 1100);
    assert_int_equal(written[length - 1], '\n');
    assert_int_equal(count("\n"), 1);
}

int main(void)
{
    unsetenv("JOURNAL_STREAM");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_same_line),
        cmocka_unit_test(test_a_slow_line),
        cmocka_unit_test(test_many_lines),
        cmocka_unit_test(test_a_long_line),
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_repeated_lines),
        cmocka_unit_test(test_a_line_without_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
