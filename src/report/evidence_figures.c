#include "report/evidence_figures.h"

#include "report/member.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STYLE_SCORE 0
#define STYLE_OBSERVED 0
#define STYLE_EXPECTED 1
#define STYLE_USUAL CHART_REFERENCE
#define NEAR_S 3    /* before and after the alert, in the charts of single channels */
#define LOWEST 1e-2 /* of a score that is drawn */
#define USUAL 3     /* residuals that are drawn as usual */
#define DETECTORS 8

void evidence_course_init(struct evidence_course *course, struct page *page, const cJSON *root)
{
    *course =
        (struct evidence_course){.root = root, .start = (double)INFINITY, .end = -(double)INFINITY};
    course->silent = !strcmp(member_text(root, "kind", ""), "silent");
    course->time = member_numbers(&page->html, root, "time", &course->count);
    for (size_t i = 0; i < course->count; i++) {
        course->start = fmin(course->start, course->time[i]);
        course->end = fmax(course->end, course->time[i]);
    }
}

bool evidence_course_is_drawn(const struct evidence_course *course)
{
    return course->count > 1 && course->end > course->start;
}

/* From the first window over the limit to the end, as far as it is seen. */
static void mark_alert(struct chart *chart, const struct evidence_course *course)
{
    double start = member_number(course->root, "started_s");
    double end = member_number(course->root, "ended_s");
    if (!course->silent && isfinite(start))
        chart_shade(chart, fmax(start, course->start),
                    isfinite(end) ? fmin(end, course->end) : course->end, "the alert is open");
    chart_rule_x(chart, 0, course->silent ? "last sample" : "alert", 0);
}

static struct chart_axis time_axis(const struct evidence_course *course)
{
    return (struct chart_axis){.title = course->silent ? "time since the last sample (s)"
                                                       : "time since the alert was raised (s)",
                               .low = course->start,
                               .high = course->end,
                               .exact = true};
}

/* ---- the score ---- */

/* Pairs of time and score over threshold; the caller frees. */
static double *ratios_of(struct page *page, const struct evidence_course *course,
                         const cJSON *detector, double *ret_highest)
{
    size_t count;
    double threshold = member_number(detector, "threshold");
    double *scores = member_numbers(&page->html, detector, "score", &count);
    double *points = scores ? malloc(2 * course->count * sizeof *points) : NULL;
    for (size_t i = 0; points && i < course->count; i++) {
        double ratio = i < count ? scores[i] / threshold : (double)NAN;
        points[2 * i] = course->time[i];
        points[2 * i + 1] = isnan(ratio) ? ratio : fmax(ratio, LOWEST);
        *ret_highest = fmax(*ret_highest, ratio);
    }
    page->html.failed |= scores && !points;
    free(scores);
    return points;
}

static void draw_scores(struct page *page, const struct evidence_course *course,
                        double *const *points, size_t count, double highest)
{
    struct chart chart;
    chart_begin(
        &chart, &page->html,
        &(struct chart_frame){
            .name = "score over threshold",
            .description = "Score of each detector against time.",
            .width = 1080,
            .height = 280,
            .left = 62,
            .x = time_axis(course),
            .y = {.title = "score / threshold", .low = LOWEST * 10, .high = highest, .log = true}});
    mark_alert(&chart, course);
    for (size_t d = 0; d < count; d++) {
        if (points[d])
            chart_line(&chart, STYLE_SCORE + (unsigned)d, points[d], course->count);
    }
    chart_rule_y(&chart, 1, "threshold");
    chart_end(&chart);
}

void evidence_figures_scores(struct page *page, const struct evidence_course *course)
{
    double *points[DETECTORS] = {NULL}, highest = 2;
    struct chart_key keys[DETECTORS + 1];
    char names[DETECTORS][80];
    size_t count = 0;
    const cJSON *detector;
    cJSON_ArrayForEach(detector, member_list(course->root, "detectors"))
    {
        if (count == DETECTORS)
            break;
        snprintf(names[count], sizeof names[count], "%.70s", member_text(detector, "name", "?"));
        keys[count] =
            (struct chart_key){CHART_SWATCH_LINE, STYLE_SCORE + (unsigned)count, 0, names[count]};
        points[count++] = ratios_of(page, course, detector, &highest);
    }
    keys[count] = (struct chart_key){CHART_SWATCH_SHADE, 0, 0, "the alert is open"};
    page_figure_begin(
        page, &(struct page_figure){
                  "How unusual each moment was",
                  "Each line is one way of judging the movement. Above the dashed threshold "
                  "it is more unusual than healthy movement should be; a gap was not judged.",
                  keys, count + !course->silent, true});
    draw_scores(page, course, points, count, highest);
    page_figure_end(page);
    for (size_t d = 0; d < count; d++)
        free(points[d]);
}

/* ---- the channels ---- */

struct lines {
    double *observed, *expected, *off; /* pairs; off: from what was expected */
    double *least, *most;              /* pairs: so far off in health */
    size_t count;                      /* of points, all near the alert */
    double low, high;                  /* of observed and expected */
    double off_low, off_high;
};

static double at(const double *values, size_t count, size_t i)
{
    return values && i < count ? values[i] : (double)NAN;
}

static bool is_near(const struct evidence_course *course, size_t i)
{
    return fabs(course->time[i]) <= NEAR_S;
}

/* The band is as wide as the last residual that is known. */
static void join(struct lines *lines, const struct evidence_course *course,
                 const double *const *series, const size_t *counts)
{
    double usual = (double)NAN;
    size_t n = 0;
    for (size_t i = 0; i < course->count; i++) {
        double observed = at(series[0], counts[0], i), expected = at(series[1], counts[1], i);
        double now = fabs(at(series[2], counts[2], i)), off = observed - expected;
        usual = isnan(now) ? usual : now;
        if (!is_near(course, i))
            continue;
        lines->observed[2 * n] = lines->expected[2 * n] = course->time[i];
        lines->off[2 * n] = lines->least[2 * n] = lines->most[2 * n] = course->time[i];
        lines->observed[2 * n + 1] = observed;
        lines->expected[2 * n + 1] = expected;
        lines->off[2 * n + 1] = off;
        lines->least[2 * n + 1] = isnan(off) ? off : -USUAL * usual;
        lines->most[2 * n + 1] = isnan(off) ? off : USUAL * usual;
        lines->low = fmin(lines->low, fmin(observed, expected));
        lines->high = fmax(lines->high, fmax(observed, expected));
        lines->off_low = fmin(lines->off_low, fmin(off, lines->least[2 * n + 1]));
        lines->off_high = fmax(lines->off_high, fmax(off, lines->most[2 * n + 1]));
        n++;
    }
    lines->count = n;
}

static double *room_for(struct page *page, size_t count)
{
    double *values = malloc(count * sizeof *values);
    page->html.failed |= !values;
    return values;
}

static void free_lines(struct lines *lines)
{
    free(lines->observed);
    free(lines->expected);
    free(lines->off);
    free(lines->least);
    free(lines->most);
}

/* False: there is nothing to draw. */
static bool read_lines(struct page *page, const struct evidence_course *course,
                       const cJSON *channel, struct lines *ret)
{
    static const char *const names[] = {"observed", "expected", "usual"};
    const cJSON *object = member(channel, "series");
    double *series[3];
    size_t counts[3];
    for (size_t i = 0; i < 3; i++)
        series[i] = member_numbers(&page->html, object, names[i], &counts[i]);
    *ret = (struct lines){.observed = room_for(page, 2 * course->count),
                          .expected = room_for(page, 2 * course->count),
                          .off = room_for(page, 2 * course->count),
                          .least = room_for(page, 2 * course->count),
                          .most = room_for(page, 2 * course->count),
                          .low = (double)INFINITY,
                          .high = -(double)INFINITY,
                          .off_low = (double)INFINITY,
                          .off_high = -(double)INFINITY};
    if (!page->html.failed)
        join(ret, course, (const double *const *)series, counts);
    for (size_t i = 0; i < 3; i++)
        free(series[i]);
    return ret->low <= ret->high;
}

static struct chart_frame frame_of(const struct evidence_course *course, const char *name,
                                   double height)
{
    struct chart_frame frame = {.name = name,
                                .description = "Against time.",
                                .width = 520,
                                .height = height,
                                .left = 62,
                                .x = time_axis(course)};
    frame.x.low = fmax(course->start, -NEAR_S);
    frame.x.high = fmin(course->end, NEAR_S);
    return frame;
}

static void draw_readings(struct page *page, const struct evidence_course *course, const char *unit,
                          const struct lines *lines)
{
    struct chart chart;
    bool alone = !(lines->off_low <= lines->off_high);
    struct chart_frame frame = frame_of(course, "observed and expected", alone ? 200 : 140);
    frame.y = (struct chart_axis){.title = unit, .low = lines->low, .high = lines->high};
    frame.x.hidden = !alone;
    frame.bottom = alone ? 0 : 12;
    chart_begin(&chart, &page->html, &frame);
    mark_alert(&chart, course);
    chart_line(&chart, STYLE_EXPECTED, lines->expected, lines->count);
    chart_line(&chart, STYLE_OBSERVED, lines->observed, lines->count);
    chart_end(&chart);
}

static void draw_difference(struct page *page, const struct evidence_course *course,
                            const struct lines *lines)
{
    struct chart chart;
    struct chart_frame frame = frame_of(course, "difference", 140);
    if (!(lines->off_low <= lines->off_high))
        return;
    frame.y =
        (struct chart_axis){.title = "difference", .low = lines->off_low, .high = lines->off_high};
    chart_begin(&chart, &page->html, &frame);
    mark_alert(&chart, course);
    chart_line(&chart, STYLE_USUAL, lines->least, lines->count);
    chart_line(&chart, STYLE_USUAL, lines->most, lines->count);
    chart_line(&chart, STYLE_OBSERVED, lines->off, lines->count);
    chart_end(&chart);
}

static void draw_channel(struct page *page, const struct evidence_course *course,
                         const cJSON *channel, const struct lines *lines)
{
    char title[80];
    const char *unit = member_text(channel, "unit", "");
    double share = member_number(channel, "share");
    snprintf(title, sizeof title, "%.60s", *unit ? unit : "value");
    html_raw(&page->html, "<div class=\"keep\"><p class=\"strip\"><b>");
    html_text(&page->html, member_text(channel, "name", "?"));
    html_raw(&page->html, "</b>");
    if (isfinite(share) && lines->off_low <= lines->off_high)
        html_put(&page->html, ", %.0f\u00a0%% of the deviation", 100 * share);
    html_raw(&page->html, "</p>\n");
    draw_readings(page, course, title, lines);
    draw_difference(page, course, lines);
    html_raw(&page->html, "</div>\n");
}

void evidence_figures_channels(struct page *page, const struct evidence_course *course, bool fault)
{
    static const struct chart_key keys[] = {
        {CHART_SWATCH_LINE, STYLE_OBSERVED, 0, "observed"},
        {CHART_SWATCH_LINE, STYLE_EXPECTED, 0, "expected"},
        {CHART_SWATCH_LINE, STYLE_USUAL, 0, "as far off as in health"},
    };
    const cJSON *channel;
    page_figure_begin(
        page,
        &(struct page_figure){
            fault ? "The channels that stand still" : "The channels that deviate most",
            fault
                ? "What each sensor read."
                : "Above, what was read and what was expected at that moment of the program; "
                  "below, the difference. Where it crosses the grey lines the arm did not do what "
                  "it does when it is healthy. The channels deviate; they need not be the "
                  "cause.",
            keys, fault ? 1 : 3, false});
    page_grid_begin(page);
    cJSON_ArrayForEach(channel, member_list(course->root, "channels"))
    {
        struct lines lines;
        if (read_lines(page, course, channel, &lines))
            draw_channel(page, course, channel, &lines);
        free_lines(&lines);
    }
    page_grid_end(page);
    page_figure_end(page);
}
