#include "cli/commands.h"
#include "cli/data.h"
#include "cli/sessions.h"
#include "lab/evaluation.h"

#include <math.h>
#include <stdlib.h>

static const struct cli_option options[] = {
    {"model", "FILE", "the model", .required = true},
    {"normal", "FILE", "healthy recording that training never saw", .repeatable = true},
    {"anomalous", "FILE", "recording with labels (a column \"anomaly\" or --label-column)",
     .repeatable = true},
    {"false-alarms-per-day", "N", "budget from which the threshold follows (default: the model's)",
     NULL, CLI_NUMBER, 0.001, 10000},
    {"events", "auto|runs|steps",
     "what is one event: a run of labels, or a program step (channel \"action\") of a session-long "
     "fault",
     "auto", CLI_CHOICE},
    {"json", NULL, "one JSON object on stdout"},
    {0}};

static void add_number(cJSON *object, const char *key, double value)
{
    if (isfinite(value))
        cJSON_AddNumberToObject(object, key, value);
    else
        cJSON_AddNullToObject(object, key);
}

static void add_figures(cJSON *object, const struct evaluation_figures *figures)
{
    double missing = (double)NAN;
    bool ranked = figures->ranked;
    const struct metrics_confusion *confusion = &figures->confusion;
    add_number(object, "roc_auc", ranked ? figures->ranking.roc_auc : missing);
    add_number(object, "average_precision", ranked ? figures->ranking.average_precision : missing);
    add_number(object, "prevalence", ranked ? figures->ranking.prevalence : missing);
    add_number(object, "vus_pr", ranked ? figures->volume.pr : missing);
    add_number(object, "precision", confusion->precision);
    add_number(object, "recall", confusion->recall);
    add_number(object, "f1", confusion->f1);
    add_number(object, "accuracy", confusion->accuracy);
    add_number(object, "false_positive_rate", confusion->false_positive_rate);
}

static cJSON *to_json(const struct model *model, const struct evaluation *evaluation)
{
    cJSON *root = cJSON_CreateObject();
    cJSON_AddStringToObject(root, "model", model->name);
    cJSON_AddNumberToObject(root, "model_version", (double)model->version);
    add_figures(root, &evaluation->robot);
    cJSON_AddStringToObject(root, "events_are", evaluation->by_steps ? "steps" : "runs");
    add_number(root, "events", (double)evaluation->events);
    add_number(root, "events_found", (double)evaluation->events_found);
    add_number(root, "delay_p50_s", evaluation->delay_p50_s);
    add_number(root, "delay_p90_s", evaluation->delay_p90_s);
    add_number(root, "false_alarms", (double)evaluation->false_alarms);
    add_number(root, "false_alarms_per_day", evaluation->false_alarms_per_day);
    add_number(root, "false_alarms_per_day_lower", evaluation->false_alarms_lower);
    add_number(root, "false_alarms_per_day_upper", evaluation->false_alarms_upper);
    add_number(root, "healthy_hours", evaluation->healthy_hours);
    add_number(root, "windows", (double)evaluation->windows);
    cJSON *detectors = cJSON_AddObjectToObject(root, "detectors");
    for (size_t d = 0; d < evaluation->detectors; d++)
        add_figures(cJSON_AddObjectToObject(detectors, model->detector[d].name),
                    &evaluation->detector[d]);
    return root;
}

static void print_windows(const struct evaluation *evaluation)
{
    const struct evaluation_figures *figures = &evaluation->robot;
    printf("windows              %zu evaluated\n", evaluation->windows);
    if (figures->ranked) {
        printf("  anomalous          %.4f of them\n", figures->ranking.prevalence);
        printf("  ROC-AUC            %.4f\n", figures->ranking.roc_auc);
        printf("  average precision  %.4f (a random score gets %.4f)\n",
               figures->ranking.average_precision, figures->ranking.prevalence);
        if (isfinite(figures->volume.pr))
            printf("  VUS-PR             %.4f\n", figures->volume.pr);
    } else {
        printf("  ROC-AUC and the like need windows with and without a label\n");
    }
    const struct metrics_confusion *confusion = &figures->confusion;
    printf("at the threshold\n");
    printf("  precision          %.4f\n  recall             %.4f\n  F1                 %.4f\n"
           "  accuracy           %.4f\n  false-positive rate %.5f\n",
           confusion->precision, confusion->recall, confusion->f1, confusion->accuracy,
           confusion->false_positive_rate);
}

static void print_alerts(const struct evaluation *evaluation, double budget)
{
    printf("alerts (through the model's filter)\n");
    printf("  events found       %zu of %zu %s\n", evaluation->events_found, evaluation->events,
           evaluation->by_steps ? "program steps" : "runs of labels");
    if (evaluation->events_found > 0)
        printf("  delay              p50 %.2f s, p90 %.2f s\n", evaluation->delay_p50_s,
               evaluation->delay_p90_s);
    if (evaluation->healthy_hours > 0)
        printf("  false alarms       %zu in %.2f healthy hours: %.3g a day (95 %%: %.3g to %.3g), "
               "promised %.4g\n",
               evaluation->false_alarms, evaluation->healthy_hours,
               evaluation->false_alarms_per_day, evaluation->false_alarms_lower,
               evaluation->false_alarms_upper, budget);
    else
        printf("  false alarms       unknown: there is no healthy time in these files\n");
}

static int run_evaluation(const struct cli *cli, struct model *model, struct sessions *sessions,
                          struct diag *diag)
{
    struct evaluation evaluation;
    int r = sessions_load(cli, "normal", model, sessions, diag);
    for (size_t i = 0; i < sessions->count; i++) {
        /* A healthy file is healthy, whatever column of labels it brings along. */
        free(sessions->item[i]->label);
        sessions->item[i]->label = NULL;
    }
    size_t normal = sessions->count;
    if (r == 0)
        r = sessions_load(cli, "anomalous", model, sessions, diag);
    if (r == 0)
        r = sessions_check_labels(cli, "anomalous", sessions, normal, diag);
    if (r < 0)
        return r;
    sessions_check_period(cli, sessions, model->period_s);
    const struct evaluation_options evaluation_options = {
        .false_alarms_per_day = cli_given(cli, "false-alarms-per-day")
                                    ? cli_number(cli, "false-alarms-per-day")
                                    : model->false_alarms_per_day,
        .events = (enum evaluation_events)cli_choice(cli, "events")};
    r = evaluate(sessions->item, sessions->count, model, &evaluation_options, &evaluation, diag);
    if (r < 0)
        return r;
    if (cli_given(cli, "json"))
        return cli_print_json(cli, to_json(model, &evaluation));
    print_windows(&evaluation);
    print_alerts(&evaluation, evaluation_options.false_alarms_per_day);
    return 0;
}

static int run(const struct cli *cli)
{
    struct sessions sessions = {0};
    struct model *model = NULL;
    struct diag diag = DIAG_INIT;
    if (!cli_given(cli, "normal") && !cli_given(cli, "anomalous"))
        return cli_usage(cli, "give --normal, --anomalous or both");
    int r = sessions_load_model(cli_text(cli, "model"), &model, &diag);
    if (r == 0)
        r = run_evaluation(cli, model, &sessions, &diag);
    sessions_free(&sessions);
    model_unref(model);
    return r < 0 ? cli_fail(cli, r, &diag) : r;
}

const struct cli_command command_evaluate = {
    .name = "evaluate",
    .summary = "say how good a model is, on recordings that it has not seen",
    .description =
        "Window figures and alerts at the threshold that the model would run with. Nothing is "
        "adjusted by knowing the labels.",
    .options = {options, data_options},
    .run = run,
};
