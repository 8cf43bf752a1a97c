#include "report/comparison.h"

#include "report/member.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static void cell_of(struct page *page, const struct comparison_metric *metric,
                    const struct estimate *value)
{
    page_cell(page, metric->format(value->mean).text,
              number_interval(value->low, value->high, metric->format).text, false);
}

static void cell_of_difference(struct page *page, const struct comparison_metric *metric,
                               const struct estimate *value)
{
    bool share = metric->format == number_share;
    struct number_text (*format)(double) = share ? number_signed : number_plain;
    page_cell(page, format(value->mean).text, number_interval(value->low, value->high, format).text,
              estimate_excludes_zero(value));
}

static struct page_column column_of(const struct comparison_metric *metric)
{
    return (struct page_column){metric->name, metric->meaning, false};
}

static const char *note_of(const cJSON *row)
{
    return member_text(row, "note", NULL);
}

/* ---- every row */

static void cells_of_windows(struct page *page, const cJSON *row)
{
    for (size_t i = 0; i < 8; i++) {
        struct estimate value = comparison_value(row, comparison_metrics[i].key);
        cell_of(page, &comparison_metrics[i], &value);
    }
}

static void cells_of_alerts(struct page *page, const cJSON *row)
{
    for (size_t i = 8; i < COMPARISON_METRICS; i++) {
        struct estimate value = comparison_value(row, comparison_metrics[i].key);
        cell_of(page, &comparison_metrics[i], &value);
    }
    page_cell(page, number_count(member_number(row, "seeds")).text, NULL, false);
    page_cell(page, number_plain(member_number(row, "seconds")).text, NULL, false);
}

/* Groups in the order of the page; the traps before everything else. */
static void write_all(struct comparison *comparison, const struct page_table *table,
                      void (*cells)(struct page *, const cJSON *))
{
    struct page *page = &comparison->page;
    const cJSON *row;
    page_table_begin(page, table);
    page_table_group(page, table, "What every row has to beat");
    cJSON_ArrayForEach(row, comparison->rows)
    {
        if (!comparison_is_trap(row) || comparison_skipped(row))
            continue;
        page_row_begin(page, comparison_name(row), note_of(row), true);
        cells(page, row);
        page_row_end(page);
    }
    for (size_t g = 0; g < COMPARISON_GROUPS; g++) {
        const struct comparison_group *group = &comparison_groups[g];
        bool named = false;
        for (row = NULL; (row = comparison_next(comparison, row, group));) {
            if (comparison_is_trap(row))
                continue;
            if (!named)
                page_table_group(page, table, group->title);
            named = true;
            page_row_begin(page, comparison_name(row), note_of(row), false);
            cells(page, row);
            page_row_end(page);
        }
    }
    page_table_end(page);
}

void comparison_table_all(struct comparison *comparison)
{
    struct page_column columns[10] = {{"Row", NULL, true}};
    for (size_t i = 0; i < 8; i++)
        columns[i + 1] = column_of(&comparison_metrics[i]);
    char note[300];
    snprintf(
        note, sizeof note,
        "Mean over the seeds, in brackets its 95\u00a0%% interval. A random score's average "
        "precision is the share of anomalous windows, %s. Precision to false-positive rate are "
        "at the frozen threshold.",
        number_share(comparison->prevalence).text);
    write_all(comparison, &(struct page_table){"Every row: windows", note, columns, 9, true},
              cells_of_windows);
    for (size_t i = 8; i < COMPARISON_METRICS; i++)
        columns[i - 7] = column_of(&comparison_metrics[i]);
    columns[7] = (struct page_column){"Seeds", NULL, false};
    columns[8] = (struct page_column){"Seconds", "of computing, for one seed", false};
    write_all(comparison,
              &(struct page_table){"Every row: alerts",
                                   "Through the alert filter, at the frozen threshold; delays in "
                                   "seconds, of the events that were found.",
                                   columns, 9, true},
              cells_of_alerts);
}

/* ---- differences */

static const char *const compared[] = {
    "roc_auc",      "average_precision",   "vus_pr", "precision", "recall", "f1",
    "event_recall", "false_alarms_per_day"};
#define COMPARED (sizeof compared / sizeof *compared)

static const char *name_of_reference(const struct comparison *comparison, const cJSON *row)
{
    const char *key =
        member_text(member(row, "differences"), "to", member_text(row, "twin", NUMBER_NONE));
    const cJSON *reference = comparison_row(comparison, key);
    return reference ? comparison_name(reference) : key;
}

void comparison_table_differences(struct comparison *comparison)
{
    struct page *page = &comparison->page;
    struct page_column columns[COMPARED + 2] = {{"Row", NULL, true}, {"Against", NULL, true}};
    for (size_t i = 0; i < COMPARED; i++)
        columns[i + 2] = column_of(comparison_metric(compared[i]));
    const cJSON *row;
    bool begun = false;
    cJSON_ArrayForEach(row, comparison->rows)
    {
        if (!cJSON_IsObject(member(row, "differences")) || comparison_skipped(row))
            continue;
        if (!begun)
            page_table_begin(
                page, &(struct page_table){
                          "Differences to the row that each is compared with",
                          "The row minus its twin, paired by seed and data, with the 95\u00a0% "
                          "interval. Bold: the interval excludes zero. What is not bold is "
                          "no difference that these data show.",
                          columns, COMPARED + 2, true});
        begun = true;
        page_row_begin(page, comparison_name(row), NULL, false);
        page_cell_text(page, name_of_reference(comparison, row));
        for (size_t i = 0; i < COMPARED; i++) {
            struct estimate value = comparison_difference(row, compared[i]);
            cell_of_difference(page, comparison_metric(compared[i]), &value);
        }
        page_row_end(page);
    }
    if (begun)
        page_table_end(page);
}

/* ---- one group */

static const char *const shown[] = {"roc_auc", "average_precision", "f1", "event_recall",
                                    "false_alarms_per_day"};
#define SHOWN (sizeof shown / sizeof *shown)

static void write_group_row(struct comparison *comparison, const cJSON *row, bool muted)
{
    struct page *page = &comparison->page;
    page_row_begin(page, comparison_name(row), note_of(row), muted);
    for (size_t i = 0; i < SHOWN; i++) {
        struct estimate value = comparison_value(row, shown[i]);
        cell_of(page, comparison_metric(shown[i]), &value);
    }
    for (size_t i = 0; i < 2; i++) {
        struct estimate value = comparison_difference(row, shown[i]);
        cell_of_difference(page, comparison_metric(shown[i]), &value);
    }
    page_row_end(page);
}

void comparison_table_group(struct comparison *comparison, const struct comparison_group *group)
{
    struct page_column columns[SHOWN + 3] = {{"Row", NULL, true}};
    for (size_t i = 0; i < SHOWN; i++)
        columns[i + 1] = column_of(comparison_metric(shown[i]));
    columns[SHOWN + 1] = (struct page_column){"Difference in ROC-AUC", NULL, false};
    columns[SHOWN + 2] = (struct page_column){"Difference in average precision", NULL, false};
    page_table_begin(
        &comparison->page,
        &(struct page_table){group->question,
                             "Means with 95\u00a0% intervals. Differences are to the row "
                             "that each is compared with; bold: the interval excludes "
                             "zero. Grey rows are for comparison.",
                             columns, SHOWN + 3, false});
    const cJSON *row, *references[COMPARISON_REFERENCES];
    size_t count = comparison_references(comparison, group, references);
    for (size_t i = 0; i < count; i++)
        write_group_row(comparison, references[i], true);
    for (row = NULL; (row = comparison_next(comparison, row, group));) {
        if (!comparison_is_trap(row))
            write_group_row(comparison, row, false);
    }
    cJSON_ArrayForEach(row, comparison->rows)
    {
        if (comparison_is_trap(row) && !comparison_skipped(row))
            write_group_row(comparison, row, true);
    }
    page_table_end(&comparison->page);
}

/* ---- kinds of anomalies */

#define KINDS_MAX 10

static const cJSON *kind_of(const cJSON *row, const char *name)
{
    const cJSON *entry;
    cJSON_ArrayForEach(entry, member_list(row, "classes"))
    {
        if (!strcmp(member_text(entry, "name", ""), name))
            return entry;
    }
    return NULL;
}

static size_t list_kinds(const struct comparison *comparison, const char *names[KINDS_MAX])
{
    const cJSON *row, *entry;
    size_t count = 0;
    cJSON_ArrayForEach(row, comparison->rows)
    {
        cJSON_ArrayForEach(entry, member_list(row, "classes"))
        {
            const char *name = member_text(entry, "name", "");
            bool known = !*name;
            for (size_t i = 0; i < count; i++)
                known |= !strcmp(names[i], name);
            if (!known && count < KINDS_MAX)
                names[count++] = name;
        }
    }
    return count;
}

static void write_kinds(struct comparison *comparison, const struct comparison_metric *metric,
                        const char *const names[], size_t kinds)
{
    struct page *page = &comparison->page;
    struct page_column columns[KINDS_MAX + 1] = {{"Row", NULL, true}};
    char caption[120];
    for (size_t i = 0; i < kinds; i++) {
        const char *slash = strrchr(names[i], '/');
        columns[i + 1] = (struct page_column){slash ? slash + 1 : names[i], names[i], false};
    }
    snprintf(caption, sizeof caption, "Each kind of anomaly by itself: %s", metric->name);
    page_table_begin(page, &(struct page_table){caption,
                                                "Its windows against all normal windows, mean over "
                                                "the seeds.",
                                                columns, kinds + 1, true});
    const cJSON *row;
    cJSON_ArrayForEach(row, comparison->rows)
    {
        if (!member_list(row, "classes"))
            continue;
        page_row_begin(page, comparison_name(row), NULL, comparison_is_trap(row));
        for (size_t i = 0; i < kinds; i++) {
            struct estimate value = estimate_read(member(kind_of(row, names[i]), metric->key));
            cell_of(page, metric, &value);
        }
        page_row_end(page);
    }
    page_table_end(page);
}

void comparison_table_kinds(struct comparison *comparison)
{
    static const char *const keys[] = {"roc_auc", "average_precision", "event_recall"};
    const char *names[KINDS_MAX];
    size_t kinds = list_kinds(comparison, names);
    for (size_t i = 0; kinds > 0 && i < sizeof keys / sizeof *keys; i++)
        write_kinds(comparison, comparison_metric(keys[i]), names, kinds);
}

/* ---- adversaries */

#define SEEDS_MAX 10

static double largest(const cJSON *list)
{
    double value = (double)NAN;
    const cJSON *item;
    cJSON_ArrayForEach(item, list) value = fmax(value, member_value(item));
    return value;
}

static void cells_of_states(struct page *page, const cJSON *adversary, size_t seeds)
{
    const cJSON *state = member_list(adversary, "states"), *auc = member_list(adversary, "auc");
    state = state ? state->child : NULL;
    auc = auc ? auc->child : NULL;
    for (size_t i = 0; i < seeds; i++) {
        struct number_text value = number_share(member_value(auc));
        char below[80] = "";
        if (auc && cJSON_IsNumber(auc))
            snprintf(below, sizeof below, "AUC %s", value.text);
        page_cell(page, cJSON_IsString(state) ? state->valuestring : NUMBER_NONE, below, false);
        state = state ? state->next : NULL;
        auc = auc ? auc->next : NULL;
    }
}

static size_t most_seeds(const struct comparison *comparison)
{
    size_t most = 0;
    const cJSON *row;
    cJSON_ArrayForEach(row, comparison->rows)
    {
        const cJSON *states = member_list(member(row, "adversary"), "states");
        size_t count = states ? (size_t)cJSON_GetArraySize(states) : 0;
        most = count > most ? count : most;
    }
    return most < SEEDS_MAX ? most : SEEDS_MAX;
}

void comparison_table_adversaries(struct comparison *comparison)
{
    struct page *page = &comparison->page;
    size_t seeds = most_seeds(comparison);
    if (seeds == 0)
        return;
    struct page_column columns[SEEDS_MAX + 4] = {{"Row", NULL, true}};
    char titles[SEEDS_MAX][32];
    for (size_t i = 0; i < seeds; i++) {
        snprintf(titles[i], sizeof titles[i], "Seed %zu", i + 1);
        columns[i + 1] = (struct page_column){titles[i], NULL, false};
    }
    columns[seeds + 1] = (struct page_column){
        "Balanced accuracy, largest", "on held-out normal data; 0.5 cannot tell them apart", false};
    columns[seeds + 2] = (struct page_column){"Reported accuracy, largest",
                                              "as the paper's code counts it, in any epoch", false};
    columns[seeds + 3] = (struct page_column){
        "Loss to twin, largest", "held-out reconstruction loss over that of the twin", false};
    page_table_begin(
        page,
        &(struct page_table){"State of the discriminator at the end, by seed",
                             "dead: ROC-AUC under 0.6 or it no longer learns; healthy: 0.65 to "
                             "0.98, and the reconstruction costs at most a tenth more than the "
                             "twin's; saturated: over 0.99; dominating: the reconstruction costs a "
                             "quarter more than the twin's, or worse.",
                             columns, seeds + 4, true});
    const cJSON *row;
    cJSON_ArrayForEach(row, comparison->rows)
    {
        const cJSON *adversary = member(row, "adversary");
        if (!comparison_has_adversary(row))
            continue;
        page_row_begin(page, comparison_name(row), NULL, false);
        cells_of_states(page, adversary, seeds);
        static const char *const keys[] = {"balanced_accuracy", "reported_accuracy_max",
                                           "loss_to_twin"};
        for (size_t i = 0; i < 3; i++)
            page_cell(page, number_share(largest(member_list(adversary, keys[i]))).text, NULL,
                      false);
        page_row_end(page);
    }
    page_table_end(page);
}

/* ---- skipped rows */

void comparison_table_skipped(struct comparison *comparison)
{
    static const struct page_column columns[] = {{"Row", NULL, true}, {"Why", NULL, true}};
    bool begun = false;
    const cJSON *row;
    cJSON_ArrayForEach(row, comparison->rows)
    {
        if (!comparison_skipped(row))
            continue;
        if (!begun)
            page_table_begin(&comparison->page, &(struct page_table){"Rows that were skipped", NULL,
                                                                     columns, 2, false});
        begun = true;
        page_row_begin(&comparison->page, comparison_name(row), NULL, false);
        page_cell_text(&comparison->page, member_text(row, "skipped", "no reason is given"));
        page_row_end(&comparison->page);
    }
    if (begun)
        page_table_end(&comparison->page);
}
