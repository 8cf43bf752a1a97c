#include "cli/commands.h"
#include "cli/data.h"
#include "cli/model_text.h"
#include "cli/provenance.h"
#include "cli/sessions.h"
#include "lab/channel_means.h"
#include "lab/derive.h"
#include "lab/draft.h"
#include "lab/runner.h"

#include <stdlib.h>
#include <string.h>

static const struct cli_option options[] = {
    {"model", "FILE", "the model to calibrate", .required = true},
    {"normal", "FILE", "healthy recording that training never saw; one file is one session",
     .required = true, .repeatable = true},
    {"out", "FILE", "the calibrated model: a new version", .required = true},
    {0}};

/* The same model with other calibrations and the next version number. */
static int put_calibrations(struct draft *draft, const struct model *model,
                            struct calibration *calibrations, struct diag *diag)
{
    int r = 0;
    for (size_t d = 0; r == 0 && d < model->detectors; d++)
        r = draft_set_calibration(draft, d, &calibrations[d]);
    if (r < 0)
        return diag_errno(diag, r, "calibration");
    cJSON_SetNumberValue(cJSON_GetObjectItemCaseSensitive(draft_config(draft), "version"),
                         (double)model->version + 1);
    return 0;
}

/* Where channels usually lie, by these sessions. */
static int put_channel_means(struct draft *draft, const struct model *model,
                             const struct sessions *sessions)
{
    struct channel_means means;
    int r = channel_means_init(&means, model->channels, model->period_s);
    for (size_t s = 0; r == 0 && s < sessions->count; s++) {
        struct recording *derived;
        r = derive_session(sessions->item[s], &model->derivation, model->period_s, &derived);
        if (r < 0)
            break;
        channel_means_add(&means, derived);
        recording_free(derived);
    }
    if (r == 0)
        channel_means_put(&means, draft_config(draft));
    channel_means_deinit(&means);
    return r;
}

/* Which recordings the promise rests on. */
static void add_provenance(const struct cli *cli, const struct sessions *sessions, cJSON *config)
{
    static const char *const given[] = {"exclude", "label-column", NULL};
    cJSON *provenance = cJSON_GetObjectItemCaseSensitive(config, "provenance");
    if (!cJSON_IsObject(provenance))
        provenance = cJSON_AddObjectToObject(config, "provenance");
    cJSON_DeleteItemFromObjectCaseSensitive(provenance, "calibration");
    cJSON_DeleteItemFromObjectCaseSensitive(provenance, "calibration_options");
    cJSON_AddItemToObject(provenance, "calibration", provenance_recordings(cli, sessions));
    cJSON_AddItemToObject(provenance, "calibration_options", provenance_options(cli, given));
}

static int write_calibrated(const struct cli *cli, const struct model *model,
                            const struct sessions *sessions, struct calibration *calibrations,
                            struct diag *diag)
{
    void *data = NULL;
    size_t size;
    struct draft *draft = NULL;
    int r = file_read(cli_text(cli, "model"), MODEL_FILE_MAX, &data, &size, diag);
    if (r == 0)
        r = draft_parse(data, size, &draft, diag);
    free(data);
    data = NULL;
    if (r == 0)
        r = put_calibrations(draft, model, calibrations, diag);
    if (r == 0 && (r = put_channel_means(draft, model, sessions)) < 0)
        diag_errno(diag, r, "channels");
    if (r == 0)
        add_provenance(cli, sessions, draft_config(draft));
    if (r == 0)
        r = draft_format(draft, &data, &size, diag);
    if (r == 0)
        r = file_write(cli_text(cli, "out"), data, size, diag);
    free(data);
    draft_free(draft);
    return r;
}

static int calibrate(const struct cli *cli, struct model *model, struct sessions *sessions,
                     struct diag *diag)
{
    struct calibration calibrations[MODEL_DETECTORS_MAX];
    int r = sessions_load(cli, "normal", model, sessions, diag);
    if (r < 0)
        return r;
    sessions_check_period(cli, sessions, model->period_s);
    r = sessions_leave_out_labelled(cli, "normal", sessions, diag);
    if (r < 0)
        return r;
    r = runner_calibrate(sessions->item, sessions->count, model, calibrations, diag);
    if (r < 0)
        return sessions_blame(cli, "normal", r, diag);
    r = write_calibrated(cli, model, sessions, calibrations, diag);
    for (size_t d = 0; d < model->detectors; d++)
        calibration_deinit(&calibrations[d]);
    return r;
}

static int run(const struct cli *cli)
{
    struct sessions sessions = {0};
    struct model *model = NULL, *calibrated = NULL;
    struct diag diag = DIAG_INIT;
    int place = cli_check_place(cli, "out");
    if (place != CLI_DONE)
        return place;
    int r = sessions_load_model(cli_text(cli, "model"), &model, &diag);
    if (r == 0)
        r = calibrate(cli, model, &sessions, &diag);
    if (r == 0)
        r = sessions_load_model(cli_text(cli, "out"), &calibrated, &diag);
    int code = r < 0 ? cli_fail(cli, r, &diag) : CLI_DONE;
    if (r == 0) {
        printf("model %s, version %lld\n", calibrated->name, (long long)calibrated->version);
        model_text_print_promise(calibrated, calibrated->false_alarms_per_day, stdout);
        printf("written      %s (self-test passed)\n", cli_text(cli, "out"));
    }
    sessions_free(&sessions);
    model_unref(model);
    model_unref(calibrated);
    return code;
}

const struct cli_command command_calibrate = {
    .name = "calibrate",
    .summary = "set a model's alert threshold on other healthy data, without training again",
    .description =
        "Makes a new file with the next version number; a signed model needs a new signature. "
        "Labelled rows are left out. Several sessions are also tried one by one, each by the "
        "threshold that follows from the others.",
    .options = {options, data_options},
    .run = run,
};
