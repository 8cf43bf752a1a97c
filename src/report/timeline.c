#include "report/timeline.h"

#include "report/member.h"
#include "report/number.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define STRIPS_MAX 16   /* of each of healthy and anomalous recordings */
#define COLUMNS_MAX 900 /* about one per pixel */
#define LOWEST 1e-3     /* of a score that is drawn: anything below is as calm as that */

#define STYLE_SCORE 0
#define STYLE_FOUND 2
#define STYLE_FALSE 3

static const struct chart_key legend[] = {
    {CHART_SWATCH_AREA, STYLE_SCORE, 0, "score, lowest to highest of each stretch"},
    {CHART_SWATCH_SHADE, 0, 0, "labelled anomalous"},
    {CHART_SWATCH_MARKER, STYLE_FOUND, 0, "alert within an event"},
    {CHART_SWATCH_MARKER, STYLE_FALSE, 0,
     "alert outside of one: a false alarm where it is healthy"},
};

struct range {
    double low, high; /* of all scores */
};

/* One recording in the unit of its axis. */
struct strip {
    double *band; /* time, lowest, highest; [3 * columns] */
    size_t columns;
    double end;        /* of the time */
    double unit;       /* seconds */
    const char *title; /* of the axis */
};

/* `per` neighbours become one column, so that a year costs no more than a minute. */
static void merge_columns(struct strip *strip, const double *low, const double *high, size_t count)
{
    size_t per = (count + COLUMNS_MAX - 1) / COLUMNS_MAX;
    for (size_t first = 0; first < count; first += per) {
        double *column = strip->band + 3 * strip->columns++;
        column[1] = column[2] = (double)NAN;
        column[0] = (double)first + (double)(per - 1) / 2;
        for (size_t i = first; i < first + per && i < count; i++) {
            column[1] = fmin(column[1], low[i]);
            column[2] = fmax(column[2], high[i]);
        }
    }
}

static void set_unit(struct strip *strip, double seconds)
{
    bool hours = seconds > 3 * 3600, minutes = seconds > 180;
    strip->unit = hours ? 3600 : minutes ? 60 : 1;
    strip->title = hours     ? "time since the recording began (h)"
                   : minutes ? "time since the recording began (min)"
                             : "time since the recording began (s)";
}

/* Returns false if there is nothing to draw. */
static bool read_strip(struct html *html, const cJSON *recording, struct strip *ret_strip)
{
    size_t counts[2];
    double *low = member_numbers(html, recording, "min", &counts[0]);
    double *high = member_numbers(html, recording, "max", &counts[1]);
    size_t count = counts[0] < counts[1] ? counts[0] : counts[1];
    double start = member_number(recording, "start_s"), step = member_number(recording, "step_s");
    *ret_strip = (struct strip){.band = count > 0 ? calloc(3 * count, sizeof(double)) : NULL};
    html->failed |= count > 0 && !ret_strip->band;
    start = isfinite(start) ? start : 0;
    bool drawn = ret_strip->band && step > 0 && isfinite(step);
    if (drawn) {
        merge_columns(ret_strip, low, high, count);
        ret_strip->end = start + step * (double)count;
        set_unit(ret_strip, ret_strip->end);
    }
    for (size_t i = 0; drawn && i < ret_strip->columns; i++) {
        double *column = ret_strip->band + 3 * i;
        column[0] = (start + (column[0] + 0.5) * step) / ret_strip->unit;
        for (size_t end = 1; end < 3; end++)
            column[end] = isnan(column[end]) ? column[end] : fmax(column[end], LOWEST);
    }
    free(low);
    free(high);
    if (!drawn)
        free(ret_strip->band);
    return drawn;
}

static void widen(struct range *range, const struct strip *strip)
{
    for (size_t i = 0; i < strip->columns; i++) {
        range->low = fmin(range->low, strip->band[3 * i + 1]);
        range->high = fmax(range->high, strip->band[3 * i + 2]);
    }
}

static void shade_labels(struct chart *chart, const struct strip *strip, const cJSON *recording)
{
    const cJSON *stretch;
    cJSON_ArrayForEach(stretch, member_list(recording, "labels"))
    {
        const cJSON *start = cJSON_IsArray(stretch) ? stretch->child : NULL;
        const cJSON *end = start ? start->next : NULL, *label = end ? end->next : NULL;
        char tip[120], named[40] = "";
        if (cJSON_IsNumber(label))
            snprintf(named, sizeof named, "label %.6g, ", label->valuedouble);
        else if (cJSON_IsString(label))
            snprintf(named, sizeof named, "%.30s, ", label->valuestring);
        snprintf(tip, sizeof tip, "%sfrom %s on", named, number_duration(member_value(start)).text);
        chart_shade(chart, member_value(start) / strip->unit, member_value(end) / strip->unit, tip);
    }
}

static void mark_alerts(struct chart *chart, const struct strip *strip, const cJSON *recording)
{
    const cJSON *alert;
    cJSON_ArrayForEach(alert, member_list(recording, "alerts"))
    {
        const cJSON *time = cJSON_IsArray(alert) ? alert->child : NULL;
        const cJSON *found = time ? time->next : NULL;
        bool right = cJSON_IsTrue(found) || member_value(found) > 0;
        char tip[80];
        snprintf(tip, sizeof tip, "alert at %s", number_duration(member_value(time)).text);
        chart_marker(chart, right ? STYLE_FOUND : STYLE_FALSE, member_value(time) / strip->unit,
                     chart->y.high, tip);
    }
}

/* "10 alerts, 60 stretches labelled" below the name of a recording. */
static void name_strip(struct page *page, const cJSON *recording)
{
    int alerts = cJSON_GetArraySize(member(recording, "alerts"));
    int labels = cJSON_GetArraySize(member(recording, "labels"));
    html_raw(&page->html, "<p class=\"strip\"><b>");
    html_text(&page->html, member_text(recording, "recording", "recording"));
    html_put(&page->html, "</b> %s; %d alert%s",
             member_true(recording, "healthy") ? "healthy" : "with anomalies", alerts,
             alerts == 1 ? "" : "s");
    if (labels > 0)
        html_put(&page->html, ", %d labelled stretch%s", labels, labels == 1 ? "" : "es");
    html_raw(&page->html, "</p>\n");
}

static void draw_strip(struct page *page, const struct range *range, const struct strip *strip,
                       const cJSON *recording)
{
    struct chart chart;
    html_raw(&page->html, "<div class=\"keep\">");
    name_strip(page, recording);
    chart_begin(
        &chart, &page->html,
        &(struct chart_frame){
            .name = member_text(recording, "recording", "recording"),
            .description = "Score over threshold against time, with labels and alerts.",
            .width = 1080,
            .height = 190,
            .left = 62,
            .x = {.title = strip->title, .low = 0, .high = strip->end / strip->unit, .exact = true},
            .y = {.title = "score / threshold",
                  .low = range->low,
                  .high = range->high,
                  .log = true}});
    shade_labels(&chart, strip, recording);
    chart_band(&chart, STYLE_SCORE, strip->band, strip->columns);
    chart_rule_y(&chart, 1, "threshold");
    mark_alerts(&chart, strip, recording);
    chart_end(&chart);
    html_raw(&page->html, "</div>\n");
}

/* The strips of one kind, up to STRIPS_MAX; returns how many were left out. */
static size_t draw_kind(struct page *page, const struct range *range, const cJSON *recordings,
                        bool healthy)
{
    size_t seen = 0;
    const cJSON *recording;
    cJSON_ArrayForEach(recording, recordings)
    {
        struct strip strip;
        if (member_true(recording, "healthy") != healthy ||
            !read_strip(&page->html, recording, &strip))
            continue;
        if (seen++ < STRIPS_MAX)
            draw_strip(page, range, &strip, recording);
        free(strip.band);
    }
    return seen > STRIPS_MAX ? seen - STRIPS_MAX : 0;
}

void timeline_figures(struct page *page, const char *name, const cJSON *recordings)
{
    /* The threshold is always in sight. */
    struct range range = {.low = 0.5, .high = 2};
    bool any = false;
    const cJSON *recording;
    if (!cJSON_IsArray(recordings))
        return;
    cJSON_ArrayForEach(recording, recordings)
    {
        struct strip strip;
        if (!read_strip(&page->html, recording, &strip))
            continue;
        widen(&range, &strip);
        free(strip.band);
        any = true;
    }
    if (!any)
        return;
    char title[160];
    snprintf(title, sizeof title, *name ? "Score over time: %.120s" : "Score over time", name);
    page_figure_begin(
        page, &(struct page_figure){
                  title,
                  "One strip per recording, all to one scale: the score should be above the "
                  "dashed threshold where the strip is shaded, and below it elsewhere.",
                  legend, sizeof legend / sizeof *legend, true});
    size_t left_out = draw_kind(page, &range, recordings, false);
    left_out += draw_kind(page, &range, recordings, true);
    if (left_out > 0)
        html_put(&page->html, "<p>%zu more recordings are not drawn.</p>\n", left_out);
    page_figure_end(page);
}
