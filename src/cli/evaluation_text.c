#include "cli/evaluation_text.h"

#include <math.h>

#define NAME_SIZE 512

static double event_recall(size_t found, size_t events)
{
    return events ? (double)found / (double)events : (double)NAN;
}

static void name_class(const struct evaluation_result *result, const struct evaluation_class *class,
                       char name[NAME_SIZE])
{
    if (class->part == EVALUATION_LABEL)
        snprintf(name, NAME_SIZE, "label %d", class->label);
    else
        snprintf(name, NAME_SIZE, "%s, %s half", result->scored[class->recording].name,
                 class->part == EVALUATION_FIRST_HALF ? "first" : "second");
}

/* ---- JSON ---- */

static void add_number(cJSON *object, const char *key, double value)
{
    if (isfinite(value))
        cJSON_AddNumberToObject(object, key, value);
    else
        cJSON_AddNullToObject(object, key);
}

static void add_ranking(cJSON *object, bool ranked, const struct metrics_ranking *ranking)
{
    double missing = (double)NAN;
    add_number(object, "roc_auc", ranked ? ranking->roc_auc : missing);
    add_number(object, "average_precision", ranked ? ranking->average_precision : missing);
    add_number(object, "prevalence", ranked ? ranking->prevalence : missing);
}

static void add_figures(cJSON *object, const struct evaluation_figures *figures)
{
    const struct metrics_confusion *confusion = &figures->confusion;
    add_ranking(object, figures->ranked, &figures->ranking);
    add_number(object, "vus_pr", figures->ranked ? figures->volume.pr : (double)NAN);
    add_number(object, "precision", confusion->precision);
    add_number(object, "recall", confusion->recall);
    add_number(object, "f1", confusion->f1);
    add_number(object, "accuracy", confusion->accuracy);
    add_number(object, "false_positive_rate", confusion->false_positive_rate);
}

static void add_intervals(cJSON *root, const struct evaluation_result *result)
{
    cJSON *intervals = cJSON_AddObjectToObject(root, "intervals");
    for (int m = 0; m < BOOTSTRAP_METRICS; m++) {
        const struct bootstrap_interval *interval = &result->interval[m];
        char key[64];
        snprintf(key, sizeof key, "%s_95", bootstrap_metric_name((enum bootstrap_metric)m));
        if (isfinite(interval->low) && isfinite(interval->high))
            cJSON_AddItemToObject(
                intervals, key,
                cJSON_CreateDoubleArray((const double[]){interval->low, interval->high}, 2));
        else
            cJSON_AddNullToObject(intervals, key);
    }
}

static void add_classes(cJSON *root, const struct evaluation_result *result)
{
    cJSON *classes = cJSON_AddArrayToObject(root, "classes");
    for (size_t c = 0; c < result->evaluation.classes; c++) {
        const struct evaluation_class *class = &result->evaluation.class[c];
        cJSON *entry = cJSON_CreateObject();
        char name[NAME_SIZE];
        name_class(result, class, name);
        cJSON_AddItemToArray(classes, entry);
        cJSON_AddStringToObject(entry, "name", name);
        cJSON_AddStringToObject(entry, "part", evaluation_part_name(class->part));
        cJSON_AddNumberToObject(entry, "label", class->label);
        if (class->part != EVALUATION_LABEL)
            cJSON_AddStringToObject(entry, "recording", result->scored[class->recording].name);
        add_number(entry, "windows", (double)class->windows);
        add_ranking(entry, class->ranked, &class->ranking);
        add_number(entry, "recall", class->recall);
        add_number(entry, "events", (double)class->events);
        add_number(entry, "events_found", (double)class->events_found);
        add_number(entry, "event_recall", event_recall(class->events_found, class->events));
        add_number(entry, "delay_p50_s", class->delay_p50_s);
    }
}

static void add_data(cJSON *root, const struct evaluation_result *result)
{
    cJSON *data = cJSON_AddObjectToObject(root, "data");
    cJSON *normal = cJSON_AddArrayToObject(data, "normal");
    cJSON *anomalous = cJSON_AddArrayToObject(data, "anomalous");
    for (size_t i = 0; i < result->recordings; i++) {
        cJSON *entry = cJSON_CreateObject();
        cJSON_AddStringToObject(entry, "file", result->scored[i].name);
        cJSON_AddNumberToObject(entry, "rows", (double)result->scored[i].rows);
        cJSON_AddItemToArray(i < result->normal ? normal : anomalous, entry);
    }
    /* The promise is about all detectors together; the one that judged least decides. */
    double supported = 0;
    for (size_t d = 0; d < result->model->detectors; d++)
        supported =
            fmax(supported, calibration_supported_per_day(&result->model->detector[d].calibration));
    cJSON *budget = cJSON_AddObjectToObject(root, "budget");
    add_number(budget, "false_alarms_per_day", result->false_alarms_per_day);
    add_number(budget, "supported_per_day", supported);
}

/* What it finds without the others. */
static void add_found(cJSON *object, const struct evaluation_found *found)
{
    add_number(object, "events_found", (double)found->events);
    add_number(object, "delay_p50_s", found->delay_p50_s);
    add_number(object, "delay_p90_s", found->delay_p90_s);
    add_number(object, "false_alarms", (double)found->false_alarms);
}

cJSON *evaluation_text_json(const struct evaluation_result *result)
{
    const struct model *model = result->model;
    const struct evaluation *evaluation = &result->evaluation;
    cJSON *root = cJSON_CreateObject();
    cJSON_AddStringToObject(root, "tool", "armwatch " ARMWATCH_VERSION);
    cJSON_AddBoolToObject(root, "simulated", result->simulated);
    cJSON_AddStringToObject(root, "model", model->name);
    cJSON_AddNumberToObject(root, "model_version", (double)model->version);
    add_figures(root, &evaluation->robot);
    add_intervals(root, result);
    cJSON_AddStringToObject(root, "events_are", evaluation->by_steps ? "steps" : "runs");
    add_number(root, "events", (double)evaluation->events);
    add_number(root, "events_found", (double)evaluation->events_found);
    add_number(root, "event_recall", event_recall(evaluation->events_found, evaluation->events));
    if (evaluation->by_steps) {
        add_number(root, "runs", (double)evaluation->runs);
        add_number(root, "runs_found", (double)evaluation->found_runs.events);
        add_number(root, "run_delay_p50_s", evaluation->found_runs.delay_p50_s);
        add_number(root, "run_delay_p90_s", evaluation->found_runs.delay_p90_s);
    }
    add_number(root, "event_precision", evaluation->event_precision);
    add_number(root, "alerts", (double)evaluation->alerts);
    add_number(root, "delay_p50_s", evaluation->delay_p50_s);
    add_number(root, "delay_p90_s", evaluation->delay_p90_s);
    add_number(root, "false_alarms", (double)evaluation->false_alarms);
    add_number(root, "false_alarms_per_day", evaluation->false_alarms_per_day);
    add_number(root, "false_alarms_per_day_lower", evaluation->false_alarms_lower);
    add_number(root, "false_alarms_per_day_upper", evaluation->false_alarms_upper);
    add_number(root, "healthy_hours", evaluation->healthy_hours);
    add_number(root, "windows", (double)evaluation->windows);
    add_classes(root, result);
    add_data(root, result);
    cJSON *detectors = cJSON_AddObjectToObject(root, "detectors");
    for (size_t d = 0; d < evaluation->detectors; d++) {
        cJSON *entry = cJSON_AddObjectToObject(detectors, model->detector[d].name);
        add_figures(entry, &evaluation->detector[d]);
        add_found(entry, &evaluation->found[d]);
    }
    add_found(cJSON_AddObjectToObject(root, "sensor_fault"), &evaluation->found_fault);
    return root;
}

/* ---- text ---- */

/* "  recall             0.9123  (95 %: 0.9000 to 0.9300)" without the end of the line. */
static void print_figure(const struct evaluation_result *result, const char *name,
                         enum bootstrap_metric metric, double value, FILE *out)
{
    const struct bootstrap_interval *interval = &result->interval[metric];
    int digits = metric == BOOTSTRAP_FALSE_POSITIVE_RATE ? 5 : 4;
    fprintf(out, "  %-18s %.*f", name, digits, value);
    if (isfinite(interval->low) && isfinite(interval->high))
        fprintf(out, "  (95 %%: %.*f to %.*f)", digits, interval->low, digits, interval->high);
}

static void print_ranking(const struct evaluation_result *result, FILE *out)
{
    const struct evaluation_figures *figures = &result->evaluation.robot;
    const struct metrics_ranking *ranking = &figures->ranking;
    if (!figures->ranked) {
        fprintf(out, "  ROC-AUC and the like need windows with and without a label\n");
        return;
    }
    fprintf(out, "  anomalous          %.4f of them\n", ranking->prevalence);
    print_figure(result, "ROC-AUC", BOOTSTRAP_ROC_AUC, ranking->roc_auc, out);
    fprintf(out, "\n");
    print_figure(result, "average precision", BOOTSTRAP_AVERAGE_PRECISION,
                 ranking->average_precision, out);
    fprintf(out, "; a random score gets %.4f\n", ranking->prevalence);
    if (isfinite(figures->volume.pr))
        fprintf(out, "  VUS-PR             %.4f\n", figures->volume.pr);
}

static void print_threshold(const struct evaluation_result *result, FILE *out)
{
    const struct metrics_confusion *confusion = &result->evaluation.robot.confusion;
    const struct {
        const char *name;
        enum bootstrap_metric metric;
        double value;
    } lines[] = {
        {"precision", BOOTSTRAP_PRECISION, confusion->precision},
        {"recall", BOOTSTRAP_RECALL, confusion->recall},
        {"F1", BOOTSTRAP_F1, confusion->f1},
        {"accuracy", BOOTSTRAP_ACCURACY, confusion->accuracy},
        {"false-positive rate", BOOTSTRAP_FALSE_POSITIVE_RATE, confusion->false_positive_rate},
    };
    fprintf(out, "at the threshold\n");
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        print_figure(result, lines[i].name, lines[i].metric, lines[i].value, out);
        fprintf(out, "\n");
    }
}

static void print_runs(const struct evaluation *evaluation, FILE *out)
{
    const struct evaluation_found *found = &evaluation->found_runs;
    fprintf(out, "  runs of labels     %zu of %zu found", found->events, evaluation->runs);
    if (found->events > 0)
        fprintf(out, ", p50 %.1f s after their beginning", found->delay_p50_s);
    fprintf(out, "\n");
}

static void print_events(const struct evaluation_result *result, FILE *out)
{
    const struct evaluation *evaluation = &result->evaluation;
    const struct bootstrap_interval *recall = &result->interval[BOOTSTRAP_EVENT_RECALL];
    fprintf(out, "  events found       %zu of %zu %s", evaluation->events_found, evaluation->events,
            evaluation->by_steps ? "program steps" : "runs of labels");
    if (isfinite(recall->low))
        fprintf(out, ": %.4f  (95 %%: %.4f to %.4f)", recall->mean, recall->low, recall->high);
    fprintf(out, "\n");
    if (evaluation->events_found > 0)
        fprintf(out, "  delay              p50 %.2f s, p90 %.2f s\n", evaluation->delay_p50_s,
                evaluation->delay_p90_s);
    if (evaluation->by_steps)
        print_runs(evaluation, out);
    if (evaluation->events > 0 && evaluation->alerts > 0)
        fprintf(out, "  event precision    %.4f: %zu of %zu alerts at an event\n",
                evaluation->event_precision, evaluation->alerts_in_event, evaluation->alerts);
}

static void print_alerts(const struct evaluation_result *result, FILE *out)
{
    const struct evaluation *evaluation = &result->evaluation;
    fprintf(out, "alerts (through the model's filter)\n");
    print_events(result, out);
    if (evaluation->healthy_hours > 0)
        fprintf(out,
                "  false alarms       %zu in %.2f healthy hours: %.3g a day (95 %%: %.3g to "
                "%.3g), promised %.4g\n",
                evaluation->false_alarms, evaluation->healthy_hours,
                evaluation->false_alarms_per_day, evaluation->false_alarms_lower,
                evaluation->false_alarms_upper, result->false_alarms_per_day);
    else
        fprintf(out, "  false alarms       unknown: there is no healthy time in these files\n");
}

static void print_classes(const struct evaluation_result *result, FILE *out)
{
    if (result->evaluation.classes == 0)
        return;
    fprintf(out, "each kind of anomaly against all normal windows\n"
                 "   windows  ROC-AUC  av. prec.   recall  events found\n");
    for (size_t c = 0; c < result->evaluation.classes; c++) {
        const struct evaluation_class *class = &result->evaluation.class[c];
        char name[NAME_SIZE];
        name_class(result, class, name);
        fprintf(out, "  %8zu ", class->windows);
        if (class->ranked)
            fprintf(out, "%8.4f %10.4f", class->ranking.roc_auc, class->ranking.average_precision);
        else
            fprintf(out, "%8s %10s", "-", "-");
        fprintf(out, " %8.4f  %5zu of %-5zu %s\n", class->recall, class->events_found,
                class->events, name);
    }
}

static void print_alone(const char *name, const struct evaluation_figures *figures,
                        const struct evaluation_found *found, FILE *out)
{
    fprintf(out, "  %-18.18s", name);
    if (figures && figures->ranked)
        fprintf(out, "%8.4f %10.4f", figures->ranking.roc_auc, figures->ranking.average_precision);
    else
        fprintf(out, "%8s %10s", "-", "-");
    fprintf(out, " %13zu %13zu\n", found->events, found->false_alarms);
}

/* With one detector it would say the same twice. */
static void print_detectors(const struct evaluation_result *result, FILE *out)
{
    const struct evaluation *evaluation = &result->evaluation;
    if (evaluation->detectors < 2)
        return;
    fprintf(out, "each detector alone\n"
                 "                     ROC-AUC  av. prec.  events found  false alarms\n");
    for (size_t d = 0; d < evaluation->detectors; d++)
        print_alone(result->model->detector[d].name, &evaluation->detector[d],
                    &evaluation->found[d], out);
    print_alone("sensor fault", NULL, &evaluation->found_fault, out);
}

void evaluation_text_print(const struct evaluation_result *result, FILE *out)
{
    fprintf(out, "windows              %zu evaluated\n", result->evaluation.windows);
    print_ranking(result, out);
    print_threshold(result, out);
    print_alerts(result, out);
    print_detectors(result, out);
    print_classes(result, out);
}
