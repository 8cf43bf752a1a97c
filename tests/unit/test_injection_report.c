/* What belongs to what: injections, alerts, and their rows at 10 Hz. */
#include "cli/injection_report.h"

#include "base/json.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct injection_report report;

static void expect_near(double value, double expected)
{
    if (!(fabs(value - expected) < 1e-9))
        fail_msg("%.12g, expected %.12g", value, expected);
}

static void expect_text(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("\"%s\" is not in:\n%s", part, text);
}

static int set_up(void **state)
{
    injection_report_init(&report, 10);
    return 0;
}

static int tear_down(void **state)
{
    injection_report_deinit(&report);
    return 0;
}

static void rows(const char *text, int count, bool touched)
{
    for (int i = 0; i < count; i++)
        injection_report_row(&report, text, touched);
}

static void event(const char *id, const char *state, int last_seq, double peak)
{
    char text[256];
    snprintf(text, sizeof text,
             "{\"data\":{\"alert_id\":\"%s\",\"state\":\"%s\",\"last_seq\":%d,\"severity\":"
             "\"warning\",\"kind\":\"anomaly\",\"peak_score\":%g}}",
             id, state, last_seq, peak);
    cJSON *tree = json_parse(text, strlen(text), NULL);
    assert_non_null(tree);
    injection_report_alert(&report, tree);
    cJSON_Delete(tree);
}

static double json_number(const char *key)
{
    cJSON *root = injection_report_json(&report);
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(root, key);
    assert_true(cJSON_IsNumber(item));
    double value = item->valuedouble;
    cJSON_Delete(root);
    return value;
}

static void an_alert_within_finds_it_and_the_delay_is_of_rows(void **state)
{
    rows(NULL, 100, false);
    rows("collision", 30, false); /* it comes when the arm moves */
    rows("collision", 10, true);
    rows("collision", 5, false);
    event("a", "raised", 136, 2.5);
    event("a", "updated", 138, 4.5);
    event("a", "cleared", 140, 4);
    assert_int_equal(report.injections, 1);
    assert_int_equal(report.injection[0].first, 130);
    assert_int_equal(report.injection[0].last, 139);
    assert_int_equal(injection_report_found(&report), 1);
    assert_int_equal(injection_report_false_alarms(&report), 0);
    expect_near(report.alert[0].peak, 4.5);
    cJSON *root = injection_report_json(&report);
    const cJSON *entry = cJSON_GetObjectItemCaseSensitive(root, "injections")->child;
    expect_near(cJSON_GetObjectItemCaseSensitive(entry, "delay_s")->valuedouble, 0.6);
    cJSON_Delete(root);
    expect_near(json_number("healthy_s"), 13.5);
}

static void without_an_alert_it_is_missed(void **state)
{
    rows("slow:0.5", 50, true);
    assert_int_equal(injection_report_found(&report), 0);
    expect_near(json_number("injected"), 1);
    expect_near(json_number("found"), 0);
}

static void an_alert_far_from_any_injection_is_false(void **state)
{
    rows(NULL, 10, false);
    event("early", "raised", 9, 1.5);
    event("early", "cleared", 9, 1.5);
    rows("dropout", 20, true);
    rows(NULL, 100, false);
    event("late", "raised", 61, 1.5); /* 3.2 s after row 29 */
    assert_int_equal(injection_report_found(&report), 0);
    assert_int_equal(injection_report_false_alarms(&report), 2);
}

static void three_seconds_after_the_end_still_belong(void **state)
{
    rows("dropout", 20, true);
    rows(NULL, 100, false);
    event("a", "raised", 49, 1.5); /* 3.0 s after row 19 */
    assert_int_equal(injection_report_found(&report), 1);
    assert_int_equal(injection_report_false_alarms(&report), 0);
}

static void one_alert_that_stays_open_finds_the_next_one_too(void **state)
{
    rows("dropout", 20, true);
    rows(NULL, 10, false);
    rows("stuck", 20, true);
    event("a", "raised", 5, 9);
    assert_int_equal(injection_report_found(&report), 2);
    event("a", "cleared", 25, 9);
    assert_int_equal(injection_report_found(&report), 1);
}

static void a_pause_over_two_seconds_makes_two_of_one_step(void **state)
{
    rows("collision", 5, true);
    rows("collision", 19, false);
    rows("collision", 5, true);
    assert_int_equal(report.injections, 1);
    rows("collision", 20, false);
    rows("collision", 5, true);
    assert_int_equal(report.injections, 2);
    assert_int_equal(report.injection[0].last, 28);
    assert_int_equal(report.injection[1].first, 49);
}

static void a_step_that_touches_nothing_is_no_miss(void **state)
{
    rows("collision", 50, false);
    rows(NULL, 10, false);
    assert_int_equal(report.injections, 1);
    expect_near(json_number("injected"), 0);
    event("a", "raised", 10, 2);
    assert_int_equal(injection_report_found(&report), 0);
    assert_int_equal(injection_report_false_alarms(&report), 1);
}

static void events_of_an_earlier_stream_and_junk_do_not_count(void **state)
{
    rows("dropout", 20, true);
    event("old", "updated", 5, 9);
    event("old", "cleared", 6, 9);
    injection_report_alert(&report, NULL);
    cJSON *tree = json_parse("{\"data\":7}", 10, NULL);
    injection_report_alert(&report, tree);
    cJSON_Delete(tree);
    assert_int_equal(report.alerts, 0);
    assert_int_equal(injection_report_found(&report), 0);
}

static void the_table_names_what_was_missed(void **state)
{
    rows("payload:2", 20, true);
    rows(NULL, 50, false);
    rows("dropout", 20, true);
    event("a", "raised", 74, 3.25);
    char *text;
    size_t size;
    FILE *stream = open_memstream(&text, &size);
    injection_report_print(&report, stream);
    fclose(stream);
    expect_text(text, "missed");
    expect_text(text, "found   0.4 s   3.25  warning");
    expect_text(text, "2 injected, 1 found, 1 missed; 0 false alarms in 5 s healthy");
    for (const char *line = text; *line; line += strcspn(line, "\n") + 1)
        assert_true(strcspn(line, "\n") <= 80);
    free(text);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_alert_within_finds_it_and_the_delay_is_of_rows),
        TEST(without_an_alert_it_is_missed),
        TEST(an_alert_far_from_any_injection_is_false),
        TEST(three_seconds_after_the_end_still_belong),
        TEST(one_alert_that_stays_open_finds_the_next_one_too),
        TEST(a_pause_over_two_seconds_makes_two_of_one_step),
        TEST(a_step_that_touches_nothing_is_no_miss),
        TEST(events_of_an_earlier_stream_and_junk_do_not_count),
        TEST(the_table_names_what_was_missed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
