/* How the autoencoder learns: windows, network, usual residuals, and its part of the model file. */
#include "lab/fit_internal.h"
#include "lab/training_json.h"
#include "model/features_file.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define FLOOR_SPREAD 0.05 /* a channel's usual residual is at least this share of its spread */
#define FLOOR_BATCH 256

/* ---- training ---- */

/* Keeps evenly spaced ones, in place. */
static void thin(size_t *ends, size_t *count, size_t most)
{
    if (most == 0 || *count <= most)
        return;
    for (size_t i = 0; i < most; i++)
        ends[i] = ends[i * *count / most];
    *count = most;
}

static int collect_windows(struct fitting *fitting, struct fit_report *report, struct diag *diag)
{
    const struct fit_options *options = fitting->options;
    const struct split_windows windows = {
        .sessions = fitting->sessions, .period_s = options->period_s, .span = fitting->span};
    if (split_collect(&report->split, SPLIT_TRAINING, &windows, &fitting->training,
                      &report->training_windows) < 0 ||
        split_collect(&report->split, SPLIT_HELD_OUT, &windows, &fitting->held_out,
                      &report->held_out_windows) < 0)
        return diag_errno(diag, ENOMEM, "windows");
    if (report->training_windows < 2 * options->train.batch / 8 || report->held_out_windows < 8)
        return diag_set(diag,
                        "%zu windows of %zu unbroken rows to train on and %zu to hold out are too "
                        "few; is the sample period really %g s?",
                        report->training_windows, fitting->span, report->held_out_windows,
                        options->period_s);
    thin(fitting->training, &report->training_windows, options->max_training_windows);
    return 0;
}

static int run_training(struct fitting *fitting, struct fit_report *report, struct diag *diag)
{
    const struct fit_options *options = fitting->options;
    size_t width = features_width(&fitting->features);
    fitting->architecture = architecture_make(options->window * width, &options->architecture);
    const struct train_data data = {.rows = fitting->rows,
                                    .row_count = fitting->row_count,
                                    .channels = width,
                                    .window = options->window,
                                    .spacing = options->spacing,
                                    .training = fitting->training,
                                    .training_count = report->training_windows,
                                    .held_out = fitting->held_out,
                                    .held_out_count = report->held_out_windows};
    if (options->baseline != BASELINE_NONE)
        return baseline_make(options->baseline, &data, options->train.seed, options->train.batch,
                             &fitting->architecture, &report->result.network, diag);
    struct train_options train_options = options->train;
    train_options.layers = fitting->architecture.layers;
    train_options.layer_count = fitting->architecture.count;
    return train(&data, &train_options, &report->result, diag);
}

int fitting_init(struct fitting *fitting, struct fit_report *report, struct diag *diag)
{
    const struct fit_options *options = fitting->options;
    fitting->span = (options->window - 1) * options->spacing + 1;
    for (size_t s = 0; s < fitting->count; s++) {
        assert(fitting->sessions[s]->channels == fitting->sessions[0]->channels);
        fitting->row_count += fitting->sessions[s]->rows;
    }
    int r = fit_make_features(fitting, report, diag);
    return r < 0 ? r : collect_windows(fitting, report, diag);
}

void fitting_deinit(struct fitting *fitting)
{
    free(fitting->rows);
    free(fitting->spread);
    free(fitting->floor);
    free(fitting->training);
    free(fitting->held_out);
    features_deinit(&fitting->features);
}

int fit_autoencoder_learn(struct fitting *fitting, struct fit_report *report, struct diag *diag)
{
    int r = fitting_init(fitting, report, diag);
    return r < 0 ? r : run_training(fitting, report, diag);
}

/* ---- usual residuals ---- */

/* A row of the joined sessions, as it was recorded. */
static const float *sample_at(const struct fitting *fitting, size_t row)
{
    size_t session = 0;
    while (row >= fitting->sessions[session]->rows)
        row -= fitting->sessions[session++]->rows;
    return fitting->sessions[session]->values + row * fitting->sessions[session]->channels;
}

/* What measuring the usual residuals needs. */
struct residuals {
    float *windows; /* [FLOOR_BATCH][window * width] */
    float *scaled;  /* [channels] */
    double *row, *expected;
    double *squares; /* [channels] the sum, in the channels' units */
};

/* Adds the residuals of the newest rows of some windows, which end at the rows given. */
static void add_residuals(const struct fitting *fitting, struct residuals *residuals,
                          const size_t *ends, const float *outputs, size_t count)
{
    const struct features *features = &fitting->features;
    size_t width = features_width(features);
    for (size_t i = 0; i < count; i++) {
        size_t at = ((i + 1) * fitting->options->window - 1) * width;
        features_scale(features, 1, sample_at(fitting, ends[i]), 0, residuals->scaled);
        features_residual(features, residuals->windows + at, outputs + at, residuals->row);
        features_expected(features, residuals->scaled, residuals->row, residuals->expected);
        for (size_t c = 0; c < features->channels; c++) {
            double residual = scaler_inverse(&features->scaler, c, (double)residuals->scaled[c]) -
                              residuals->expected[c];
            residuals->squares[c] += residual * residual;
        }
    }
}

static void add_held_out(const struct fitting *fitting, const struct fit_report *report,
                         struct network *network, struct residuals *residuals)
{
    const struct train_data data = {.rows = fitting->rows,
                                    .row_count = fitting->row_count,
                                    .channels = features_width(&fitting->features),
                                    .window = fitting->options->window,
                                    .spacing = fitting->options->spacing};
    size_t most = fitting->options->train.batch;
    most = most < FLOOR_BATCH ? most : FLOOR_BATCH;
    for (size_t i = 0; i < report->held_out_windows; i += most) {
        size_t left = report->held_out_windows - i, batch = left < most ? left : most;
        const size_t *ends = fitting->held_out + i;
        train_gather(&data, ends, batch, residuals->windows);
        add_residuals(fitting, residuals, ends,
                      network_forward(network, batch, residuals->windows, false), batch);
    }
}

/* What a residual usually is on held-out windows: what an alert measures deviations by. */
static int measure_floor(struct fitting *fitting, const struct fit_report *report,
                         struct network *network)
{
    const struct features *features = &fitting->features;
    size_t channels = features->channels;
    size_t width = fitting->options->window * features_width(features);
    struct residuals residuals = {.windows = malloc(FLOOR_BATCH * width * sizeof(float)),
                                  .scaled = calloc(channels, sizeof(float)),
                                  .row = calloc(channels, sizeof(double)),
                                  .expected = calloc(channels, sizeof(double)),
                                  .squares = calloc(channels, sizeof(double))};
    bool complete = residuals.windows && residuals.scaled && residuals.row && residuals.expected &&
                    residuals.squares;
    if (complete)
        add_held_out(fitting, report, network, &residuals);
    for (size_t c = 0; complete && c < channels; c++) {
        double usual = sqrt(residuals.squares[c] / (double)report->held_out_windows);
        double floor = fmax(usual, FLOOR_SPREAD * fitting->spread[c]);
        fitting->floor[c] = (float)fmax(floor, 1e-6 * fmax(1, fabs(features->scaler.offset[c])));
    }
    free(residuals.windows);
    free(residuals.scaled);
    free(residuals.row);
    free(residuals.expected);
    free(residuals.squares);
    return complete ? 0 : -ENOMEM;
}

/* ---- the model file ---- */

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

static void describe(const struct fitting *fitting, const struct fit_report *report, cJSON *entry)
{
    const struct fit_options *options = fitting->options;
    const struct architecture *architecture = &fitting->architecture;
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
    if (options->baseline == BASELINE_NONE)
        cJSON_AddItemToObject(entry, "training", training_json(options, report));
    else
        cJSON_AddStringToObject(entry, "baseline", baseline_kind_key(options->baseline));
}

static int put_network(struct draft *draft, size_t index, const struct fitting *fitting,
                       const struct network *network)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < network_tensors(network); i++) {
        const struct network_tensor *tensor = network_tensor(network, i);
        size_t encoder = fitting->architecture.encoder_count;
        bool decoding = tensor->layer >= encoder;
        char name[96];
        snprintf(name, sizeof name, "%zu.%s.%zu.%s", index, decoding ? "decoder" : "encoder",
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

static int fit_autoencoder(const struct fit_source *source, size_t index, struct draft *draft,
                           cJSON *entry, struct diag *diag)
{
    struct fitting *fitting = source->fitting;
    int r = measure_floor(fitting, source->report, source->network);
    if (r < 0)
        return diag_errno(diag, r, "residuals");
    describe(fitting, source->report, entry);
    r = put_network(draft, index, fitting, source->network);
    if (r == 0)
        r = features_file_put(&fitting->features, index,
                              &(struct tensor_sink){.put = put_in_draft, .to = draft});
    if (r == 0)
        r = fit_put(draft, index, "channel.floor", SAFETENSORS_F32,
                    SAFETENSORS_SHAPE(fitting->features.channels), fitting->floor);
    return r < 0 ? diag_errno(diag, r, "autoencoder") : 0;
}

const struct fit_kind fit_kind_autoencoder = {
    .name = "autoencoder", .by_default = true, .fit = fit_autoencoder};
