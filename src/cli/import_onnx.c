/*
 * The network is what was trained elsewhere; everything around it is made as `armwatch train` makes
 * it: residuals are measured, thresholds calibrated, a self-test is put in.
 */
#include "cli/data.h"
#include "cli/model_name.h"
#include "cli/model_onnx.h"
#include "cli/model_text.h"
#include "cli/provenance.h"
#include "cli/sessions.h"
#include "lab/derive.h"
#include "lab/fit.h"
#include "lab/runner.h"
#include "nn/blas.h"
#include "onnx/onnx_import.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct work {
    const struct cli *cli;
    struct sessions sessions;
    struct onnx_model model;
    struct onnx_network onnx;
    struct nn_layer_spec layers[ONNX_IMPORT_LAYERS_MAX];
    struct network *network;
    struct scaler scaler;
    struct fit_adopted adopted;
    struct fit_options options;
    struct draft *draft;
    struct fit_report report;
    char sha256[HASH_HEX_SIZE]; /* of the ONNX file */
};

static int read_file(struct work *work, struct diag *diag)
{
    const char *path = work->cli->args[0];
    void *data = NULL;
    size_t size;
    int r = file_read(path, ONNX_FILE_MAX, &data, &size, diag);
    if (r < 0)
        return r;
    const struct hash_part part = {data, size};
    r = hash_sha256(&part, 1, work->sha256);
    if (r == 0)
        r = onnx_read(data, size, &work->model, diag);
    if (r == 0)
        r = onnx_import(&work->model, &work->onnx, diag);
    free(data);
    if (r < 0)
        diag_prefix(diag, "%s", path);
    return r;
}

/* ---- what the file does not say */

static size_t count_channels(const struct work *work)
{
    const struct recording *first = work->sessions.item[0];
    const char *const *ignored = work->options.ignore;
    size_t count = 0;
    for (size_t c = 0; c < first->channels; c++) {
        bool taken = true;
        for (size_t i = 0; ignored && ignored[i]; i++)
            taken = taken && !derive_name_matches(ignored[i], first->names[c]);
        count += taken;
    }
    return count;
}

/* An exit code after a message, or 0. */
static int check_asked(const struct work *work)
{
    const struct cli *cli = work->cli;
    bool shaped = work->onnx.window > 0;
    if (!cli_given(cli, "scaler"))
        return cli_usage(
            cli, "the file does not say how its input was scaled: give --scaler with a file, "
                 "a kind or none");
    if (!shaped && !cli_given(cli, "layout"))
        return cli_usage(cli,
                         "the input is flat, %zu values: say with --layout whether a window "
                         "lies in it by rows or by channels",
                         work->onnx.inputs);
    if (!shaped && !cli_given(cli, "window"))
        return cli_usage(cli,
                         "the input is flat, %zu values: say with --window how many rows are "
                         "in it",
                         work->onnx.inputs);
    if (!work->sessions.item[0]->named)
        return cli_usage(cli, "the channels have no names: give --columns");
    return 0;
}

/* By channels a shape is [channels, window]. */
static int choose_window(struct work *work, struct diag *diag)
{
    const struct cli *cli = work->cli;
    bool by_channels = cli_given(cli, "layout") && cli_choice(cli, "layout") == 1;
    size_t said = by_channels ? work->onnx.channels : work->onnx.window;
    size_t given = (size_t)cli_integer(cli, "window"), channels = count_channels(work);
    size_t window = given ? given : said;
    if (said > 0 && window != said)
        return diag_set(diag, "--window %zu: by the file's input it is %zu", window, said);
    if (window * channels != work->onnx.inputs)
        return diag_set(diag,
                        "the network takes %zu values, %zu rows of the recordings' %zu channels "
                        "are %zu; --ignore leaves channels out",
                        work->onnx.inputs, window, channels, window * channels);
    work->options.window = window;
    return by_channels ? onnx_import_transpose(&work->model, &work->onnx, window, channels, diag)
                       : 0;
}

static int choose_scaler(struct work *work, struct diag *diag)
{
    static const char *const fitted[] = {"standard", "minmax", "robust", "maxabs"};
    const char *text = cli_text(work->cli, "scaler");
    for (size_t i = 0; i < sizeof fitted / sizeof fitted[0]; i++) {
        if (strcmp(text, fitted[i]) != 0)
            continue;
        enum scaler_kind kind = SCALER_STANDARD;
        int r = scaler_kind_parse(text, &kind, diag);
        work->options.scaler = (struct scaler_options){.kind = kind, .clip = (double)INFINITY};
        cli_note(work->cli,
                 "the scaler is fitted on --normal: right only if the network was trained on such "
                 "data with the same kind of scaler");
        return r;
    }
    work->adopted.scaler = &work->scaler;
    return model_onnx_read_scaler(text, count_channels(work), &work->scaler, diag);
}

/* ---- the model */

/* Up to the narrowest dense layer and what folds into it. */
static size_t encoder_layers(const struct onnx_network *network)
{
    size_t narrowest = 0, end;
    for (size_t i = 0; i < network->count; i++) {
        if (network->layer[i].spec.kind == NN_LAYER_DENSE &&
            network->layer[i].spec.outputs < network->layer[narrowest].spec.outputs)
            narrowest = i;
    }
    for (end = narrowest + 1;
         end < network->count && network->layer[end].spec.kind != NN_LAYER_DENSE;)
        end++;
    return end;
}

static int build_network(struct work *work, struct diag *diag)
{
    int r = onnx_import_build(&work->onnx, work->options.train.batch, &work->network, diag);
    for (size_t i = 0; i < work->onnx.count; i++)
        work->layers[i] = work->onnx.layer[i].spec;
    work->adopted.layers = work->layers;
    work->adopted.count = work->onnx.count;
    work->adopted.encoder_count = encoder_layers(&work->onnx);
    work->adopted.network = work->network;
    work->options.adopted = &work->adopted;
    return r;
}

static void set_options(struct work *work, const char *name)
{
    static const char *const autoencoder[] = {"autoencoder", NULL};
    const struct cli *cli = work->cli;
    struct fit_options *options = &work->options;
    *options = fit_defaults(ADVERSARY_NONE);
    options->name = name;
    options->version = cli_integer(cli, "version-number");
    options->detectors = autoencoder;
    options->spacing = (size_t)cli_integer(cli, "spacing");
    options->ignore = cli_list(cli, "ignore");
    options->keep_drift = true; /* the network takes what it was trained on */
    options->choose_filter = true;
    options->false_alarms_per_day = cli_number(cli, "false-alarms-per-day");
    options->train.loss = cli_choice(cli, "score") == 1 ? TRAIN_SMOOTH_L1 : TRAIN_MSE;
}

static void add_provenance(const struct work *work)
{
    static const char *const given[] = {"exclude", "ignore", "label-column", NULL};
    cJSON *provenance = cJSON_AddObjectToObject(draft_config(work->draft), "provenance");
    cJSON *source = cJSON_AddObjectToObject(provenance, "onnx");
    cJSON_AddStringToObject(source, "file", provenance_file(work->cli->args[0]));
    cJSON_AddStringToObject(source, "sha256", work->sha256);
    cJSON_AddStringToObject(source, "producer", work->model.producer);
    cJSON_AddStringToObject(source, "producer_version", work->model.producer_version);
    cJSON_AddItemToObject(provenance, "calibration",
                          provenance_recordings(work->cli, &work->sessions));
    cJSON_AddItemToObject(provenance, "options", provenance_options(work->cli, given));
    cJSON_AddStringToObject(provenance, "tool", "armwatch " ARMWATCH_VERSION);
    cJSON_AddBoolToObject(provenance, "simulated", cli_given(work->cli, "simulated"));
}

/* Nothing was trained here, so all of the recordings may set the thresholds. */
static int calibrate(struct work *work, struct diag *diag)
{
    struct calibration calibration;
    int r = runner_calibrate(work->sessions.item, work->sessions.count, work->report.model,
                             &calibration, diag);
    if (r < 0)
        return r;
    r = draft_set_calibration(work->draft, 0, &calibration);
    calibration_deinit(&calibration);
    return r < 0 ? diag_errno(diag, r, "calibration") : 0;
}

static int make_model(struct work *work, struct diag *diag)
{
    void *data = NULL;
    size_t size;
    int r = build_network(work, diag);
    if (r < 0)
        return r;
    blas_init();
    r = fit(work->sessions.item, work->sessions.count, &work->options, &work->draft, &work->report,
            diag);
    if (r == 0)
        r = calibrate(work, diag);
    if (r < 0)
        return sessions_blame(work->cli, "normal", r, diag);
    add_provenance(work);
    r = draft_format(work->draft, &data, &size, diag);
    if (r == 0)
        r = file_write(cli_text(work->cli, "out"), data, size, diag);
    free(data);
    return r;
}

/* 0, an exit code after a message, or a negative errno with its text in diag. */
static int import(struct work *work, struct diag *diag)
{
    const struct cli *cli = work->cli;
    char name[NAME_MAX_LENGTH + 1];
    int code = model_name_choose(cli, name);
    if (code == CLI_DONE)
        code = cli_check_place(cli, "out");
    if (code != CLI_DONE)
        return code;
    set_options(work, name);
    int r = read_file(work, diag);
    if (r == 0)
        r = sessions_load(cli, "normal", NULL, &work->sessions, diag);
    if (r < 0)
        return r;
    code = check_asked(work);
    if (code != CLI_DONE)
        return code;
    work->options.period_s = sessions_choose_period(cli, &work->sessions);
    r = sessions_leave_out_labelled(cli, "normal", &work->sessions, diag);
    if (r == 0)
        r = choose_window(work, diag);
    if (r == 0)
        r = choose_scaler(work, diag);
    return r < 0 ? r : make_model(work, diag);
}

int model_onnx_import(const struct cli *cli)
{
    struct work work = {.cli = cli};
    struct diag diag = DIAG_INIT;
    struct model *model = NULL;
    int r = import(&work, &diag);
    if (r == 0)
        r = sessions_load_model(cli_text(cli, "out"), &model, &diag);
    if (r == 0) {
        model_text_print(model, stdout);
        model_text_print_promise(model, model->false_alarms_per_day, stdout);
        printf("written      %s (self-test passed)\n", cli_text(cli, "out"));
    }
    model_unref(model);
    sessions_free(&work.sessions);
    onnx_model_deinit(&work.model);
    network_free(work.network);
    scaler_deinit(&work.scaler);
    draft_free(work.draft);
    fit_report_deinit(&work.report);
    return r < 0 ? cli_fail(cli, r, &diag) : r;
}
