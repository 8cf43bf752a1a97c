#include "daemon/episode_log.h"

#include "base/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
// clang-format on

static void put(struct episode_log **log, size_t *total, unsigned id, const char *json)
{
    char text[16];
    snprintf(text, sizeof text, "%u", id);
    episode_log_put(log, total, text, strdup(json), NULL);
}

static void test_newest_first(void **state)
{
    struct episode_log *log = NULL;
    size_t total = 0;
    assert_int_equal(episode_log_count(log), 0);
    assert_null(episode_log_find(log, "1"));
    put(&log, &total, 1, "{a}");
    put(&log, &total, 2, "{b}");
    put(&log, &total, 1, "{c}"); /* an update moves nothing */
    assert_int_equal(episode_log_count(log), 2);
    assert_int_equal(total, 2);
    assert_string_equal(episode_log_at(log, 0)->id, "2");
    assert_string_equal(episode_log_at(log, 1)->json, "{c}");
    episode_log_free(log);
    assert_int_equal(total, 0);
}

static void test_statement_stays(void **state)
{
    struct episode_log *log = NULL;
    size_t total = 0;
    episode_log_put(&log, &total, "1", strdup("{}"), "it is slow");
    episode_log_put(&log, &total, "1", strdup("{}"), NULL);
    assert_string_equal(episode_log_find(log, "1")->statement, "it is slow");
    episode_log_put(&log, &total, "1", strdup("{}"), "it is slower");
    assert_string_equal(episode_log_find(log, "1")->statement, "it is slower");
    assert_false(episode_log_find(log, "1")->acked);
    episode_log_free(log);
}

static void test_bounded(void **state)
{
    struct episode_log *log = NULL;
    size_t total = 0;
    for (unsigned i = 0; i < 2 * EPISODE_LOG_MAX + 7; i++)
        put(&log, &total, i, "{}");
    assert_int_equal(episode_log_count(log), EPISODE_LOG_MAX);
    assert_int_equal(total, EPISODE_LOG_MAX);
    assert_string_equal(episode_log_at(log, 0)->id, "106");
    assert_string_equal(episode_log_at(log, EPISODE_LOG_MAX - 1)->id, "57");
    assert_null(episode_log_find(log, "56"));
    episode_log_free(log);
    assert_int_equal(total, 0);
}

/* All robots together have a bound too; one without any still gets its first. */
static void test_bounded_together(void **state)
{
    struct episode_log *some = NULL, *other = NULL;
    size_t total = 0;
    put(&some, &total, 1, "{}");
    put(&some, &total, 2, "{}");
    total = EPISODE_LOG_TOTAL_MAX;
    put(&some, &total, 3, "{}");
    assert_int_equal(episode_log_count(some), 2);
    assert_int_equal(total, EPISODE_LOG_TOTAL_MAX);
    put(&other, &total, 4, "{}");
    put(&other, &total, 5, "{}");
    assert_int_equal(episode_log_count(other), 1);
    assert_string_equal(episode_log_at(other, 0)->id, "5");
    assert_int_equal(total, EPISODE_LOG_TOTAL_MAX + 1);
    episode_log_free(some);
    episode_log_free(other);
    assert_int_equal(total, EPISODE_LOG_TOTAL_MAX - 2);
}

static void test_without_memory(void **state)
{
    struct episode_log *log = NULL;
    size_t total = 0;
    episode_log_put(&log, &total, "1", NULL, "x");
    assert_null(log);
    episode_log_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_newest_first), cmocka_unit_test(test_statement_stays),
        cmocka_unit_test(test_bounded), cmocka_unit_test(test_bounded_together),
        cmocka_unit_test(test_without_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
