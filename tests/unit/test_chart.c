/* Scales with their ticks, charts with their coordinates, numbers as text, escaping. */
#include "report/chart.h"
#include "report/number.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void expect_near(double value, double expected)
{
    if (!(fabs(value - expected) <= 1e-9 * fmax(1, fabs(expected))))
        fail_msg("%.15g, expected %.15g", value, expected);
}

static void expect_same(const char *text, const char *expected)
{
    if (strcmp(text, expected) != 0)
        fail_msg("\"%s\", expected \"%s\"", text, expected);
}

static void expect_part(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("\"%s\" is not in:\n%s", part, text);
}

/* ---- scales */

static void expect_ticks(const struct scale *scale, const char *expected)
{
    char text[400] = "";
    for (size_t i = 0; i < scale->ticks; i++) {
        char label[SCALE_LABEL_MAX];
        scale_label(scale, scale->tick[i], label);
        size_t used = strlen(text);
        snprintf(text + used, sizeof text - used, "%s%s", i ? " " : "", label);
    }
    expect_same(text, expected);
}

static void ticks_are_at_round_numbers(void **state)
{
    struct scale scale = scale_make(0, 1, false, false, 5);
    expect_ticks(&scale, "0.0 0.2 0.4 0.6 0.8 1.0");
    scale = scale_make(0, 6, false, false, 5);
    expect_ticks(&scale, "0 1 2 3 4 5 6");
    scale = scale_make(0.03, 0.171, false, true, 4);
    expect_ticks(&scale, "0.00 0.05 0.10 0.15 0.20");
    scale = scale_make(-3, 11, false, true, 4);
    expect_ticks(&scale, "\u22125 0 5 10 15");
    scale = scale_make(0, 86400, false, false, 5);
    expect_ticks(&scale, "0 20000 40000 60000 80000");
}

static void log_ticks_are_powers_or_one_two_five(void **state)
{
    struct scale scale = scale_make(0.003, 250, true, true, 6);
    expect_ticks(&scale, "0.001 0.01 0.1 1 10 100 1000");
    scale = scale_make(0.011, 0.07, true, true, 6);
    expect_ticks(&scale, "0.01 0.02 0.05 0.1");
    scale = scale_make(1e-9, 1e-3, true, true, 3);
    expect_ticks(&scale, "10\u207b\u2079 10\u207b\u2077 10\u207b\u2075 0.001");
    scale = scale_make(0.9, 1.7, true, true, 4);
    assert_true(scale.ticks >= 3);
}

/* Every round axis ends at a tick, and holds the data; nothing overflows, whatever comes in. */
static void any_range_makes_an_axis(void **state)
{
    static const double ends[] = {
        -(double)INFINITY, -1e300,     -3, -1e-12, 0, 1e-310, 1e-12, 0.5, 1, 7, 1e9, 1.1e200, 1e300,
        (double)INFINITY,  (double)NAN};
    size_t count = sizeof ends / sizeof *ends;
    for (size_t i = 0; i < count * count * 4; i++) {
        double low = ends[i % count], high = ends[i / count % count];
        bool log = i / count / count & 1, round = i / count / count & 2;
        struct scale scale = scale_make(low, high, log, round, 5);
        scale_place(&scale, 10, 110);
        bool good = isfinite(scale.low) && isfinite(scale.high) && scale.low < scale.high &&
                    scale.ticks <= SCALE_TICKS_MAX && (!log || scale.low > 0);
        double middle = scale_at(&scale, 0.7);
        good = good && middle >= 10 - 1e-9 && middle <= 110 + 1e-9;
        if (!good)
            fail_msg("%g to %g, log %d: %g to %g, %zu ticks, %g", low, high, log, scale.low,
                     scale.high, scale.ticks, middle);
    }
}

static void places_follow_the_scale(void **state)
{
    struct scale scale = scale_make(0, 10, false, false, 5);
    scale_place(&scale, 200, 100); /* upwards */
    expect_near(scale_at(&scale, 0), 200);
    expect_near(scale_at(&scale, 2.5), 175);
    expect_near(scale_at(&scale, 99), 100); /* at the end */
    scale = scale_make(0.01, 100, true, false, 5);
    scale_place(&scale, 0, 400);
    expect_near(scale_at(&scale, 1), 200);
    expect_near(scale_at(&scale, -5), 0);
}

/* ---- charts */

static struct html html;
static struct chart chart;

static void begin(double low, double high, bool log)
{
    chart_begin(
        &chart, &html,
        &(struct chart_frame){.name = "a < b",
                              .width = 400,
                              .height = 300,
                              .x = {.title = "time (s)", .high = 10, .exact = true},
                              .y = {.title = "error", .low = low, .high = high, .log = log}});
}

static char *end(void)
{
    char *text;
    size_t size;
    chart_end(&chart);
    assert_int_equal(html_take(&html, &text, &size), 0);
    assert_int_equal(strlen(text), size);
    return text;
}

static void a_line_breaks_where_nothing_was_measured(void **state)
{
    const double points[] = {0, 0, 5, 1, 6, (double)NAN, 7, 1, 10, 0};
    begin(0, 1, false);
    chart_line(&chart, 2, points, 5);
    char expected[200];
    snprintf(expected, sizeof expected,
             "<path class=\"line s2\" d=\"M%.1f %.1fL%.1f %.1fM%.1f %.1fL%.1f %.1f\"/>", chart.left,
             chart.bottom, (chart.left + chart.right) / 2, chart.top,
             chart.left + 0.7 * (chart.right - chart.left), chart.top, chart.right, chart.bottom);
    char *text = end();
    expect_part(text, expected);
    expect_part(text, "<title>a &lt; b</title>");
    expect_part(text, ">time (s)</text>");
    free(text);
}

static void steps_rise_where_their_stretch_begins(void **state)
{
    const double points[] = {0, 1, 5, 0.5, 10, 0};
    begin(0, 1, false);
    chart_steps(&chart, 0, points, 3);
    char expected[200];
    snprintf(expected, sizeof expected, "d=\"M%.1f %.1fV%.1fH%.1fV%.1fH%.1f\"", chart.left,
             chart.top, (chart.top + chart.bottom) / 2, (chart.left + chart.right) / 2,
             chart.bottom, chart.right);
    char *text = end();
    expect_part(text, expected);
    free(text);
}

static void bars_stand_on_the_axis_and_say_what_they_are(void **state)
{
    begin(0, 1, false);
    chart_bar(&chart, &(struct chart_bar){1, 2, false, 2, 3, 0.25, "AE2 & more"});
    chart_bar(&chart, &(struct chart_bar){0, 0, true, 0, 0.5, (double)NAN, NULL});
    double height = (chart.bottom - chart.top) / 4;
    char expected[200];
    snprintf(expected, sizeof expected, "y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"",
             chart.bottom - height, (chart.right - chart.left) / 10, height);
    char *text = end();
    expect_part(text, expected);
    expect_part(text, "<title>AE2 &amp; more</title>");
    expect_part(text, "fill=\"url(#hatch2)\"");
    assert_null(strstr(text, "nan"));
    free(text);
}

static void nothing_that_is_not_finite_gets_into_a_drawing(void **state)
{
    static const double wild[] = {
        (double)NAN, (double)INFINITY, -(double)INFINITY, 1e308, -1e308, 0, 3};
    size_t count = sizeof wild / sizeof *wild;
    begin(0.001, 1000, true);
    for (size_t i = 0; i < count * count; i++) {
        double a = wild[i % count], b = wild[i / count];
        const double points[] = {a, b, b, a, 1, 1};
        chart_line(&chart, 0, points, 3);
        chart_band(&chart, 0, points, 2);
        chart_histogram(&chart, 0, points, points + 3, 2);
        chart_bar(&chart, &(struct chart_bar){0, 1, i & 1, a, b, a, NULL});
        chart_whisker(&chart, i & 1, a, b, a);
        chart_marker(&chart, 3, a, b, NULL);
        chart_shade(&chart, a, b, NULL);
        chart_rule_x(&chart, a, "here", 0);
        chart_rule_y(&chart, b, "there");
    }
    char *text = end();
    assert_null(strstr(text, "nan"));
    assert_null(strstr(text, "inf"));
    free(text);
}

static void long_names_take_two_lines_and_are_cut_between_letters(void **state)
{
    begin(0, 1, false);
    chart_name(&chart, 0.5, "\u00e4\u00e4\u00e4\u00e4 \u00f6\u00f6\u00f6\u00f6\u00f6\u00f6\u00f6");
    char *text = end();
    expect_part(text, ">\u00e4\u00e4\u00e4\u00e4</text>");
    expect_part(text, "\u00f6\u2026</text>");
    assert_null(strstr(text, "\ufffd")); /* no letter was cut in two */
    free(text);
}

/* ---- text */

static void what_comes_from_files_is_escaped(void **state)
{
    char *text;
    size_t size;
    html_text(&html, "<script>\"'&\x01\xff\xc3(\xe2\x82 \u20ac");
    assert_int_equal(html_take(&html, &text, &size), 0);
    expect_same(text, "&lt;script&gt;&quot;&#39;&amp;\ufffd\ufffd\ufffd(\ufffd\ufffd \u20ac");
    free(text);
    html_textf(&html, "%s %d", "<", 5);
    assert_int_equal(html_take(&html, &text, &size), 0);
    expect_same(text, "&lt; 5");
    free(text);
}

static void memory_that_ran_out_is_told_at_the_end(void **state)
{
    char *text = NULL;
    size_t size = 0;
    html_text(&html, "before");
    html.failed = true;
    html_text(&html, "after");
    assert_int_equal(html_take(&html, &text, &size), -ENOMEM);
    assert_null(text);
    assert_null(html.text);
}

static void numbers_have_the_digits_that_mean_something(void **state)
{
    expect_same(number_share(0.94349).text, "0.943");
    expect_same(number_share(-0.0001).text, "0.000");
    expect_same(number_share((double)NAN).text, NUMBER_NONE);
    expect_same(number_signed(-0.0314).text, "\u22120.031");
    expect_same(number_signed(0.0123).text, "+0.012");
    expect_same(number_signed(-0.000021).text, "\u22120.000021");
    expect_same(number_signed(0).text, "0.000");
    expect_same(number_count(143984).text, "143\u202f984");
    expect_same(number_count(999).text, "999");
    expect_same(number_count(-1234567).text, "\u22121\u202f234\u202f567");
    expect_same(number_plain(8.278).text, "8.28");
    expect_same(number_plain(0.00643).text, "0.00643");
    expect_same(number_plain(0).text, "0");
    expect_same(number_plain(35123).text, "35\u202f123");
    expect_same(number_plain(1e-7).text, "1.00e-07");
    expect_same(number_plain((double)INFINITY).text, NUMBER_NONE);
    expect_same(number_given(24).text, "24");
    expect_same(number_duration(0.5).text, "0.50 s");
    expect_same(number_duration(4312).text, "71.9 min");
    expect_same(number_duration(40000).text, "11.1 h");
    expect_same(number_interval(0.1, 0.25, number_share).text, "[0.100, 0.250]");
    expect_same(number_interval(0.1, (double)NAN, number_share).text, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ticks_are_at_round_numbers),
        cmocka_unit_test(log_ticks_are_powers_or_one_two_five),
        cmocka_unit_test(any_range_makes_an_axis),
        cmocka_unit_test(places_follow_the_scale),
        cmocka_unit_test(a_line_breaks_where_nothing_was_measured),
        cmocka_unit_test(steps_rise_where_their_stretch_begins),
        cmocka_unit_test(bars_stand_on_the_axis_and_say_what_they_are),
        cmocka_unit_test(nothing_that_is_not_finite_gets_into_a_drawing),
        cmocka_unit_test(long_names_take_two_lines_and_are_cut_between_letters),
        cmocka_unit_test(what_comes_from_files_is_escaped),
        cmocka_unit_test(memory_that_ran_out_is_told_at_the_end),
        cmocka_unit_test(numbers_have_the_digits_that_mean_something),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
