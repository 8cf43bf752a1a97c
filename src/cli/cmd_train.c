#include "cli/commands.h"
#include "cli/data.h"
#include "cli/method.h"
#include "cli/model_name.h"
#include "cli/model_text.h"
#include "cli/progress.h"
#include "cli/provenance.h"
#include "cli/sessions.h"
#include "cli/tuning.h"
#include "lab/fit.h"
#include "nn/blas.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const struct cli_option options[] = {
    {"normal", "FILE", "recording of the healthy robot; one file is one session", .required = true,
     .repeatable = true},
    {"out", "FILE", "the model, NAME.safetensors", .required = true},
    {"name", "NAME", "of the model (default: the file's)", NULL, CLI_NAME},
    {"version-number", "N", "of the model", "1", CLI_INTEGER, 1, 1e9},
    {"rate-hz", "HZ", "samples per second (default: from the recording's times, else 10)", NULL,
     CLI_NUMBER, 0.001, 10000},
    {"false-alarms-per-day", "N", "target for the threshold", "1", CLI_NUMBER, 0.001, 10000},
    {"simulated", NULL, "mark the model as made from simulated data"},
    {"json", NULL, "the model's configuration as JSON on stdout"},
    {0}};

/* Everything that main has to free. */
struct work {
    struct sessions sessions, labelled;
    struct draft *draft;
    struct fit_report report;
    struct progress progress;
    size_t epochs;
};

static int on_progress(size_t epoch, size_t batch, size_t batches, void *user)
{
    struct work *work = user;
    progress_update(&work->progress,
                    ((double)epoch + (double)batch / (double)batches) / (double)work->epochs);
    return 0;
}

/* Which parts of the recordings the threshold rests on, in the order of the calibration. */
static cJSON *calibration_parts(const struct cli *cli, const struct split *split)
{
    cJSON *list = cJSON_CreateArray();
    for (size_t b = 0; b < split->count; b++) {
        const struct split_block *block = &split->block[b];
        if (block->part != SPLIT_CALIBRATION)
            continue;
        cJSON *entry = cJSON_CreateObject();
        cJSON_AddStringToObject(entry, "file",
                                provenance_file(cli_list(cli, "normal")[block->session]));
        cJSON_AddNumberToObject(entry, "first_row", (double)block->first);
        cJSON_AddNumberToObject(entry, "rows", (double)(block->end - block->first));
        cJSON_AddItemToArray(list, entry);
    }
    return list;
}

/* No time of day in it: the same command gives the same bytes. SOURCE_DATE_EPOCH adds one. */
static void add_provenance(const struct cli *cli, const struct work *work, cJSON *config)
{
    static const char *const given[] = {"exclude", "ignore", "label-column", NULL};
    cJSON *provenance = cJSON_AddObjectToObject(config, "provenance");
    cJSON_AddItemToObject(provenance, "data", provenance_recordings(cli, &work->sessions));
    cJSON_AddItemToObject(provenance, "options", provenance_options(cli, given));
    cJSON_AddItemToObject(provenance, "calibration", calibration_parts(cli, &work->report.split));
    cJSON_AddStringToObject(provenance, "tool", "armwatch " ARMWATCH_VERSION);
    cJSON_AddBoolToObject(provenance, "simulated", cli_given(cli, "simulated"));
    const char *epoch = getenv("SOURCE_DATE_EPOCH");
    if (epoch && strtoll(epoch, NULL, 10) > 0)
        cJSON_AddNumberToObject(provenance, "created", (double)strtoll(epoch, NULL, 10));
}

static int write_model(struct work *work, const char *path, struct diag *diag)
{
    void *data;
    size_t size;
    int r = draft_format(work->draft, &data, &size, diag);
    if (r < 0)
        return r;
    r = file_write(path, data, size, diag);
    free(data);
    return r;
}

/* For the choice of channels; they are no part of the training. */
static int load_labelled(const struct cli *cli, struct work *work, struct fit_options *fit_options,
                         struct diag *diag)
{
    int r = sessions_load(cli, "labelled", NULL, &work->labelled, diag);
    if (r == 0)
        r = sessions_check_labels(cli, "labelled", &work->labelled, 0, diag);
    fit_options->labelled = work->labelled.item;
    fit_options->labelled_count = work->labelled.count;
    return r;
}

/* 0, an exit code after a message, or a negative errno with its text in diag. */
static int train_model(const struct cli *cli, struct work *work, struct diag *diag)
{
    char name[NAME_MAX_LENGTH + 1];
    const char *out = cli_text(cli, "out");
    int code = model_name_choose(cli, name);
    if (code != CLI_DONE)
        return code;
    struct fit_options fit_options;
    struct method_detectors detectors;
    int r = method_choose_training(cli, &fit_options, &detectors, diag);
    if (r == 0)
        r = tuning_choose(cli, &fit_options.train, diag);
    if (r < 0)
        return cli_usage(cli, "%s", diag->text);
    fit_options.version = cli_integer(cli, "version-number");
    fit_options.false_alarms_per_day = cli_number(cli, "false-alarms-per-day");
    code = cli_check_place(cli, "out");
    if (code != CLI_DONE)
        return code;
    r = sessions_load(cli, "normal", NULL, &work->sessions, diag);
    if (r < 0)
        return r;
    fit_options.name = name;
    fit_options.period_s = sessions_choose_period(cli, &work->sessions);
    r = sessions_leave_out_labelled(cli, "normal", &work->sessions, diag);
    if (r < 0)
        return r;
    r = load_labelled(cli, work, &fit_options, diag);
    if (r < 0)
        return r;
    work->epochs = fit_options.train.epochs;
    fit_options.train.progress = on_progress;
    fit_options.train.user = work;
    blas_init();
    progress_begin(&work->progress, "training");
    r = fit(work->sessions.item, work->sessions.count, &fit_options, &work->draft, &work->report,
            diag);
    progress_end(&work->progress);
    if (r < 0)
        return sessions_blame(cli, "normal", r, diag);
    if (!fit_options.keep_drift && work->report.training_windows > 0 &&
        work->report.drift_sessions < 3)
        cli_note(cli,
                 "only %zu of the sessions to train on are long enough to compare: channels "
                 "that differ from one session to the next cannot be found; give at least "
                 "five --normal files",
                 work->report.drift_sessions);
    add_provenance(cli, work, draft_config(work->draft));
    return write_model(work, out, diag);
}

/* Of the file as it was written, which also knows its provenance. */
static int print_result(const struct cli *cli)
{
    const char *out = cli_text(cli, "out");
    struct model *model;
    struct diag diag = DIAG_INIT;
    int r = sessions_load_model(out, &model, &diag);
    if (r < 0)
        return cli_fail(cli, r, &diag);
    model_text_print(model, stdout);
    model_text_print_promise(model, model->false_alarms_per_day, stdout);
    printf("written      %s (self-test passed)\n", out);
    model_unref(model);
    return CLI_DONE;
}

static int run(const struct cli *cli)
{
    struct work work = {0};
    struct diag diag = DIAG_INIT;
    int r = train_model(cli, &work, &diag);
    int code = CLI_DONE;
    if (r < 0)
        code = cli_fail(cli, r, &diag);
    else if (r > 0)
        code = r;
    else if (cli_given(cli, "json"))
        code = cli_print_json(cli, cJSON_Duplicate(draft_config(work.draft), true));
    else
        code = print_result(cli);
    sessions_free(&work.sessions);
    sessions_free(&work.labelled);
    draft_free(work.draft);
    fit_report_deinit(&work.report);
    return code;
}

const struct cli_command command_train = {
    .name = "train",
    .summary = "learn what healthy movement looks like, and calibrate the alert threshold",
    .description = "Reads recordings of the healthy robot, keeps parts of them aside, trains the "
                   "detectors on the rest, and sets their thresholds on healthy data that training "
                   "never saw. With three or more --normal files whole sessions are kept aside, "
                   "else contiguous blocks.",
    .options = {options, training_options, method_options, tuning_options, data_options},
    .run = run,
};
