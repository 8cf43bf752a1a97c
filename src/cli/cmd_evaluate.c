#include "cli/commands.h"
#include "cli/data.h"
#include "cli/evaluation_text.h"
#include "cli/progress.h"
#include "cli/report_files.h"
#include "cli/sessions.h"
#include "lab/curves.h"
#include "report/report.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BOOTSTRAP_SEED 1

static const struct cli_option options[] = {
    {"model", "FILE", "the model", .required = true},
    {"normal", "FILE", "healthy recording that training never saw", .repeatable = true},
    {"anomalous", "FILE", "recording with labels (a column \"anomaly\" or --label-column)",
     .repeatable = true},
    {"false-alarms-per-day", "N", "budget from which the threshold follows (default: the model's)",
     NULL, CLI_NUMBER, 0.001, 10000},
    {"events", "auto|runs|steps",
     "what is one event: a run of labels, or a program step of a session-long fault", "auto",
     CLI_CHOICE},
    {"report", "DIR",
     "write DIR/report.html, a page with curves and scores over time, and DIR/report.json"},
    {"simulated", NULL,
     "say beside every figure that the data are simulated (default: as the model's)"},
    {"json", NULL, "one JSON object on stdout"},
    {0}};

/* Healthy recordings first, then those with anomalies. */
static int load(const struct cli *cli, const struct model *model, struct sessions *sessions,
                size_t *ret_normal, struct diag *diag)
{
    int r = sessions_load(cli, "normal", model, sessions, diag);
    for (size_t i = 0; i < sessions->count; i++) {
        /* A healthy file is healthy, whatever column of labels it brings along. */
        free(sessions->item[i]->label);
        sessions->item[i]->label = NULL;
    }
    *ret_normal = sessions->count;
    if (r == 0)
        r = sessions_load(cli, "anomalous", model, sessions, diag);
    if (r == 0)
        r = sessions_check_labels(cli, "anomalous", sessions, *ret_normal, diag);
    if (r == 0)
        sessions_check_period(cli, sessions, model->period_s);
    return r;
}

/* The file of a session, without its directories. */
static const char *file_name(const struct cli *cli, size_t session)
{
    size_t normal = 0;
    const char *const *list = cli_list(cli, "normal");
    while (list && list[normal])
        normal++;
    const char *path =
        session < normal ? list[session] : cli_list(cli, "anomalous")[session - normal];
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static int find_intervals(const struct scored *scored, size_t count,
                          struct evaluation_result *result, struct diag *diag)
{
    struct bootstrap_plan plan;
    struct bootstrap bootstrap;
    const struct bootstrap_options plan_options = {.by_steps = result->evaluation.by_steps,
                                                   .seed = BOOTSTRAP_SEED};
    int r = bootstrap_plan_init(&plan, scored, count, &plan_options, diag);
    if (r < 0)
        return r;
    r = bootstrap_run(&plan, scored, count, &bootstrap, diag);
    bootstrap_plan_deinit(&plan);
    const struct bootstrap *seeds[] = {&bootstrap};
    for (int m = 0; r == 0 && m < BOOTSTRAP_METRICS; m++) {
        r = bootstrap_interval(seeds, 1, (enum bootstrap_metric)m, &result->interval[m]);
        if (r < 0)
            diag_errno(diag, r, "intervals");
    }
    bootstrap_deinit(&bootstrap);
    return r;
}

static int measure(const struct cli *cli, const struct scored *scored, size_t count,
                   struct evaluation_result *result, struct diag *diag)
{
    const struct evaluation_options evaluation_options = {
        .false_alarms_per_day = result->false_alarms_per_day,
        .events = (enum evaluation_events)cli_choice(cli, "events")};
    result->scored = scored;
    result->recordings = count;
    int r = evaluation_measure(scored, count, &evaluation_options, &result->evaluation, diag);
    return r < 0 ? r : find_intervals(scored, count, result, diag);
}

static bool is_simulated(const struct cli *cli, const struct model *model)
{
    const cJSON *provenance = cJSON_GetObjectItemCaseSensitive(model->config, "provenance");
    return cli_given(cli, "simulated") ||
           cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(provenance, "simulated"));
}

/* What only the page shows: points of plots, and how the first detector was trained. */
static int add_plots(cJSON *root, struct model *model, const struct evaluation_result *result,
                     const struct sessions *sessions, struct diag *diag)
{
    cJSON *curves = NULL;
    const struct curves_input input = {.scored = result->scored,
                                       .count = sessions->count,
                                       .model = model,
                                       .recordings = sessions->item};
    int r = curves_json(&input, &curves, diag);
    if (r < 0)
        return r;
    cJSON_AddItemToObject(root, "curves", curves);
    const cJSON *detectors = cJSON_GetObjectItemCaseSensitive(model->config, "detectors");
    const cJSON *training =
        cJSON_GetObjectItemCaseSensitive(detectors ? detectors->child : NULL, "training");
    if (training)
        cJSON_AddItemToObject(root, "training", cJSON_Duplicate(training, true));
    return 0;
}

static int write_report(const struct cli *cli, const cJSON *root, struct diag *diag)
{
    char *html;
    size_t size;
    int r = report_evaluation(root, &html, &size, diag);
    if (r < 0)
        return r;
    r = report_files_write(cli_text(cli, "report"), root, html, size, diag);
    free(html);
    return r;
}

static int show(const struct cli *cli, struct model *model, const struct evaluation_result *result,
                const struct sessions *sessions, struct diag *diag)
{
    bool report = cli_given(cli, "report"), json = cli_given(cli, "json");
    cJSON *root = report || json ? evaluation_text_json(result) : NULL;
    int r = report ? add_plots(root, model, result, sessions, diag) : 0;
    if (r == 0 && report)
        r = write_report(cli, root, diag);
    if (r == 0 && json)
        return cli_print_json(cli, root);
    cJSON_Delete(root);
    if (r < 0)
        return r;
    evaluation_text_print(result, stdout);
    if (report)
        printf("written      report.html and report.json in %s\n", cli_text(cli, "report"));
    return 0;
}

static int run_evaluation(const struct cli *cli, struct model *model, struct sessions *sessions,
                          struct diag *diag)
{
    struct evaluation_result result = {.model = model,
                                       .simulated = is_simulated(cli, model),
                                       .false_alarms_per_day =
                                           cli_given(cli, "false-alarms-per-day")
                                               ? cli_number(cli, "false-alarms-per-day")
                                               : model->false_alarms_per_day};
    struct progress progress;
    int r = cli_given(cli, "report") ? report_files_prepare(cli_text(cli, "report"), diag) : 0;
    if (r == 0)
        r = load(cli, model, sessions, &result.normal, diag);
    if (r < 0)
        return r;
    struct scored *scored = calloc(sessions->count, sizeof *scored);
    if (!scored)
        return diag_errno(diag, ENOMEM, "evaluation");
    progress_begin(&progress, "scoring");
    for (size_t s = 0; r == 0 && s < sessions->count; s++) {
        r = scored_from_model(sessions->item[s], model, result.false_alarms_per_day, &scored[s],
                              diag);
        scored[s].name = file_name(cli, s);
        progress_update(&progress, (double)(s + 1) / (double)sessions->count);
    }
    progress_end(&progress);
    if (r == 0)
        r = measure(cli, scored, sessions->count, &result, diag);
    if (r == 0)
        r = show(cli, model, &result, sessions, diag);
    for (size_t s = 0; s < sessions->count; s++)
        scored_deinit(&scored[s]);
    free(scored);
    return sessions_blame(cli, cli_given(cli, "normal") ? "normal" : "anomalous", r, diag);
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
        "adjusted by knowing the labels. Intervals come from segments of a minute at most, drawn "
        "anew 500 times: they cover which stretches were recorded, not another robot or session. "
        "Several labels, and the halves of a file that is labelled throughout, stand apart.",
    .options = {options, data_options},
    .run = run,
};
