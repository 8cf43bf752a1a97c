#include "report/training.h"

#include "report/member.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct curve {
    const char *key, *name;
};

/* A figure of some members of an epoch; the list of curves ends with a NULL. */
struct figure {
    const char *title, *reading, *axis;
    const struct curve *curves;
    bool shares; /* of 0 to 1, with a line at one half; else a log scale */
};

static const struct curve losses[] = {
    {"loss", "training"},
    {"held_out_loss", "held-out normal data"},
    {"twin_held_out_loss", "held-out, the twin without adversary"},
    {NULL, NULL}};
static const struct curve rates[] = {
    {"balanced_accuracy", "balanced accuracy"},
    {"accuracy_real", "accuracy on real"},
    {"accuracy_reconstructed", "accuracy on reconstructed"},
    {"auc", "ROC-AUC"},
    {"reported_accuracy", "accuracy as the paper's code reports it"},
    {NULL, NULL}};
static const struct curve steps[] = {{"gradient_norm", "gradient norm"},
                                     {"penalty", "gradient penalty"},
                                     {"relative_step", "step relative to the weights"},
                                     {"influence", "influence on the autoencoder"},
                                     {NULL, NULL}};
static const struct figure figures[] = {
    {"Reconstruction loss",
     "Loss per epoch: the adversary costs no reconstruction where the held-out line stays beside "
     "its twin's.",
     "loss (log scale)", losses, false},
    {"Discriminator on held-out normal data",
     "At 50\u00a0% it cannot tell real from reconstructed windows, at 100\u00a0% it always can; a "
     "healthy "
     "one "
     "stays between.",
     "share", rates, true},
    {"Steps of the discriminator",
     "Sizes per epoch: a step that falls to nothing is a discriminator that no longer learns.",
     "size (log scale)", steps, false},
};

/* The values of one curve as points over the epoch; on a log scale without what is not positive.
 * NULL if no epoch has any. */
static double *read_curve(struct html *html, const cJSON *epochs, const struct curve *curve,
                          bool log, size_t *ret_count)
{
    double *values = member_column(html, epochs, curve->key, ret_count);
    double *points = values ? calloc(2 * *ret_count, sizeof *points) : NULL;
    bool any = false;
    html->failed |= values && !points;
    for (size_t i = 0; points && i < *ret_count; i++) {
        bool shown = log ? values[i] > 0 : isfinite(values[i]);
        points[2 * i] = (double)(i + 1);
        points[2 * i + 1] = shown ? values[i] : (double)NAN;
        any |= shown;
    }
    free(values);
    if (!any) {
        free(points);
        return NULL;
    }
    return points;
}

static void widen(const double *points, size_t count, double *low, double *high)
{
    for (size_t i = 0; i < count; i++) {
        if (isfinite(points[2 * i + 1])) {
            *low = fmin(*low, points[2 * i + 1]);
            *high = fmax(*high, points[2 * i + 1]);
        }
    }
}

#define CURVES_MAX 5

static void draw(struct page *page, const struct figure *figure, double *const points[CURVES_MAX],
                 size_t epochs)
{
    double low = (double)INFINITY, high = -(double)INFINITY;
    for (size_t i = 0; i < CURVES_MAX; i++) {
        if (points[i])
            widen(points[i], epochs, &low, &high);
    }
    struct chart_axis y = {.title = figure->axis, .low = low, .high = high, .log = true};
    if (figure->shares)
        y = (struct chart_axis){.title = figure->axis, .low = 0, .high = 1, .exact = true};
    struct chart chart;
    chart_begin(
        &chart, &page->html,
        &(struct chart_frame){
            .name = figure->title,
            .description = figure->reading,
            .width = 520,
            .height = 320,
            .x = {.title = "epoch", .low = 1, .high = (double)epochs, .whole = true, .exact = true},
            .y = y});
    if (figure->shares)
        chart_rule_y(&chart, 0.5, "50\u00a0%");
    for (unsigned i = 0; i < CURVES_MAX; i++) {
        if (!points[i])
            continue;
        chart_line(&chart, i, points[i], epochs);
        for (size_t e = 0; epochs == 1 && e < epochs; e++)
            chart_marker(&chart, i, points[i][2 * e], points[i][2 * e + 1], NULL);
    }
    chart_end(&chart);
}

static void show(struct page *page, const char *name, const struct figure *figure,
                 const cJSON *epochs)
{
    double *points[CURVES_MAX] = {NULL};
    struct chart_key keys[CURVES_MAX];
    size_t used = 0, count = 0;
    for (unsigned i = 0; figure->curves[i].key; i++) {
        size_t read;
        points[i] = read_curve(&page->html, epochs, &figure->curves[i], !figure->shares, &read);
        if (!points[i])
            continue;
        count = read;
        keys[used++] = (struct chart_key){CHART_SWATCH_LINE, i, 0, figure->curves[i].name};
    }
    if (used > 0) {
        char title[200];
        snprintf(title, sizeof title, *name ? "%s: %.120s" : "%s", figure->title, name);
        page_figure_begin(page, &(struct page_figure){title, figure->reading, keys, used, false});
        draw(page, figure, points, count);
        page_figure_end(page);
    }
    for (size_t i = 0; i < CURVES_MAX; i++)
        free(points[i]);
}

/* "State of the discriminator: dead in epochs 1 to 3, healthy in 4 to 20." */
static void tell_states(struct page *page, const cJSON *epochs)
{
    const cJSON *epoch = epochs->child;
    bool any = false;
    for (size_t number = 1; epoch; number++, epoch = epoch->next) {
        const char *state = member_text(epoch, "state", NULL);
        size_t first = number;
        if (!state)
            continue;
        while (epoch->next && !strcmp(member_text(epoch->next, "state", ""), state)) {
            epoch = epoch->next;
            number++;
        }
        html_raw(&page->html, any ? "; " : "<p>State of the discriminator: ");
        html_text(&page->html, state);
        if (number > first)
            html_put(&page->html, " in epochs %zu to %zu", first, number);
        else
            html_put(&page->html, " in epoch %zu", first);
        any = true;
    }
    html_raw(&page->html, any ? ".</p>\n" : "");
}

void training_figures(struct page *page, const char *name, const cJSON *epochs)
{
    if (!cJSON_IsArray(epochs) || !epochs->child)
        return;
    if (*name) {
        html_element(&page->html, "h3", NULL, name);
        html_raw(&page->html, "\n");
    }
    tell_states(page, epochs);
    page_grid_begin(page);
    for (size_t i = 0; i < sizeof figures / sizeof *figures; i++)
        show(page, name, &figures[i], epochs);
    page_grid_end(page);
}

bool training_has_discriminator(const cJSON *epochs)
{
    return cJSON_IsArray(epochs) && isfinite(member_number(epochs->child, "auc"));
}

void training_discriminator(struct page *page, const char *name, const cJSON *epochs)
{
    show(page, name, &figures[1], epochs);
}
