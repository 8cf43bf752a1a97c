/* The page follows the question of its reader: is the model good enough, how is that known, and
 * where does it fail. */
#include "report/report.h"

#include "report/figures.h"
#include "report/number.h"
#include "report/sources.h"
#include "report/timeline.h"
#include "report/training.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

struct evaluation_column {
    const char *key, *name, *meaning;
    struct number_text (*format)(double);
};

static const struct evaluation_column figures[] = {
    {"roc_auc", "ROC-AUC", "chance that an anomalous window scores above a normal one",
     number_share},
    {"average_precision", "Average precision", "a random score gets the share of anomalous windows",
     number_share},
    {"vus_pr", "VUS-PR", "volume under the precision-recall surface: tolerant of where labels end",
     number_share},
    {"precision", "Precision", "of windows over the threshold, the share that is anomalous",
     number_share},
    {"recall", "Recall", "of anomalous windows, the share over the threshold", number_share},
    {"f1", "F1", "harmonic mean of precision and recall", number_share},
    {"accuracy", "Accuracy", "of all windows, the share judged right", number_share},
    {"false_positive_rate", "False-positive rate",
     "of normal windows, the share over the threshold", number_plain},
};
#define FIGURES (sizeof figures / sizeof *figures)

/* "intervals": {"roc_auc_95": [low, high]}. */
static struct number_text interval_of(const cJSON *object, const struct evaluation_column *column)
{
    char key[80];
    snprintf(key, sizeof key, "%.70s_95", column->key);
    const cJSON *interval = member_list(member(object, "intervals"), key);
    const cJSON *low = interval ? interval->child : NULL;
    return number_interval(member_value(low), member_value(low ? low->next : NULL), column->format);
}

/* ---- key figures */

/* "95 % [0.93, 0.95]; ", or nothing. */
static struct number_text introduce(struct number_text interval)
{
    struct number_text text = {""};
    if (*interval.text)
        snprintf(text.text, sizeof text.text, "95\u00a0%% %.50s; ", interval.text);
    return text;
}

static void key_of_share(struct page *page, const cJSON *root,
                         const struct evaluation_column *column, const char *meaning)
{
    double value = member_number(root, column->key);
    page_key(page, column->name, isfinite(value) ? column->format(value).text : "", "%s%s",
             introduce(interval_of(root, column)).text, meaning);
}

static void key_of_events(struct page *page, const cJSON *root)
{
    double found = member_number(root, "events_found"), events = member_number(root, "events");
    double median = member_number(root, "delay_p50_s"), late = member_number(root, "delay_p90_s");
    bool steps = !strcmp(member_text(root, "events_are", "runs"), "steps");
    const char *unit = steps ? "program steps" : "runs of labels";
    char value[80] = "";
    if (!(events > 0) || !isfinite(found)) {
        page_key(page, "Events found", value, "there is no labelled event");
        return;
    }
    snprintf(value, sizeof value, "%.0f of %.0f", found, events);
    if (isfinite(median))
        page_key(page, "Events found", value, "%s; half within %s, 90\u00a0%% within %s", unit,
                 number_duration(median).text, number_duration(late).text);
    else
        page_key(page, "Events found", value, "%s", unit);
}

static void key_of_false_alarms(struct page *page, const cJSON *root)
{
    double rate = member_number(root, "false_alarms_per_day");
    if (!isfinite(rate)) {
        page_key(page, "False alarms a day", "", "there is no healthy time");
        return;
    }
    double promised = member_number(member(root, "budget"), "false_alarms_per_day");
    double lower = member_number(root, "false_alarms_per_day_lower");
    double upper = member_number(root, "false_alarms_per_day_upper");
    page_key(page, "False alarms a day", number_plain(rate).text,
             "%s%s in %s healthy hours; promised %s%s",
             introduce(number_interval(lower, upper, number_plain)).text,
             number_count(member_number(root, "false_alarms")).text,
             number_plain(member_number(root, "healthy_hours")).text, number_given(promised).text,
             lower > promised ? ": not kept" : "");
}

static void show_keys(struct page *page, const cJSON *root)
{
    struct number_text prevalence = number_share(member_number(root, "prevalence"));
    char random[100];
    snprintf(random, sizeof random, "a random score gets %s", prevalence.text);
    page_keys_begin(page);
    key_of_events(page, root);
    key_of_false_alarms(page, root);
    key_of_share(page, root, &figures[0], "0.5 is a random score, 1 is perfect");
    key_of_share(page, root, &figures[1], random);
    page_keys_end(page);
}

/* ---- the table */

static void show_row(struct page *page, const cJSON *object, const char *name)
{
    page_row_begin(page, name, NULL, false);
    for (size_t i = 0; i < FIGURES; i++)
        page_cell(page, figures[i].format(member_number(object, figures[i].key)).text,
                  interval_of(object, &figures[i]).text, false);
    page_row_end(page);
}

static void show_table(struct page *page, const cJSON *root)
{
    struct page_column columns[FIGURES + 1] = {{"Score of", NULL, true}};
    for (size_t i = 0; i < FIGURES; i++)
        columns[i + 1] = (struct page_column){figures[i].name, figures[i].meaning, false};
    page_table_begin(page,
                     &(struct page_table){"Windows",
                                          "The first three rank the windows without a threshold; "
                                          "the others are at the threshold that the model would "
                                          "run with. In brackets: 95\u00a0% intervals.",
                                          columns, FIGURES + 1, false});
    show_row(page, root, "the robot");
    const cJSON *detector;
    cJSON_ArrayForEach(detector, member(root, "detectors"))
    {
        char name[120];
        snprintf(name, sizeof name, "detector %.100s", detector->string ? detector->string : "?");
        show_row(page, detector, name);
    }
    page_table_end(page);
}

static void show_classes(struct page *page, const cJSON *root)
{
    static const struct page_column columns[] = {{"Label", NULL, true},
                                                 {"ROC-AUC", NULL, false},
                                                 {"Average precision", NULL, false},
                                                 {"Events found", NULL, false}};
    const cJSON *entry, *classes = member_list(root, "classes");
    if (!classes)
        return;
    page_table_begin(page, &(struct page_table){"Each label by itself",
                                                "Windows of the label against all normal windows.",
                                                columns, 4, false});
    cJSON_ArrayForEach(entry, classes)
    {
        page_row_begin(page, member_text(entry, "name", "?"), NULL, false);
        page_cell(page, number_share(member_number(entry, "roc_auc")).text, NULL, false);
        page_cell(page, number_share(member_number(entry, "average_precision")).text, NULL, false);
        page_cell(page, number_share(member_number(entry, "event_recall")).text, NULL, false);
        page_row_end(page);
    }
    page_table_end(page);
}

/* ---- the figures */

static void show_ranking(struct page *page, const cJSON *root, const cJSON *curves)
{
    const struct figures_curve curve = {.name = "the robot's score",
                                        .curves = curves,
                                        .operating = {member_number(root, "false_positive_rate"),
                                                      member_number(root, "recall"),
                                                      member_number(root, "precision")}};
    page_section(page, "How well the score tells them apart");
    page_grid_begin(page);
    figures_curves(page, &curve, 1, member_number(root, "prevalence"));
    figures_histogram(page, "", member(curves, "histogram"));
    figures_attribution(page, "", member(curves, "attribution"));
    page_grid_end(page);
}

static void show_figures(struct page *page, const cJSON *root)
{
    const cJSON *curves = member(root, "curves");
    const cJSON *epochs = member_list(member(root, "training"), "epochs");
    if (cJSON_IsObject(curves) && curves->child)
        show_ranking(page, root, curves);
    if (member_list(curves, "timeline")) {
        page_section(page, "Scores and alerts over time");
        timeline_figures(page, "", member(curves, "timeline"));
    }
    if (epochs) {
        page_section(page, "How it was trained");
        training_figures(page, "", epochs);
    }
}

static void show_head(struct page *page, const cJSON *root)
{
    double version = member_number(root, "model_version"), windows = member_number(root, "windows");
    double seed = member_number(root, "seed");
    page_facts_begin(page);
    if (isfinite(version))
        page_fact(page, "Model", "%s, version %.0f", member_text(root, "model", "?"), version);
    if (isfinite(windows))
        page_fact(page, "Windows evaluated", "%s", number_count(windows).text);
    if (isfinite(seed))
        page_fact(page, "Seed", "%.0f", seed);
    sources_facts(page, root);
    page_facts_end(page);
}

int report_evaluation(const cJSON *evaluation, char **ret_html, size_t *ret_size, struct diag *diag)
{
    struct page page;
    if (!cJSON_IsObject(evaluation))
        return diag_set(diag, "an evaluation is a JSON object");
    page_begin(&page, "armwatch evaluation", member_text(evaluation, "model", "model"),
               member_true(evaluation, "simulated"));
    show_head(&page, evaluation);
    show_keys(&page, evaluation);
    show_table(&page, evaluation);
    show_classes(&page, evaluation);
    sources_table(&page, evaluation);
    show_figures(&page, evaluation);
    page_end(&page, member_text(evaluation, "tool", "armwatch"));
    int r = html_take(&page.html, ret_html, ret_size);
    return r < 0 ? diag_errno(diag, r, "the report") : 0;
}
