#include "report/comparison.h"

#include "report/member.h"

#include <math.h>
#include <string.h>

const struct comparison_metric comparison_metrics[COMPARISON_METRICS] = {
    {"roc_auc", "ROC-AUC", "chance that an anomalous window scores above a normal one",
     number_share, false},
    {"average_precision", "Average precision",
     "area under precision over recall; a random score gets the share of anomalous windows",
     number_share, false},
    {"vus_pr", "VUS-PR", "the same, tolerant of where labels begin and end", number_share, false},
    {"precision", "Precision", "of windows over the threshold, the share that is anomalous",
     number_share, false},
    {"recall", "Recall", "of anomalous windows, the share over the threshold", number_share, false},
    {"f1", "F1", "harmonic mean of precision and recall", number_share, false},
    {"accuracy", "Accuracy", "of all windows, the share judged right", number_share, false},
    {"false_positive_rate", "False-positive rate",
     "of normal windows, the share over the threshold", number_plain, true},
    {"event_recall", "Events found", "share of events with an alert in them", number_share, false},
    {"event_precision", "Event precision", "share of alerts that are in an event", number_share,
     false},
    {"delay_p50_s", "Delay, half", "seconds from the start of an event to its alert, median",
     number_plain, true},
    {"delay_p90_s", "Delay, 90\u00a0%", "the same, 90\u00a0% of events found are found within it",
     number_plain, true},
    {"false_alarms_per_day", "False alarms a day", "on healthy sessions that nothing was fitted to",
     number_plain, true},
    {"healthy_roc_auc", "Healthy ROC-AUC",
     "healthy sessions against other healthy sessions: 0.5 where only faults are told apart",
     number_share, false},
};

const struct comparison_group comparison_groups[COMPARISON_GROUPS] = {
    {"paper", "The paper's autoencoders", "Does adversarial training help?"},
    {"detector", "Kinds of detector", "What does each find alone, and the set together?"},
    {"baseline", "Baselines", "What does a simple method reach?"},
    {"peer", "Outside peers", "What do other programs reach on the same split?"},
    {"scaler", "Scalers", "Does the scaler matter, or only its fit to the output layer?"},
    {"reduction", "Reductions", "Do fewer inputs help?"},
    {"window", "Rows in a window", "How long must a window be?"},
    {"spacing", "Spacing of the rows", "Does it help to look further back with as many rows?"},
    {"channel", "Channels", "Which channels carry the result?"},
    {"adversar", "The adversary", "What makes the discriminator healthy?"},
};

const struct comparison_metric *comparison_metric(const char *key)
{
    for (size_t i = 1; i < COMPARISON_METRICS; i++) {
        if (!strcmp(comparison_metrics[i].key, key))
            return &comparison_metrics[i];
    }
    return comparison_metrics;
}

bool estimate_excludes_zero(const struct estimate *estimate)
{
    return estimate->low > 0 || estimate->high < 0;
}

struct estimate estimate_read(const cJSON *object)
{
    if (cJSON_IsNumber(object))
        return (struct estimate){member_value(object), (double)NAN, (double)NAN};
    return (struct estimate){member_number(object, "mean"), member_number(object, "low"),
                             member_number(object, "high")};
}

struct estimate comparison_value(const cJSON *row, const char *metric)
{
    return estimate_read(member(member(row, "metrics"), metric));
}

struct estimate comparison_difference(const cJSON *row, const char *metric)
{
    return estimate_read(member(member(row, "differences"), metric));
}

static bool in_group(const cJSON *row, const struct comparison_group *group)
{
    return !strncmp(member_text(row, "group", ""), group->stem, strlen(group->stem));
}

const cJSON *comparison_next(const struct comparison *comparison, const cJSON *after,
                             const struct comparison_group *group)
{
    const cJSON *row = after ? after->next : comparison->rows ? comparison->rows->child : NULL;
    while (row && (!in_group(row, group) || comparison_skipped(row)))
        row = row->next;
    return row;
}

const cJSON *comparison_best(const struct comparison *comparison,
                             const struct comparison_group *group)
{
    const cJSON *best = NULL, *row = NULL;
    double highest = -1;
    while ((row = comparison_next(comparison, row, group))) {
        double value = comparison_value(row, "average_precision").mean;
        if (value > highest && !comparison_is_trap(row)) {
            highest = value;
            best = row;
        }
    }
    return best;
}

const cJSON *comparison_row(const struct comparison *comparison, const char *key)
{
    const cJSON *row;
    cJSON_ArrayForEach(row, comparison->rows)
    {
        if (!strcmp(member_text(row, "key", ""), key))
            return row;
    }
    return NULL;
}

const char *comparison_name(const cJSON *row)
{
    return member_text(row, "name", member_text(row, "key", "?"));
}

bool comparison_skipped(const cJSON *row)
{
    return member(row, "skipped") && !cJSON_IsFalse(member(row, "skipped"));
}

bool comparison_has_adversary(const cJSON *row)
{
    return member_list(member(row, "adversary"), "states") != NULL;
}

bool comparison_is_trap(const cJSON *row)
{
    const char *key = member_text(row, "key", "");
    return !strncmp(key, "random", 6) || !strncmp(key, "untrained", 9);
}

bool comparison_has_kinds(const cJSON *row)
{
    return member_list(row, "classes") != NULL;
}

bool comparison_any(const struct comparison *comparison, bool (*has)(const cJSON *row))
{
    const cJSON *row;
    cJSON_ArrayForEach(row, comparison->rows)
    {
        if (has(row))
            return true;
    }
    return false;
}

size_t comparison_references(const struct comparison *comparison,
                             const struct comparison_group *group,
                             const cJSON *ret_rows[COMPARISON_REFERENCES])
{
    size_t count = 0;
    for (const cJSON *row = NULL; (row = comparison_next(comparison, row, group));) {
        const char *key = member_text(member(row, "differences"), "to", "");
        const cJSON *reference = comparison_row(comparison, key);
        bool known = !reference || in_group(reference, group) || comparison_is_trap(reference);
        for (size_t i = 0; i < count; i++)
            known |= ret_rows[i] == reference;
        if (!known && count < COMPARISON_REFERENCES)
            ret_rows[count++] = reference;
    }
    return count;
}
