#include "base/clock.h"
#include "cli/commands.h"
#include "cli/data.h"
#include "cli/sessions.h"
#include "lab/runner.h"
#include "pipeline/alert_json.h"

#include <string.h>

static const struct cli_option options[] = {
    {"model", "FILE", "the model", .required = true},
    {"out", "FILE", "CSV: row,time,score,state and per detector score and threshold", "-"},
    {"false-alarms-per-day", "N", "budget from which the threshold follows (default: the model's)",
     NULL, CLI_NUMBER, 0.001, 10000},
    {"alerts", "FILE", "a line of JSON for each alert that is raised: what deviates"},
    {0}};

struct table {
    FILE *out, *alerts_out; /* NULL if they are not wanted */
    const struct model *model;
    bool timed;
    size_t evaluated, alerts;
};

static void print_header(const struct table *table)
{
    fputs("row,time,score,state", table->out);
    for (size_t d = 0; d < table->model->detectors; d++)
        fprintf(table->out, ",score:%s,threshold:%s", table->model->detector[d].name,
                table->model->detector[d].name);
    fputc('\n', table->out);
}

/* What the robot's state would be after this row, as far as a recording shows it. */
static const char *state_of(const struct runner_row *row)
{
    if (row->hole)
        return "hole";
    if (row->result.outcome == HISTORY_DUPLICATE || row->result.outcome == HISTORY_LATE)
        return "dropped";
    if (row->monitor->alert.episode.open || row->monitor->fault.episode.open)
        return row->result.verdict == FLAT_SENSOR_FAULT ? "sensor_fault" : "alert";
    if (row->result.verdict == FLAT_STOPPED)
        return "stopped";
    return row->result.evaluated ? "ok" : "warming";
}

static cJSON *alert_of(const struct table *table, const struct runner_row *row, const char *time,
                       bool fault)
{
    const struct monitor *monitor = row->monitor;
    const struct alert_episode *episode = fault ? &monitor->fault.episode : &monitor->alert.episode;
    char text[ALERT_TEXT_MAX];
    cJSON *root = cJSON_CreateObject();
    cJSON_AddNumberToObject(root, "row", (double)row->row);
    cJSON_AddStringToObject(root, "time", time);
    cJSON_AddStringToObject(root, "kind", fault ? "sensor_fault" : "anomaly");
    cJSON_AddStringToObject(root, "severity", alert_severity_name(episode->severity));
    if (fault)
        alert_text_fault(table->model, &monitor->fault, false, text);
    else
        alert_text(table->model, &monitor->alert, text);
    alert_json_step(root, episode);
    cJSON_AddStringToObject(root, "text", text);
    if (fault) {
        cJSON_AddArrayToObject(root, "detectors");
        alert_json_fault(root, table->model, &monitor->fault);
    } else {
        alert_json_fired(root, table->model, &monitor->alert);
        alert_json_attribution(root, table->model, &episode->last.attribution);
    }
    return root;
}

static void print_alerts(const struct table *table, const struct runner_row *row, const char *time)
{
    const bool raised[] = {row->result.transition == ALERT_RAISED,
                           row->result.fault == ALERT_RAISED};
    for (int fault = 0; table->alerts_out && !row->hole && fault < 2; fault++) {
        if (!raised[fault])
            continue;
        cJSON *alert = alert_of(table, row, time, fault);
        char *line = cJSON_PrintUnformatted(alert);
        fprintf(table->alerts_out, "%s\n", line ? line : "");
        cJSON_free(line);
        cJSON_Delete(alert);
    }
}

static int print_row(const struct runner_row *row, void *user)
{
    struct table *table = user;
    char time[CLOCK_RFC3339_MAX];
    if (table->timed)
        clock_format_rfc3339(row->time_ns, time);
    else
        snprintf(time, sizeof time, "%.3f", (double)row->time_ns / 1e9);
    bool evaluated = !row->hole && row->result.evaluated;
    fprintf(table->out, "%zu,%s,", row->row, time);
    if (evaluated)
        fprintf(table->out, "%.9g", row->result.ratio);
    fprintf(table->out, ",%s", state_of(row));
    for (size_t d = 0; d < table->model->detectors; d++) {
        if (evaluated && row->result.score.detector[d].evaluated)
            fprintf(table->out, ",%.9g", row->result.score.detector[d].score);
        else
            fputc(',', table->out);
        fprintf(table->out, ",%.9g", row->monitor->thresholds[d]);
    }
    fputc('\n', table->out);
    print_alerts(table, row, time);
    table->evaluated += evaluated;
    table->alerts +=
        !row->hole && (row->result.transition == ALERT_RAISED || row->result.fault == ALERT_RAISED);
    return 0;
}

static int score_file(const struct cli *cli, struct model *model, struct sessions *sessions,
                      struct diag *diag)
{
    struct cli_output output, alerts = {0};
    int r = sessions_load_file(cli, cli->args[0], model, sessions, diag);
    if (r < 0)
        return r;
    sessions_check_period(cli, sessions, model->period_s);
    r = cli_output_open(&output, cli_text(cli, "out"), diag);
    if (r < 0)
        return r;
    if (cli_given(cli, "alerts") &&
        (r = cli_output_open(&alerts, cli_text(cli, "alerts"), diag)) < 0) {
        cli_output_discard(&output);
        return r;
    }
    struct table table = {.out = output.stream,
                          .alerts_out = alerts.stream,
                          .model = model,
                          .timed = sessions->item[0]->time_ns != NULL};
    double budget = cli_given(cli, "false-alarms-per-day") ? cli_number(cli, "false-alarms-per-day")
                                                           : model->false_alarms_per_day;
    print_header(&table);
    r = runner_run(sessions->item[0], model, budget, print_row, &table);
    if (r < 0) {
        cli_output_discard(&output);
        if (alerts.stream)
            cli_output_discard(&alerts);
        return diag_errno(diag, r, "scoring");
    }
    cli_note(cli, "%zu rows, %zu evaluated, %zu alerts raised", sessions->item[0]->rows,
             table.evaluated, table.alerts);
    if (alerts.stream)
        r = cli_output_commit(&alerts, diag);
    return r < 0 ? r : cli_output_commit(&output, diag);
}

static int run(const struct cli *cli)
{
    struct sessions sessions = {0};
    struct model *model = NULL;
    struct diag diag = DIAG_INIT;
    int place = cli_check_place(cli, "out");
    if (place == CLI_DONE && cli_given(cli, "alerts"))
        place = cli_check_place(cli, "alerts");
    if (place != CLI_DONE)
        return place;
    int r = sessions_load_model(cli_text(cli, "model"), &model, &diag);
    if (r == 0)
        r = score_file(cli, model, &sessions, &diag);
    sessions_free(&sessions);
    model_unref(model);
    return r < 0 ? cli_fail(cli, r, &diag) : CLI_DONE;
}

const struct cli_command command_score = {
    .name = "score",
    .summary = "score every row of a recording, as the daemon would live",
    .arguments = "FILE",
    .least = 1,
    .most = 1,
    .description =
        "A row that is not evaluated has an empty score. 1 is always the limit. The state is ok, "
        "warming (no window is complete yet), alert, sensor_fault (readings stand still while the "
        "arm moves), stopped (everything stands still), hole (not measured) or dropped (late, or "
        "twice).",
    .options = {options, data_options},
    .run = run,
};
