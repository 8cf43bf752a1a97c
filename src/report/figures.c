#include "report/figures.h"

#include "report/number.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double diagonal[] = {0, 0, 1, 1};

#define UNIT_AXIS(name)                                                                            \
    {                                                                                              \
        .title = (name), .low = 0, .high = 1, .exact = true                                        \
    }

/* "of NAME", or what it is without a name. */
static void title_of(char *buffer, size_t size, const char *what, const char *name)
{
    snprintf(buffer, size, *name ? "%s: %.120s" : "%s", what, name);
}

/* ---- ROC, precision and recall */

static size_t list_keys(const struct figures_curve *curves, size_t count, const char *key,
                        struct chart_key keys[CHART_STYLES + 1])
{
    size_t used = 0;
    for (unsigned i = 0; i < count; i++) {
        bool marked = !isnan(curves[i].operating[1]);
        if (member_list(curves[i].curves, key))
            keys[used++] = (struct chart_key){marked ? CHART_SWATCH_MARKED_LINE : CHART_SWATCH_LINE,
                                              i, 0, curves[i].name};
    }
    if (used > 0)
        keys[used++] = (struct chart_key){CHART_SWATCH_LINE, CHART_REFERENCE, 0, "a random score"};
    return used;
}

static void draw_roc(struct page *page, const struct figures_curve *curves, size_t count)
{
    struct chart_key keys[CHART_STYLES + 1];
    size_t used = list_keys(curves, count, "roc", keys);
    if (used == 0)
        return;
    page_figure_begin(page, &(struct page_figure){
                                "ROC curve",
                                "The share of anomalous windows found against the share of normal "
                                "ones that are over the same threshold: the nearer to the upper "
                                "left corner, the better. A mark is at the frozen threshold.",
                                keys, used, false});
    struct chart chart;
    chart_begin(&chart, &page->html,
                &(struct chart_frame){.name = "ROC curve",
                                      .description = "Recall over false-positive rate.",
                                      .width = 460,
                                      .height = 420,
                                      .x = UNIT_AXIS("false-positive rate"),
                                      .y = UNIT_AXIS("recall (true-positive rate)")});
    chart_line(&chart, CHART_REFERENCE, diagonal, 2);
    for (unsigned i = 0; i < count; i++) {
        size_t points;
        double *pairs = member_pairs(&page->html, curves[i].curves, "roc", &points);
        /* Straight between its points, as the area under it is reckoned. */
        chart_line(&chart, i, pairs, points);
        chart_marker(&chart, i, curves[i].operating[0], curves[i].operating[1], curves[i].name);
        free(pairs);
    }
    chart_end(&chart);
    page_figure_end(page);
}

static int by_recall(const void *left, const void *right)
{
    const double *a = left, *b = right;
    return (a[0] > b[0]) - (a[0] < b[0]);
}

static void draw_precision_recall(struct page *page, const struct figures_curve *curves,
                                  size_t count, double prevalence)
{
    struct chart_key keys[CHART_STYLES + 1];
    size_t used = list_keys(curves, count, "pr", keys);
    if (used == 0)
        return;
    page_figure_begin(
        page,
        &(struct page_figure){"Precision and recall",
                              "Of the windows over a threshold, the share that is anomalous, "
                              "against the share of anomalous ones found: the nearer to the upper "
                              "right corner, the better. A mark is at the frozen threshold.",
                              keys, used, false});
    struct chart chart;
    chart_begin(&chart, &page->html,
                &(struct chart_frame){.name = "Precision-recall curve",
                                      .description = "Precision over recall.",
                                      .width = 460,
                                      .height = 420,
                                      .x = UNIT_AXIS("recall"),
                                      .y = UNIT_AXIS("precision")});
    const double level[] = {0, prevalence, 1, prevalence};
    chart_line(&chart, CHART_REFERENCE, level, 2);
    for (unsigned i = 0; i < count; i++) {
        size_t points;
        double *pairs = member_pairs(&page->html, curves[i].curves, "pr", &points);
        if (pairs)
            qsort(pairs, points, 2 * sizeof *pairs, by_recall);
        chart_steps(&chart, i, pairs, points);
        chart_marker(&chart, i, curves[i].operating[1], curves[i].operating[2], curves[i].name);
        free(pairs);
    }
    chart_end(&chart);
    page_figure_end(page);
}

void figures_curves(struct page *page, const struct figures_curve *curves, size_t count,
                    double prevalence)
{
    if (count > CHART_STYLES)
        count = CHART_STYLES;
    draw_roc(page, curves, count);
    draw_precision_recall(page, curves, count, prevalence);
}

/* ---- histogram */

static double highest(const double *values, size_t count, double at_least)
{
    for (size_t i = 0; i < count; i++)
        at_least = values[i] > at_least ? values[i] : at_least;
    return at_least;
}

static void draw_histogram(struct page *page, const double *edges, size_t bins,
                           double *const shares[2])
{
    double top =
        highest(shares[1], shares[1] ? bins : 0, highest(shares[0], shares[0] ? bins : 0, 0));
    struct chart chart;
    chart_begin(&chart, &page->html,
                &(struct chart_frame){.name = "Histogram of scores",
                                      .description =
                                          "Share of windows by score over threshold, normal "
                                          "and anomalous ones overlaid.",
                                      .width = 520,
                                      .height = 330,
                                      .x = {.title = "score / threshold (log scale)",
                                            .low = edges[0],
                                            .high = edges[bins],
                                            .log = true,
                                            .exact = true},
                                      .y = {.title = "share of windows", .low = 0, .high = top}});
    for (unsigned class = 0; class < 2; class ++) {
        if (shares[class])
            chart_histogram(&chart, class, edges, shares[class], bins);
    }
    chart_rule_x(&chart, 1, "threshold", 0);
    chart_end(&chart);
}

void figures_histogram(struct page *page, const char *name, const cJSON *histogram)
{
    static const struct chart_key keys[] = {{CHART_SWATCH_AREA, 0, 0, "normal windows"},
                                            {CHART_SWATCH_AREA, 1, 0, "anomalous windows"}};
    size_t edges, counts[2];
    double *edge = member_numbers(&page->html, histogram, "edges", &edges);
    double *shares[] = {member_numbers(&page->html, histogram, "normal", &counts[0]),
                        member_numbers(&page->html, histogram, "anomalous", &counts[1])};
    bool fits = edges >= 2 && (shares[0] || shares[1]);
    for (size_t i = 0; i < 2; i++)
        fits = fits && (!shares[i] || counts[i] + 1 == edges);
    for (size_t i = 0; i < edges; i++) {
        edge[i] = pow(10, edge[i]);
        fits = fits && isfinite(edge[i]) && edge[i] > 0;
    }
    if (fits) {
        char title[160];
        title_of(title, sizeof title, "Scores", name);
        page_figure_begin(
            page, &(struct page_figure){title,
                                        "How often each score occurred, each class by "
                                        "itself: the less the two overlap, the better; what "
                                        "is right of the threshold counts as anomalous.",
                                        keys, 2, false});
        draw_histogram(page, edge, edges - 1, shares);
        page_figure_end(page);
    }
    free(edge);
    free(shares[0]);
    free(shares[1]);
}

/* ---- attribution */

#define CHANNELS_SHOWN 16

struct channel {
    const char *name;
    double share[2]; /* normal, anomalous; NAN: unknown */
};

static int by_share(const void *left, const void *right)
{
    const struct channel *a = left, *b = right;
    double x = fmax(a->share[0], a->share[1]), y = fmax(b->share[0], b->share[1]);
    if (isnan(x) || isnan(y))
        return (int)isnan(x) - (int)isnan(y);
    return (x < y) - (x > y);
}

static void draw_channels(struct page *page, const struct channel *channels, size_t count)
{
    double margin = 60, top = 0;
    for (size_t i = 0; i < count; i++) {
        margin = chart_name_margin(channels[i].name, margin);
        top = fmax(top, fmax(channels[i].share[0], channels[i].share[1]));
    }
    struct chart chart;
    chart_begin(&chart, &page->html,
                &(struct chart_frame){
                    .name = "Shares of the error by channel",
                    .description = "Bars: normal and anomalous windows, largest channels first.",
                    .width = 520,
                    .height = 60 + 22 * (double)count,
                    .left = margin,
                    .x = {.title = "mean share of the error", .low = 0, .high = top},
                    .y = {.low = 0, .high = (double)count, .exact = true, .hidden = true}});
    for (size_t i = 0; i < count; i++) {
        double middle = (double)(count - i) - 0.5;
        chart_name(&chart, middle, channels[i].name);
        for (unsigned class = 0; class < 2; class ++) {
            char tip[200];
            snprintf(tip, sizeof tip, "%.100s, %s: %s", channels[i].name,
                     class ? "anomalous" : "normal", number_share(channels[i].share[class]).text);
            double upper = middle + 0.36 - 0.36 * class;
            chart_bar(&chart, &(struct chart_bar){class, class, true, upper - 0.34, upper,
                                                  channels[i].share[class], tip});
        }
    }
    chart_end(&chart);
}

static struct channel *read_channels(struct html *html, const cJSON *attribution, size_t *ret_count)
{
    const cJSON *item, *names = member_list(attribution, "channels");
    size_t counts[2];
    double *shares[] = {member_numbers(html, attribution, "normal", &counts[0]),
                        member_numbers(html, attribution, "anomalous", &counts[1])};
    size_t size = names && (shares[0] || shares[1]) ? (size_t)cJSON_GetArraySize(names) : 0;
    struct channel *channels = size > 0 ? calloc(size, sizeof *channels) : NULL;
    html->failed |= size > 0 && !channels;
    *ret_count = 0;
    for (item = channels ? names->child : NULL; item; item = item->next) {
        size_t i = (*ret_count)++;
        channels[i].name = cJSON_IsString(item) ? item->valuestring : "?";
        for (size_t class = 0; class < 2; class ++)
            channels[i].share[class] = i < counts[class] ? shares[class][i] : (double)NAN;
    }
    free(shares[0]);
    free(shares[1]);
    return channels;
}

static bool any_anomalous(const struct channel *channels, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!isnan(channels[i].share[1]))
            return true;
    }
    return false;
}

void figures_attribution(struct page *page, const char *name, const cJSON *attribution)
{
    static const struct chart_key keys[] = {{CHART_SWATCH_BAR, 0, 0, "highest normal windows"},
                                            {CHART_SWATCH_BAR, 1, 1, "anomalous windows"}};
    size_t count;
    struct channel *channels = read_channels(&page->html, attribution, &count);
    if (!channels)
        return;
    qsort(channels, count, sizeof *channels, by_share);
    char title[160], reading[280];
    title_of(title, sizeof title, "Where the error is", name);
    size_t shown = count < CHANNELS_SHOWN ? count : CHANNELS_SHOWN;
    snprintf(
        reading, sizeof reading,
        "Each channel's mean share of the error in anomalous windows over the limit and in the "
        "highest normal ones, the largest %zu of %zu channels: what grows from normal to "
        "anomalous is what the anomaly shows in.",
        shown, count);
    page_figure_begin(page, &(struct page_figure){title, reading, keys, 2, false});
    if (!any_anomalous(channels, count))
        page_paragraph(page, "No anomalous window is over the limit.");
    draw_channels(page, channels, shown);
    page_figure_end(page);
    free(channels);
}
