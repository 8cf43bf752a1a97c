#include "report/comparison.h"

#include "report/figures.h"
#include "report/member.h"
#include "report/timeline.h"
#include "report/training.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- the paper's figure */

#define BARS_MAX 12

struct bar {
    const cJSON *row;
    unsigned style, hatch;
};

static const char *const bar_metrics[] = {"precision", "recall", "f1", "roc_auc"};
#define BAR_METRICS (sizeof bar_metrics / sizeof *bar_metrics)

/* Rows with the paper's settings, twins among them, say so in their keys: "ae2-as-paper",
 * "ae2-paper". */
static bool has_paper_settings(const cJSON *row)
{
    return strstr(member_text(row, "key", ""), "paper") != NULL;
}

static size_t list_bars(const struct comparison *comparison, bool paper_settings,
                        struct bar bars[BARS_MAX])
{
    size_t count = 0;
    unsigned styles = 0;
    const cJSON *row = NULL;
    while ((row = comparison_next(comparison, row, &comparison_groups[0])) && count < BARS_MAX) {
        if (has_paper_settings(row) != paper_settings || comparison_is_trap(row))
            continue;
        struct bar bar = {.row = row, .style = CHART_STYLES};
        const char *twin = member_text(row, "twin", "");
        /* An adversary's bar has the colour of its twin's, hatched. */
        for (size_t i = 0; i < count; i++) {
            if (!strcmp(member_text(bars[i].row, "key", "?"), twin)) {
                bar.style = bars[i].style;
                bar.hatch = bars[i].hatch + 1;
            }
        }
        if (bar.style == CHART_STYLES)
            bar.style = styles++ % CHART_STYLES;
        bars[count++] = bar;
    }
    return count;
}

static void draw_bar(struct chart *chart, const struct bar *bar, const char *metric, double left,
                     double width)
{
    struct estimate value = comparison_value(bar->row, metric);
    char tip[240];
    snprintf(tip, sizeof tip, "%.90s, %s: %s %s", comparison_name(bar->row),
             comparison_metric(metric)->name, number_share(value.mean).text,
             number_interval(value.low, value.high, number_share).text);
    chart_bar(chart, &(struct chart_bar){bar->style, bar->hatch, false, left + 0.06 * width,
                                         left + 0.94 * width, value.mean, tip});
    chart_whisker(chart, true, left + width / 2, value.low, value.high);
}

static void draw_bars(struct comparison *comparison, const struct bar *bars, size_t count)
{
    struct chart chart;
    chart_begin(&chart, &comparison->page.html,
                &(struct chart_frame){.name = "Precision, recall, F1 and ROC-AUC",
                                      .description =
                                          "A cluster of bars for each measure, a bar for each row.",
                                      .width = 1080,
                                      .height = 360,
                                      .bottom = 32,
                                      .x = {.high = BAR_METRICS, .exact = true, .hidden = true},
                                      .y = {.title = "value", .high = 1, .exact = true}});
    for (size_t m = 0; m < BAR_METRICS; m++) {
        double width = 0.84 / (double)count, left = (double)m + 0.08;
        for (size_t i = 0; i < count; i++)
            draw_bar(&chart, &bars[i], bar_metrics[m], left + width * (double)i, width);
        html_raw(chart.html, "<g class=\"name\">");
        chart_write(&chart, scale_at(&chart.x, (double)m + 0.5), chart.bottom + 20, "middle",
                    comparison_metric(bar_metrics[m])->name);
        html_raw(chart.html, "</g>");
    }
    chart_end(&chart);
}

void comparison_figure_paper(struct comparison *comparison)
{
    static const char *const titles[] = {
        "The paper's figure: both autoencoders with and without the adversary, trained as written",
        "The same with this program's training and the stable adversary"};
    for (size_t f = 0; f < 2; f++) {
        struct bar bars[BARS_MAX];
        struct chart_key keys[BARS_MAX];
        size_t count = list_bars(comparison, f == 0, bars);
        if (count == 0)
            continue;
        for (size_t i = 0; i < count; i++)
            keys[i] = (struct chart_key){CHART_SWATCH_BAR, bars[i].style, bars[i].hatch,
                                         comparison_name(bars[i].row)};
        page_figure_begin(
            &comparison->page,
            &(struct page_figure){
                titles[f],
                "Higher is better; whiskers are 95\u00a0% intervals over seeds and "
                "segments. Hatched bars have the adversary, the solid bar of the same "
                "colour is the twin without it. The first three are at the frozen "
                "threshold.",
                keys, count, true});
        draw_bars(comparison, bars, count);
        page_figure_end(&comparison->page);
    }
}

/* ---- dots with intervals */

#define ROW_HEIGHT 25.0

struct span {
    double low, high, margin;
    size_t rows, references;
};

static void widen(struct span *span, const struct estimate *value)
{
    const double ends[] = {value->mean, value->low, value->high};
    for (size_t i = 0; i < 3; i++) {
        span->low = fmin(span->low, ends[i]);
        span->high = fmax(span->high, ends[i]);
    }
}

static struct span span_of(const struct comparison *comparison,
                           const struct comparison_group *group, const char *metric)
{
    struct span span = {.low = (double)NAN, .high = (double)NAN, .margin = 60};
    const cJSON *row = NULL;
    while ((row = comparison_next(comparison, row, group))) {
        struct estimate value = comparison_value(row, metric);
        if (isnan(value.mean) || comparison_is_trap(row))
            continue;
        widen(&span, &value);
        span.margin = chart_name_margin(comparison_name(row), span.margin);
        span.rows++;
    }
    struct estimate random = comparison_value(comparison_row(comparison, "random"), metric);
    span.low = fmin(span.low, random.mean);
    const cJSON *references[COMPARISON_REFERENCES];
    span.references = comparison_references(comparison, group, references);
    for (size_t i = 0; i < span.references; i++) {
        double mean = comparison_value(references[i], metric).mean;
        span.low = fmin(span.low, mean);
        span.high = fmax(span.high, mean);
    }
    return span;
}

/* Where the random score is, and where the rows' own references are. */
static void draw_references(struct chart *chart, const struct comparison *comparison,
                            const struct comparison_group *group, const char *metric)
{
    const cJSON *references[COMPARISON_REFERENCES];
    size_t count = comparison_references(comparison, group, references);
    chart_rule_x(chart, comparison_value(comparison_row(comparison, "random"), metric).mean,
                 "random", 0);
    for (size_t i = 0; i < count; i++)
        chart_rule_x(chart, comparison_value(references[i], metric).mean,
                     comparison_name(references[i]), (unsigned)i + 1);
}

static void draw_dots(struct comparison *comparison, const struct comparison_group *group,
                      const struct comparison_metric *metric, const struct span *span)
{
    struct chart chart;
    const cJSON *row = NULL;
    double y = (double)span->rows + 0.5, labels = 16 + 14 * (double)span->references;
    chart_begin(
        &chart, &comparison->page.html,
        &(struct chart_frame){.name = metric->name,
                              .description = "A dot with a 95\u00a0% interval for each row.",
                              .width = 480,
                              .height = 60 + labels + ROW_HEIGHT * (double)span->rows,
                              .left = span->margin,
                              .x = {.title = metric->name, .low = span->low, .high = span->high},
                              .y = {.high = (double)span->rows + labels / ROW_HEIGHT,
                                    .exact = true,
                                    .hidden = true}});
    draw_references(&chart, comparison, group, metric->key);
    while ((row = comparison_next(comparison, row, group))) {
        struct estimate value = comparison_value(row, metric->key);
        if (isnan(value.mean) || comparison_is_trap(row))
            continue;
        char tip[240];
        y -= 1;
        snprintf(tip, sizeof tip, "%.100s: %s %s", comparison_name(row),
                 metric->format(value.mean).text,
                 number_interval(value.low, value.high, metric->format).text);
        chart_name(&chart, y, comparison_name(row));
        chart_whisker(&chart, false, y, value.low, value.high);
        chart_marker(&chart, comparison_has_adversary(row) ? 1 : 0, value.mean, y, tip);
    }
    chart_end(&chart);
}

void comparison_figure_dots(struct comparison *comparison, const struct comparison_group *group,
                            const char *key)
{
    static const struct chart_key keys[] = {{CHART_SWATCH_MARKER, 0, 0, "no adversary"},
                                            {CHART_SWATCH_MARKER, 1, 0, "with an adversary"}};
    const struct comparison_metric *metric = comparison_metric(key);
    struct span span = span_of(comparison, group, key);
    if (span.rows == 0)
        return;
    bool both = false;
    for (const cJSON *row = NULL; (row = comparison_next(comparison, row, group));)
        both |= comparison_has_adversary(row);
    char title[160], reading[240];
    snprintf(title, sizeof title, "%s: %s", group->title, metric->name);
    snprintf(
        reading, sizeof reading,
        "%s is better; bars are 95\u00a0%% intervals. Dashed: the random score, and the row that "
        "the others are compared with.",
        metric->less_is_better ? "Further left" : "Further right");
    page_figure_begin(&comparison->page,
                      &(struct page_figure){title, reading, keys, both ? 2 : 0, false});
    draw_dots(comparison, group, metric, &span);
    page_figure_end(&comparison->page);
}

/* ---- curves */

#define MAIN_CURVES 6

static void add_curve(const struct comparison *comparison, const cJSON *row,
                      struct figures_curve curves[MAIN_CURVES], size_t *count)
{
    const cJSON *points = member(comparison->curves, member_text(row, "key", ""));
    if (*count == MAIN_CURVES || !row || !points || comparison_skipped(row) ||
        comparison_is_trap(row))
        return;
    for (size_t i = 0; i < *count; i++) {
        if (curves[i].curves == points)
            return;
    }
    curves[(*count)++] =
        (struct figures_curve){.name = comparison_name(row),
                               .curves = points,
                               .operating = {comparison_value(row, "false_positive_rate").mean,
                                             comparison_value(row, "recall").mean,
                                             comparison_value(row, "precision").mean}};
}

static size_t choose_main(const struct comparison *comparison,
                          struct figures_curve curves[MAIN_CURVES])
{
    static const char *const keys[] = {"ae2", "ae2-stable", "ae2-as-paper", "ae2-paper"};
    size_t count = 0;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        add_curve(comparison, comparison_row(comparison, keys[i]), curves, &count);
    for (size_t g = 1; g < 4; g++)
        add_curve(comparison, comparison_best(comparison, &comparison_groups[g]), curves, &count);
    for (const cJSON *row = NULL; (row = comparison_next(comparison, row, &comparison_groups[0]));)
        add_curve(comparison, row, curves, &count);
    return count;
}

static const char *name_of_key(const struct comparison *comparison, const char *key)
{
    const cJSON *row = comparison_row(comparison, key ? key : "");
    return row ? comparison_name(row) : key ? key : "?";
}

struct part {
    const char *key, *title;
    void (*figure)(struct page *, const char *, const cJSON *);
    bool grid;
};

static bool is_main(const struct figures_curve *curves, size_t count, const cJSON *points)
{
    for (size_t i = 0; i < count; i++) {
        if (curves[i].curves == points)
            return true;
    }
    return false;
}

/* What a main row has of its own, drawn as a section; a grid of half pages if `grid`. */
static void show_part(struct comparison *comparison, const struct figures_curve *curves,
                      size_t count, const struct part *part)
{
    struct page *page = &comparison->page;
    bool any = false;
    for (size_t i = 0; i < count; i++) {
        const cJSON *item = member(curves[i].curves, part->key);
        if (!item || !item->child)
            continue;
        if (!any) {
            page_section(page, part->title);
            if (part->grid)
                page_grid_begin(page);
        }
        any = true;
        part->figure(page, curves[i].name, item);
    }
    if (any && part->grid)
        page_grid_end(page);
}

#define OTHERS_MAX 40

static void show_other_discriminators(struct comparison *comparison,
                                      const struct figures_curve *curves, size_t count)
{
    struct page *page = &comparison->page;
    const cJSON *entry;
    size_t shown = 0;
    cJSON_ArrayForEach(entry, comparison->curves)
    {
        const cJSON *epochs = member(entry, "epochs");
        if (is_main(curves, count, entry) || !training_has_discriminator(epochs) ||
            shown == OTHERS_MAX)
            continue;
        if (shown++ == 0) {
            page_section(page, "The other discriminators");
            page_grid_begin(page);
        }
        training_discriminator(page, name_of_key(comparison, entry->string), epochs);
    }
    if (shown > 0)
        page_grid_end(page);
}

void comparison_figure_curves(struct comparison *comparison)
{
    static const struct part parts[] = {
        {"histogram", "Scores of normal and anomalous windows", figures_histogram, true},
        {"timeline", "Scores and alerts over time", timeline_figures, false},
        {"attribution", "Where the error is", figures_attribution, true},
        {"epochs", "How the networks and their adversaries were trained", training_figures, false}};
    struct page *page = &comparison->page;
    struct figures_curve curves[MAIN_CURVES];
    size_t count = choose_main(comparison, curves);
    if (count > 0) {
        page_section(page, "Curves of the main rows");
        page_paragraph(page, "Of the first seed of each row.");
        page_grid_begin(page);
        figures_curves(page, curves, count, comparison->prevalence);
        page_grid_end(page);
    }
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        show_part(comparison, curves, count, &parts[i]);
    show_other_discriminators(comparison, curves, count);
}
