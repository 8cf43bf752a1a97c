/* From a trained network to a model file: configuration, tensors, self-test, calibration. */
#include "lab/channel_info.h"
#include "lab/fit_internal.h"
#include "lab/runner.h"
#include "lab/training_json.h"
#include "model/features_file.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define SELFTEST_WINDOWS 32

static cJSON *channels_json(const struct recording *recording)
{
    cJSON *list = cJSON_CreateArray();
    for (size_t c = 0; c < recording->channels; c++) {
        char group[128];
        channel_group(recording->names[c], group, sizeof group);
        cJSON *entry = cJSON_CreateObject();
        cJSON_AddStringToObject(entry, "name", recording->names[c]);
        cJSON_AddStringToObject(entry, "unit", channel_unit(recording->names[c]));
        cJSON_AddStringToObject(entry, "group", group);
        cJSON_AddItemToArray(list, entry);
    }
    return list;
}

static cJSON *layers_json(const struct nn_layer_spec *layers, size_t count)
{
    static const char *const parameter_names[NN_LAYER_KINDS] = {[NN_LAYER_BATCHNORM] = "epsilon",
                                                                [NN_LAYER_LEAKY_RELU] = "slope",
                                                                [NN_LAYER_DROPOUT] = "rate"};
    cJSON *list = cJSON_CreateArray();
    for (size_t i = 0; i < count; i++) {
        cJSON *entry = cJSON_CreateObject();
        cJSON_AddStringToObject(entry, "kind", nn_layer_kind_name(layers[i].kind));
        if (layers[i].kind == NN_LAYER_DENSE)
            cJSON_AddNumberToObject(entry, "outputs", (double)layers[i].outputs);
        if (parameter_names[layers[i].kind] && layers[i].parameter > 0)
            cJSON_AddNumberToObject(entry, parameter_names[layers[i].kind], layers[i].parameter);
        cJSON_AddItemToArray(list, entry);
    }
    return list;
}

static cJSON *left_out_json(const struct fitting *fitting, const struct fit_report *report)
{
    cJSON *list = cJSON_CreateArray();
    for (size_t i = 0; i < report->left_out_count; i++) {
        const struct fit_left_out *left_out = &report->left_out[i];
        cJSON *entry = cJSON_CreateObject();
        cJSON_AddStringToObject(entry, "name", fitting->sessions[0]->names[left_out->channel]);
        cJSON_AddStringToObject(entry, "reason", left_out->reason);
        cJSON_AddItemToArray(list, entry);
    }
    return list;
}

static cJSON *detector_json(const struct fitting *fitting, const struct fit_report *report)
{
    const struct fit_options *options = fitting->options;
    const struct architecture *architecture = &fitting->architecture;
    cJSON *entry = cJSON_CreateObject();
    cJSON_AddStringToObject(entry, "kind", "autoencoder");
    cJSON_AddStringToObject(entry, "name", "autoencoder");
    cJSON_AddNumberToObject(entry, "window", (double)options->window);
    cJSON_AddNumberToObject(entry, "spacing", (double)options->spacing);
    features_file_format(&fitting->features, fitting->sessions[0]->channels, entry);
    if (report->left_out_count > 0)
        cJSON_AddItemToObject(entry, "left_out", left_out_json(fitting, report));
    cJSON *layers = cJSON_AddObjectToObject(entry, "architecture");
    cJSON_AddStringToObject(layers, "name", architecture_kind_name(options->architecture.kind));
    cJSON_AddItemToObject(layers, "encoder",
                          layers_json(architecture->layers, architecture->encoder_count));
    cJSON_AddItemToObject(layers, "decoder",
                          layers_json(architecture->layers + architecture->encoder_count,
                                      architecture->count - architecture->encoder_count));
    bool smooth = options->train.loss == TRAIN_SMOOTH_L1;
    cJSON_AddStringToObject(entry, "score", smooth ? "smooth-l1" : "mse");
    if (smooth)
        cJSON_AddNumberToObject(entry, "beta", options->train.beta);
    cJSON *filter = cJSON_AddObjectToObject(entry, "filter");
    cJSON_AddNumberToObject(filter, "k", options->filter.k);
    cJSON_AddNumberToObject(filter, "n", options->filter.n);
    cJSON_AddNumberToObject(filter, "clear_ratio", options->filter.clear_ratio);
    cJSON_AddNumberToObject(filter, "clear_s", options->filter.clear_s);
    if (options->baseline == BASELINE_NONE)
        cJSON_AddItemToObject(entry, "training", training_json(options, report));
    else
        cJSON_AddStringToObject(entry, "baseline", baseline_kind_key(options->baseline));
    return entry;
}

static int put_network(struct draft *draft, const struct fitting *fitting,
                       const struct network *network)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < network_tensors(network); i++) {
        const struct network_tensor *tensor = network_tensor(network, i);
        size_t encoder = fitting->architecture.encoder_count;
        bool decoding = tensor->layer >= encoder;
        char name[96];
        snprintf(name, sizeof name, "0.%s.%zu.%s", decoding ? "decoder" : "encoder",
                 tensor->layer - (decoding ? encoder : 0), tensor->name);
        struct safetensors_shape shape = {.rank = tensor->dimensions,
                                          .dims = {tensor->shape[0], tensor->shape[1]}};
        r = draft_set(draft, name, SAFETENSORS_F32, shape, tensor->data);
    }
    return r;
}

static int put_in_draft(void *to, const char *name, enum safetensors_dtype dtype,
                        struct safetensors_shape shape, const void *values)
{
    return draft_set(to, name, dtype, shape, values);
}

static int put_content(struct draft *draft, const struct fitting *fitting,
                       const struct fit_report *report)
{
    cJSON *config = draft_config(draft);
    const struct fit_options *options = fitting->options;
    cJSON_AddStringToObject(config, "name", options->name);
    cJSON_AddNumberToObject(config, "version", (double)options->version);
    cJSON_AddNumberToObject(config, "sample_period_s", options->period_s);
    cJSON_AddNumberToObject(config, "false_alarms_per_day", options->false_alarms_per_day);
    cJSON_AddItemToObject(config, "channels", channels_json(fitting->sessions[0]));
    cJSON_AddItemToArray(cJSON_AddArrayToObject(config, "detectors"),
                         detector_json(fitting, report));
    int r = put_network(draft, fitting, report->result.network);
    if (r == 0)
        r = features_file_put(&fitting->features, 0,
                              &(struct tensor_sink){.put = put_in_draft, .to = draft});
    if (r == 0)
        r = draft_set(draft, "0.channel.floor", SAFETENSORS_F32,
                      SAFETENSORS_SHAPE(fitting->features.channels), fitting->floor);
    return r;
}

/* Rows that lie unbroken behind each other, from the held-out part. */
static int put_selftest(struct draft *draft, const struct fitting *fitting,
                        const struct fit_report *report, struct diag *diag)
{
    size_t first = fitting->held_out[0] + 1 - fitting->span, last = fitting->held_out[0];
    for (size_t i = 1; i < report->held_out_windows && i < SELFTEST_WINDOWS; i++) {
        if (fitting->held_out[i] != last + 1)
            break;
        last++;
    }
    size_t offset = 0, session = 0;
    while (first >= offset + fitting->sessions[session]->rows)
        offset += fitting->sessions[session++]->rows;
    const struct recording *from = fitting->sessions[session];
    const float *rows = from->values + (first - offset) * from->channels;
    return draft_set_selftest(draft, rows, last - first + 1, diag);
}

static int calibrate(struct draft *draft, const struct fitting *fitting, struct fit_report *report,
                     struct diag *diag)
{
    struct recording **parts = calloc(report->split.count, sizeof(struct recording *));
    struct calibration calibrations[MODEL_DETECTORS_MAX];
    struct model *model = NULL;
    size_t count = 0;
    int r = parts ? draft_build(draft, &model, diag) : diag_errno(diag, ENOMEM, "calibration");
    for (size_t b = 0; r == 0 && b < report->split.count; b++) {
        const struct split_block *block = &report->split.block[b];
        if (block->part != SPLIT_CALIBRATION)
            continue;
        r = recording_cut(fitting->sessions[block->session], block->first, block->end,
                          &parts[count]);
        count += r == 0;
    }
    if (r == 0)
        r = runner_calibrate(parts, count, model, calibrations, diag);
    for (size_t d = 0; r == 0 && d < model->detectors; d++) {
        r = draft_set_calibration(draft, d, &calibrations[d]);
        calibration_deinit(&calibrations[d]);
    }
    for (size_t i = 0; i < count; i++)
        recording_free(parts[i]);
    free(parts);
    model_unref(model);
    return r;
}

int fit_assemble(const struct fitting *fitting, struct draft **ret_draft, struct fit_report *report,
                 struct diag *diag)
{
    struct draft *draft = draft_new();
    int r = draft ? put_content(draft, fitting, report) : -ENOMEM;
    if (r < 0)
        diag_errno(diag, r, "model");
    if (r == 0)
        r = put_selftest(draft, fitting, report, diag);
    if (r == 0)
        r = calibrate(draft, fitting, report, diag);
    if (r == 0)
        r = draft_build(draft, &report->model, diag);
    if (r == 0)
        r = model_selftest(report->model, diag);
    if (r < 0) {
        draft_free(draft);
        return r;
    }
    report->calibration = report->model->detector[0].calibration;
    *ret_draft = draft;
    return 0;
}
