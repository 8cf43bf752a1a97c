/*
 * comparison: the rows of a comparison, as its tables and figures read them.
 */
#ifndef ARMWATCH_REPORT_COMPARISON_H
#define ARMWATCH_REPORT_COMPARISON_H

#include "base/json.h"
#include "report/number.h"
#include "report/page.h"

#include <stdbool.h>
#include <stddef.h>

/* A figure with its 95 % interval; NAN what is not known. */
struct estimate {
    double mean, low, high;
};
/* Of an object with these members, or a plain number. */
struct estimate estimate_read(const cJSON *item);
bool estimate_excludes_zero(const struct estimate *estimate);

struct comparison_metric {
    const char *key, *name, *meaning;
    struct number_text (*format)(double);
    bool less_is_better;
};
#define COMPARISON_METRICS 14
extern const struct comparison_metric comparison_metrics[COMPARISON_METRICS];
const struct comparison_metric *comparison_metric(const char *key); /* one of those above */

struct estimate comparison_value(const cJSON *row, const char *metric);
/* To the row that it is compared with, which member "to" of "differences" names. */
struct estimate comparison_difference(const cJSON *row, const char *metric);

/* Groups in the order of the page. A row belongs to the group whose stem its own begins with, so
 * "scaler" and "scalers" are one. */
struct comparison_group {
    const char *stem, *title, *question;
};
#define COMPARISON_GROUPS 10
extern const struct comparison_group comparison_groups[COMPARISON_GROUPS];

struct comparison {
    const cJSON *root, *rows, *curves;
    double prevalence;
    struct page page;
};

/* The first row of the group behind `after` (NULL: from the start) that was not skipped. */
const cJSON *comparison_next(const struct comparison *comparison, const cJSON *after,
                             const struct comparison_group *group);
const cJSON *comparison_row(const struct comparison *comparison, const char *key);
/* The row of the group with the highest average precision, or NULL. */
const cJSON *comparison_best(const struct comparison *comparison,
                             const struct comparison_group *group);
const char *comparison_name(const cJSON *row);
bool comparison_skipped(const cJSON *row);
bool comparison_has_adversary(const cJSON *row); /* it has the states of a discriminator */
bool comparison_has_kinds(const cJSON *row);     /* of anomalies, each by itself */
bool comparison_any(const struct comparison *comparison, bool (*has)(const cJSON *row));
/* The rows of other groups, traps left out, that this one's are compared with; returns how many. */
#define COMPARISON_REFERENCES 3
size_t comparison_references(const struct comparison *comparison,
                             const struct comparison_group *group,
                             const cJSON *ret_rows[COMPARISON_REFERENCES]);
/* A random score or an untrained network: what every other row has to beat. */
bool comparison_is_trap(const cJSON *row);

/* ---- comparison_tables.c */

void comparison_table_all(struct comparison *comparison);
void comparison_table_differences(struct comparison *comparison);
void comparison_table_group(struct comparison *comparison, const struct comparison_group *group);
void comparison_table_kinds(struct comparison *comparison);
void comparison_table_adversaries(struct comparison *comparison);
void comparison_table_skipped(struct comparison *comparison);

/* ---- comparison_figures.c */

/* Precision, recall, F1 and ROC-AUC of the paper's autoencoders with and without an adversary:
 * with the paper's settings, and with the stable ones. */
void comparison_figure_paper(struct comparison *comparison);
/* One metric of a group's rows as dots with intervals. */
void comparison_figure_dots(struct comparison *comparison, const struct comparison_group *group,
                            const char *metric);
/* ROC and precision-recall curves of the main rows, then what there is of each row's own. */
void comparison_figure_curves(struct comparison *comparison);

#endif
