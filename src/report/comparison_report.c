/* The page begins with the paper's question and its own figure, then gives every number, and then
 * one change at a time. What every row has to beat is in each table. */
#include "report/report.h"

#include "report/comparison.h"
#include "report/member.h"
#include "report/sources.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- key figures */

static void key_of_best(struct comparison *comparison)
{
    const cJSON *best = NULL;
    double highest = -1;
    /* Not of the ablations: the best of so many variants is the luckiest one. */
    for (size_t g = 0; g < 4; g++) {
        const cJSON *row = comparison_best(comparison, &comparison_groups[g]);
        double value = comparison_value(row, "average_precision").mean;
        if (value > highest) {
            highest = value;
            best = row;
        }
    }
    if (!best)
        return;
    struct estimate value = comparison_value(best, "average_precision");
    page_key(&comparison->page, "Highest average precision", number_share(value.mean).text,
             "%s, of the paper's, the detectors, the baselines and the peers; 95\u00a0%% %s; a "
             "random score gets %s",
             comparison_name(best), number_interval(value.low, value.high, number_share).text,
             number_share(comparison->prevalence).text);
}

/* The adversary's row that the page is about: AE2's stable one, else the first that has a twin. */
static const cJSON *main_adversary(const struct comparison *comparison)
{
    const cJSON *row = comparison_row(comparison, "ae2-stable");
    if (row && !comparison_skipped(row))
        return row;
    for (row = NULL; (row = comparison_next(comparison, row, &comparison_groups[0]));) {
        if (member(row, "twin") && member(row, "differences"))
            return row;
    }
    return NULL;
}

static void key_of_adversary(struct comparison *comparison, const cJSON *row)
{
    struct estimate value = comparison_difference(row, "roc_auc");
    if (!row || isnan(value.mean))
        return;
    const char *verdict = !estimate_excludes_zero(&value) ? "no difference that these data show"
                          : value.mean > 0                ? "the adversary helps"
                                                          : "the adversary harms";
    page_key(&comparison->page, "ROC-AUC with the adversary, minus without",
             number_signed(value.mean).text, "%s: %s; 95\u00a0%% %s", comparison_name(row), verdict,
             number_interval(value.low, value.high, number_signed).text);
}

static void key_of_health(struct comparison *comparison, const cJSON *row)
{
    const cJSON *state, *states = member_list(member(row, "adversary"), "states");
    size_t healthy = 0, seeds = 0;
    if (!states)
        return;
    cJSON_ArrayForEach(state, states)
    {
        seeds++;
        healthy += cJSON_IsString(state) && !strcmp(state->valuestring, "healthy");
    }
    char value[80];
    snprintf(value, sizeof value, "%zu of %zu", healthy, seeds);
    page_key(&comparison->page, "Healthy discriminators", value, "%s, by seed",
             comparison_name(row));
}

/* Of "promise", or else of the row that the page is about. */
static void key_of_promise(struct comparison *comparison, const cJSON *row)
{
    const cJSON *root = comparison->root, *promise = member(root, "promise");
    struct estimate rate = comparison_value(row, "false_alarms_per_day");
    double promised = member_number(member(root, "budget"), "false_alarms_per_day");
    double hours = member_number(member(root, "data"), "test_healthy_hours");
    if (promise) {
        promised = member_number(promise, "promised_per_day");
        hours = member_number(promise, "healthy_hours");
        rate = (struct estimate){member_number(promise, "realised_per_day"),
                                 member_number(promise, "lower"), member_number(promise, "upper")};
    }
    if (isnan(rate.mean))
        return;
    const char *verdict = rate.low > promised ? "not kept" : "not refuted";
    page_key(&comparison->page, "False alarms a day", number_plain(rate.mean).text,
             "promised %s: %s; 95\u00a0%% %s in %s healthy hours", number_given(promised).text,
             verdict, number_interval(rate.low, rate.high, number_plain).text,
             number_plain(hours).text);
}

static void show_keys(struct comparison *comparison)
{
    const cJSON *adversary = main_adversary(comparison);
    page_keys_begin(&comparison->page);
    key_of_best(comparison);
    key_of_adversary(comparison, adversary);
    key_of_health(comparison, adversary);
    key_of_promise(comparison, adversary);
    page_keys_end(&comparison->page);
}

static void show_head(struct comparison *comparison)
{
    struct page *page = &comparison->page;
    const cJSON *root = comparison->root;
    double seeds = member_number(root, "seeds"), seconds = member_number(root, "seconds");
    double memory = member_number(root, "peak_memory_mb");
    page_facts_begin(page);
    if (isfinite(seeds))
        page_fact(page, "Seeds", "%s of each of the main rows", number_count(seeds).text);
    if (isfinite(member_number(root, "epochs")))
        page_fact(page, "Epochs", "at most %s", number_count(member_number(root, "epochs")).text);
    sources_facts(page, root);
    if (isfinite(seconds))
        page_fact(page, "Time", "%s", number_duration(seconds).text);
    if (isfinite(memory))
        page_fact(page, "Peak memory", "%s MB", number_plain(memory).text);
    page_facts_end(page);
}

/* ---- sections */

static void show_groups(struct comparison *comparison)
{
    struct page *page = &comparison->page;
    for (size_t g = 0; g < COMPARISON_GROUPS; g++) {
        const struct comparison_group *group = &comparison_groups[g];
        if (!comparison_next(comparison, NULL, group))
            continue;
        page_section(page, group->title);
        comparison_table_group(comparison, group);
        page_grid_begin(page);
        comparison_figure_dots(comparison, group, "roc_auc");
        comparison_figure_dots(comparison, group, "average_precision");
        page_grid_end(page);
    }
}

static void show(struct comparison *comparison)
{
    struct page *page = &comparison->page;
    show_head(comparison);
    show_keys(comparison);
    comparison_figure_paper(comparison);
    if (comparison->rows) {
        page_section(page, "Every row");
        comparison_table_all(comparison);
        comparison_table_differences(comparison);
        comparison_table_skipped(comparison);
    }
    show_groups(comparison);
    if (comparison_any(comparison, comparison_has_adversary)) {
        page_section(page, "The discriminators");
        comparison_table_adversaries(comparison);
    }
    if (comparison_any(comparison, comparison_has_kinds)) {
        page_section(page, "Kinds of anomalies");
        comparison_table_kinds(comparison);
    }
    comparison_figure_curves(comparison);
    page_section(page, "The data");
    sources_table(page, comparison->root);
}

int report_comparison(const cJSON *comparison, char **ret_html, size_t *ret_size, struct diag *diag)
{
    if (!cJSON_IsObject(comparison))
        return diag_set(diag, "a comparison is a JSON object");
    struct comparison read = {
        .root = comparison,
        .rows = member_list(comparison, "rows"),
        .curves = member(comparison, "curves"),
        .prevalence = member_number(member(comparison, "data"), "prevalence"),
    };
    page_begin(
        &read.page, "armwatch comparison",
        member_text(comparison, "title", "Does adversarial training help to find what is unusual?"),
        member_true(comparison, "simulated"));
    show(&read);
    page_end(&read.page, member_text(comparison, "tool", "armwatch"));
    int r = html_take(&read.page.html, ret_html, ret_size);
    return r < 0 ? diag_errno(diag, r, "the report") : 0;
}
