/* What the report says, as JSON: the only form in which a comparison leaves this layer. */
#include "lab/comparison_internal.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void add_number(cJSON *object, const char *key, double value)
{
    if (isfinite(value))
        cJSON_AddNumberToObject(object, key, value);
    else
        cJSON_AddNullToObject(object, key);
}

/* ---- figures of one row ---- */

static double roc_auc(const struct trial_outcome *o)
{
    return o->evaluation.robot.ranked ? o->evaluation.robot.ranking.roc_auc : (double)NAN;
}
static double average_precision(const struct trial_outcome *o)
{
    return o->evaluation.robot.ranked ? o->evaluation.robot.ranking.average_precision : (double)NAN;
}
/* Of its own windows: longer ones meet a label more often, and average precisions under different
 * prevalences are not to be compared. */
static double prevalence(const struct trial_outcome *o)
{
    return o->evaluation.robot.ranked ? o->evaluation.robot.ranking.prevalence : (double)NAN;
}
static double vus_pr(const struct trial_outcome *o)
{
    return o->evaluation.robot.ranked ? o->evaluation.robot.volume.pr : (double)NAN;
}
static double precision(const struct trial_outcome *o)
{
    return o->evaluation.robot.confusion.precision;
}
static double recall(const struct trial_outcome *o)
{
    return o->evaluation.robot.confusion.recall;
}
static double f1(const struct trial_outcome *o)
{
    return o->evaluation.robot.confusion.f1;
}
static double accuracy(const struct trial_outcome *o)
{
    return o->evaluation.robot.confusion.accuracy;
}
static double false_positive_rate(const struct trial_outcome *o)
{
    return o->evaluation.robot.confusion.false_positive_rate;
}
static double event_recall(const struct trial_outcome *o)
{
    return o->evaluation.events > 0
               ? (double)o->evaluation.events_found / (double)o->evaluation.events
               : (double)NAN;
}
static double event_precision(const struct trial_outcome *o)
{
    return o->evaluation.event_precision;
}
static double delay_p50_s(const struct trial_outcome *o)
{
    return o->evaluation.delay_p50_s;
}
static double delay_p90_s(const struct trial_outcome *o)
{
    return o->evaluation.delay_p90_s;
}
static double false_alarms_per_day(const struct trial_outcome *o)
{
    return o->evaluation.false_alarms_per_day;
}
static double healthy_roc_auc(const struct trial_outcome *o)
{
    return o->healthy_roc_auc;
}
static double validation_average_precision(const struct trial_outcome *o)
{
    return o->validation_average_precision;
}

#define NO_INTERVAL BOOTSTRAP_METRICS

static const struct metric {
    const char *name;
    double (*of)(const struct trial_outcome *outcome);
    enum bootstrap_metric interval; /* NO_INTERVAL: only the mean over seeds */
} metrics[] = {
    {"roc_auc", roc_auc, BOOTSTRAP_ROC_AUC},
    {"average_precision", average_precision, BOOTSTRAP_AVERAGE_PRECISION},
    {"prevalence", prevalence, NO_INTERVAL},
    {"vus_pr", vus_pr, NO_INTERVAL},
    {"precision", precision, BOOTSTRAP_PRECISION},
    {"recall", recall, BOOTSTRAP_RECALL},
    {"f1", f1, BOOTSTRAP_F1},
    {"accuracy", accuracy, BOOTSTRAP_ACCURACY},
    {"false_positive_rate", false_positive_rate, BOOTSTRAP_FALSE_POSITIVE_RATE},
    {"event_recall", event_recall, BOOTSTRAP_EVENT_RECALL},
    {"event_precision", event_precision, NO_INTERVAL},
    {"delay_p50_s", delay_p50_s, NO_INTERVAL},
    {"delay_p90_s", delay_p90_s, NO_INTERVAL},
    {"false_alarms_per_day", false_alarms_per_day, NO_INTERVAL},
    {"healthy_roc_auc", healthy_roc_auc, NO_INTERVAL},
    {"validation_average_precision", validation_average_precision, NO_INTERVAL},
};
#define METRICS (sizeof metrics / sizeof metrics[0])

struct seeds {
    const struct trial_outcome *outcome;
    const struct bootstrap **bootstrap;
    size_t count;
};

static int seeds_init(struct seeds *seeds, const struct comparison *comparison, size_t row)
{
    *seeds = (struct seeds){.outcome = comparison->row[row].outcome};
    size_t most = comparison->study.row[row].seeds;
    seeds->bootstrap = calloc(most + 1, sizeof *seeds->bootstrap);
    if (!seeds->bootstrap)
        return -ENOMEM;
    while (seeds->count < most && seeds->outcome[seeds->count].present) {
        seeds->bootstrap[seeds->count] = &seeds->outcome[seeds->count].bootstrap;
        seeds->count++;
    }
    return 0;
}

static int add_metric(cJSON *object, const struct metric *metric, const struct seeds *seeds)
{
    double sum = 0;
    size_t known = 0;
    cJSON *entry = cJSON_AddObjectToObject(object, metric->name);
    cJSON *list = cJSON_CreateArray();
    for (size_t s = 0; s < seeds->count; s++) {
        double value = metric->of(&seeds->outcome[s]);
        cJSON_AddItemToArray(list,
                             isfinite(value) ? cJSON_CreateNumber(value) : cJSON_CreateNull());
        sum += isfinite(value) ? value : 0;
        known += isfinite(value);
    }
    add_number(entry, "mean", known > 0 ? sum / (double)known : (double)NAN);
    if (metric->interval != NO_INTERVAL) {
        struct bootstrap_interval interval;
        int r = bootstrap_interval(seeds->bootstrap, seeds->count, metric->interval, &interval);
        if (r < 0) {
            cJSON_Delete(list);
            return r;
        }
        add_number(entry, "low", interval.low);
        add_number(entry, "high", interval.high);
    }
    cJSON_AddItemToObject(entry, "seeds", list);
    return 0;
}

/* Seeds train again, but what they are tried on is the same: the mean of their counts is what the
 * Poisson limits are about. */
static void add_alarm_limits(cJSON *metrics_object, const struct seeds *seeds)
{
    cJSON *entry = cJSON_GetObjectItemCaseSensitive(metrics_object, "false_alarms_per_day");
    double count = 0, hours = 0;
    for (size_t s = 0; s < seeds->count; s++) {
        count += (double)seeds->outcome[s].evaluation.false_alarms / (double)seeds->count;
        hours += seeds->outcome[s].evaluation.healthy_hours / (double)seeds->count;
    }
    add_number(entry, "low", metrics_poisson_lower((size_t)floor(count), 0.975) / (hours / 24));
    add_number(entry, "high", metrics_poisson_upper((size_t)ceil(count), 0.975) / (hours / 24));
    add_number(entry, "hours", hours);
}

static int add_differences(cJSON *object, const struct comparison *comparison, size_t row,
                           const struct seeds *seeds)
{
    size_t reference = comparison->study.row[row].reference;
    struct seeds other;
    if (reference == STUDY_NO_ROW || reference == row)
        return 0;
    int r = seeds_init(&other, comparison, reference);
    size_t count = seeds->count < other.count ? seeds->count : other.count;
    cJSON *entry = NULL;
    if (r == 0 && count > 0) {
        entry = cJSON_AddObjectToObject(object, "differences");
        cJSON_AddStringToObject(entry, "to", comparison->study.row[reference].key);
    }
    for (size_t m = 0; r == 0 && entry && m < METRICS; m++) {
        struct bootstrap_interval interval;
        if (metrics[m].interval == NO_INTERVAL)
            continue;
        r = bootstrap_difference(seeds->bootstrap, other.bootstrap, count, metrics[m].interval,
                                 &interval);
        if (r < 0)
            break;
        cJSON *difference = cJSON_AddObjectToObject(entry, metrics[m].name);
        add_number(difference, "mean", interval.mean);
        add_number(difference, "low", interval.low);
        add_number(difference, "high", interval.high);
    }
    free(other.bootstrap);
    return r;
}

/* ---- kinds of anomalies ---- */

static void name_class(const struct comparison *comparison, const struct evaluation_class *class,
                       char *ret_name, size_t size)
{
    if (class->part == EVALUATION_LABEL && comparison->kinds_are_files)
        snprintf(ret_name, size, "%s",
                 comparison_file_name(comparison->input->anomalous.name[class->label - 1]));
    else if (class->part == EVALUATION_LABEL)
        snprintf(ret_name, size, "label %d", class->label);
    else
        snprintf(ret_name, size, "%s, %s half", comparison->test_names[class->recording],
                 class->part == EVALUATION_FIRST_HALF ? "first" : "second");
}

static void add_classes(cJSON *object, const struct comparison *comparison,
                        const struct seeds *seeds)
{
    const struct evaluation *first = &seeds->outcome[0].evaluation;
    cJSON *list = cJSON_AddArrayToObject(object, "classes");
    for (size_t c = 0; c < first->classes; c++) {
        double auc = 0, average = 0, found = 0;
        char name[512];
        /* A file that is a kind is not cut in halves again. */
        if (comparison->kinds_are_files && first->class[c].part != EVALUATION_LABEL)
            continue;
        for (size_t s = 0; s < seeds->count; s++) {
            const struct evaluation_class *class = &seeds->outcome[s].evaluation.class[c];
            auc += class->ranked ? class->ranking.roc_auc : (double)NAN;
            average += class->ranked ? class->ranking.average_precision : (double)NAN;
            found += (double)class->events_found / (double)class->events;
        }
        cJSON *entry = cJSON_CreateObject();
        double count = (double)seeds->count;
        name_class(comparison, &first->class[c], name, sizeof name);
        cJSON_AddStringToObject(entry, "name", name);
        add_number(entry, "roc_auc", auc / count);
        add_number(entry, "average_precision", average / count);
        add_number(entry, "event_recall", found / count);
        cJSON_AddItemToArray(list, entry);
    }
}

/* ---- discriminators ---- */

static double best_reported_accuracy(const cJSON *training)
{
    double best = (double)NAN;
    const cJSON *epoch;
    cJSON_ArrayForEach(epoch, cJSON_GetObjectItemCaseSensitive(training, "epochs"))
    {
        const cJSON *accuracy_item = cJSON_GetObjectItemCaseSensitive(epoch, "reported_accuracy");
        if (cJSON_IsNumber(accuracy_item))
            best = fmax(best, accuracy_item->valuedouble);
    }
    return best;
}

static void append_member(cJSON *list, const cJSON *object, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    cJSON_AddItemToArray(list, item ? cJSON_Duplicate(item, true) : cJSON_CreateNull());
}

static void add_adversary(cJSON *object, const struct comparison_row *row, size_t seeds)
{
    static const struct {
        const char *from, *to;
    } members[] = {{"state", "states"},
                   {"auc", "auc"},
                   {"balanced_accuracy", "balanced_accuracy"},
                   {"loss_to_twin", "loss_to_twin"}};
    const cJSON *first =
        cJSON_GetObjectItemCaseSensitive(seeds ? row->training[0] : NULL, "discriminator");
    if (!first)
        return;
    cJSON *entry = cJSON_AddObjectToObject(object, "adversary");
    for (size_t m = 0; m < sizeof members / sizeof members[0]; m++) {
        cJSON *list = cJSON_AddArrayToObject(entry, members[m].to);
        for (size_t s = 0; s < seeds; s++)
            append_member(list, cJSON_GetObjectItemCaseSensitive(row->training[s], "discriminator"),
                          members[m].from);
    }
    cJSON *list = cJSON_AddArrayToObject(entry, "reported_accuracy_max");
    for (size_t s = 0; s < seeds; s++) {
        double best = best_reported_accuracy(row->training[s]);
        cJSON_AddItemToArray(list, isfinite(best) ? cJSON_CreateNumber(best) : cJSON_CreateNull());
    }
}

/* ---- rows ---- */

static cJSON *head_of(const struct comparison *comparison, size_t index)
{
    const struct study_row *row = &comparison->study.row[index];
    cJSON *object = cJSON_CreateObject();
    cJSON_AddStringToObject(object, "key", row->key);
    cJSON_AddStringToObject(object, "name", row->name);
    cJSON_AddStringToObject(object, "group", study_group_name(row->group));
    if (row->group == STUDY_PAPER && row->source == STUDY_TRAINED)
        cJSON_AddStringToObject(object, "twin", comparison->study.row[row->twin].key);
    if (comparison->row[index].note[0])
        cJSON_AddStringToObject(object, "note", comparison->row[index].note);
    return object;
}

static int add_row(cJSON *list, const struct comparison *comparison, size_t index)
{
    const struct comparison_row *row = &comparison->row[index];
    struct seeds seeds;
    int r = seeds_init(&seeds, comparison, index);
    if (r < 0)
        return r;
    cJSON *object = head_of(comparison, index);
    cJSON_AddItemToArray(list, object);
    cJSON_AddNumberToObject(object, "seeds", (double)seeds.count);
    if (seeds.count == 0) {
        cJSON_AddStringToObject(object, "skipped", row->skipped[0] ? row->skipped : "not run");
    } else {
        cJSON *metrics_object = cJSON_AddObjectToObject(object, "metrics");
        double seconds = 0;
        for (size_t m = 0; r == 0 && m < METRICS; m++)
            r = add_metric(metrics_object, &metrics[m], &seeds);
        add_alarm_limits(metrics_object, &seeds);
        if (r == 0)
            r = add_differences(object, comparison, index, &seeds);
        add_classes(object, comparison, &seeds);
        add_adversary(object, row, seeds.count);
        for (size_t s = 0; s < seeds.count; s++)
            seconds += row->seconds[s] / (double)seeds.count;
        add_number(object, "seconds", seconds);
        add_number(object, "supported_per_day", seeds.outcome[0].supported_per_day);
    }
    free(seeds.bootstrap);
    return r;
}

/* Points of plots of the first seed, and its epochs. The long series of scores over time only for
 * the row that a reader looks at first. */
static void add_curves(cJSON *root, const struct comparison *comparison)
{
    cJSON *curves = cJSON_AddObjectToObject(root, "curves");
    size_t shown = study_find(&comparison->study, "ae2-stable");
    for (size_t i = 0; i < comparison->study.count; i++) {
        const struct trial_outcome *outcome = &comparison->row[i].outcome[0];
        const cJSON *epochs =
            cJSON_GetObjectItemCaseSensitive(comparison->row[i].training[0], "epochs");
        if (!outcome->present || (!outcome->curves && !epochs))
            continue;
        cJSON *entry =
            outcome->curves ? cJSON_Duplicate(outcome->curves, true) : cJSON_CreateObject();
        if (i != shown)
            cJSON_DeleteItemFromObjectCaseSensitive(entry, "timeline");
        if (epochs)
            cJSON_AddItemToObject(entry, "epochs", cJSON_Duplicate(epochs, true));
        cJSON_AddItemToObject(curves, comparison->study.row[i].key, entry);
    }
}

/* ---- data ---- */

static void add_files(cJSON *data, const char *key, const struct comparison_recordings *recordings,
                      const struct holdout *holdout)
{
    cJSON *list = cJSON_AddArrayToObject(data, key);
    for (size_t i = 0; i < recordings->count; i++) {
        cJSON *entry = cJSON_CreateObject();
        cJSON_AddStringToObject(entry, "file", comparison_file_name(recordings->name[i]));
        cJSON_AddNumberToObject(entry, "rows", (double)recordings->item[i]->rows);
        cJSON_AddNumberToObject(entry, "holes", (double)recordings->item[i]->holes);
        if (holdout) {
            bool fits = false, tests = false;
            for (size_t j = 0; j < holdout->fit_count; j++)
                fits |= holdout->fit_source[j] == i;
            for (size_t j = 0; j < holdout->test_count; j++)
                tests |= holdout->test_source[j] == i;
            cJSON_AddStringToObject(entry, "role",
                                    fits && tests ? "fitted, its end tested"
                                    : fits        ? "fitted"
                                                  : "tested");
        }
        cJSON_AddItemToArray(list, entry);
    }
}

static void add_data(cJSON *root, const struct comparison *comparison)
{
    cJSON *data = cJSON_AddObjectToObject(root, "data");
    const struct comparison_input *input = comparison->input;
    const struct trial_outcome *random =
        &comparison->row[study_find(&comparison->study, "random")].outcome[0];
    add_files(data, "normal", &input->normal, &comparison->holdout);
    add_files(data, "anomalous", &input->anomalous, NULL);
    add_files(data, "labelled", &input->labelled, NULL);
    cJSON_AddNumberToObject(data, "channels", (double)input->normal.item[0]->channels);
    cJSON_AddNumberToObject(data, "training_rows",
                            (double)split_rows(&comparison->split, SPLIT_TRAINING));
    cJSON_AddNumberToObject(data, "held_out_rows",
                            (double)split_rows(&comparison->split, SPLIT_HELD_OUT));
    add_number(data, "calibration_hours", 3 * 24 / random->supported_per_day);
    add_number(data, "test_healthy_hours", random->evaluation.healthy_hours);
    cJSON_AddNumberToObject(data, "test_windows", (double)random->evaluation.windows);
    add_number(data, "prevalence",
               random->evaluation.robot.ranked ? random->evaluation.robot.ranking.prevalence
                                               : (double)NAN);
    cJSON_AddNumberToObject(data, "events", (double)random->evaluation.events);
    cJSON_AddStringToObject(data, "events_are", random->evaluation.by_steps ? "steps" : "runs");
    cJSON *budget = cJSON_AddObjectToObject(root, "budget");
    cJSON_AddNumberToObject(budget, "false_alarms_per_day",
                            comparison->options->false_alarms_per_day);
    add_number(budget, "supported_per_day", random->supported_per_day);
}

int comparison_json(const struct comparison *comparison, cJSON **ret_report)
{
    cJSON *root = cJSON_CreateObject();
    const struct study_options *study = &comparison->options->study;
    int r = 0;
    cJSON_AddStringToObject(root, "tool", "armwatch " ARMWATCH_VERSION);
    cJSON_AddBoolToObject(root, "simulated", comparison->options->simulated);
    cJSON_AddNumberToObject(root, "seeds", (double)study->seeds);
    cJSON_AddNumberToObject(root, "epochs", (double)study->stable.train.epochs);
    cJSON_AddNumberToObject(root, "max_training_windows",
                            (double)study->stable.max_training_windows);
    cJSON_AddNumberToObject(root, "window", (double)study->stable.window);
    add_number(root, "seconds", comparison->seconds);
    add_number(root, "peak_memory_mb", (double)comparison->peak_memory_kb / 1024);
    add_data(root, comparison);
    cJSON *rows = cJSON_AddArrayToObject(root, "rows");
    for (size_t i = 0; r == 0 && i < comparison->study.count; i++)
        r = add_row(rows, comparison, i);
    if (r < 0) {
        cJSON_Delete(root);
        return r;
    }
    add_curves(root, comparison);
    *ret_report = root;
    return 0;
}
