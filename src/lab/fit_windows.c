/*
 * What every kind shares that compares windows of features with what they should have been: the
 * windows, what a channel's residual usually is, and its part of the model file.
 */
#include "lab/fit_internal.h"
#include "model/features_file.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#define FLOOR_SPREAD 0.05 /* a channel's usual residual is at least this share of its spread */

/* ---- windows ---- */

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

int fitting_init(struct fitting *fitting, const char *kind, struct fit_report *report,
                 struct diag *diag)
{
    const struct fit_options *options = fitting->options;
    fitting->kind = kind;
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

struct train_data fitting_data(const struct fitting *fitting, const struct fit_report *report)
{
    return (struct train_data){.rows = fitting->rows,
                               .row_count = fitting->row_count,
                               .channels = features_width(&fitting->features),
                               .window = fitting->options->window,
                               .spacing = fitting->options->spacing,
                               .training = fitting->training,
                               .training_count = report->training_windows,
                               .held_out = fitting->held_out,
                               .held_out_count = report->held_out_windows};
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
    float *windows; /* [FIT_RECONSTRUCT_MAX][window * width] */
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
                         const struct fit_reconstructor *reconstructor, struct residuals *residuals)
{
    const struct train_data data = fitting_data(fitting, report);
    size_t most = reconstructor->most;
    most = most < FIT_RECONSTRUCT_MAX ? most : FIT_RECONSTRUCT_MAX;
    for (size_t i = 0; i < report->held_out_windows; i += most) {
        size_t left = report->held_out_windows - i, batch = left < most ? left : most;
        const size_t *ends = fitting->held_out + i;
        train_gather(&data, ends, batch, residuals->windows);
        add_residuals(fitting, residuals, ends,
                      reconstructor->run(reconstructor->with, residuals->windows, batch), batch);
    }
}

int fitting_measure_floor(struct fitting *fitting, const struct fit_report *report,
                          const struct fit_reconstructor *reconstructor)
{
    const struct features *features = &fitting->features;
    size_t channels = features->channels;
    size_t width = fitting->options->window * features_width(features);
    struct residuals residuals = {.windows = malloc(FIT_RECONSTRUCT_MAX * width * sizeof(float)),
                                  .scaled = calloc(channels, sizeof(float)),
                                  .row = calloc(channels, sizeof(double)),
                                  .expected = calloc(channels, sizeof(double)),
                                  .squares = calloc(channels, sizeof(double))};
    bool complete = residuals.windows && residuals.scaled && residuals.row && residuals.expected &&
                    residuals.squares;
    if (complete)
        add_held_out(fitting, report, reconstructor, &residuals);
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

void fitting_describe(const struct fitting *fitting, const struct fit_report *report, cJSON *entry)
{
    cJSON_AddNumberToObject(entry, "window", (double)fitting->options->window);
    cJSON_AddNumberToObject(entry, "spacing", (double)fitting->options->spacing);
    features_file_format(&fitting->features, fitting->sessions[0]->channels, entry);
    if (report->left_out_count > 0)
        cJSON_AddItemToObject(entry, "left_out", left_out_json(fitting, report));
}

static int put_in_draft(void *to, const char *name, enum safetensors_dtype dtype,
                        struct safetensors_shape shape, const void *values)
{
    return draft_set(to, name, dtype, shape, values);
}

int fitting_put(const struct fitting *fitting, size_t index, struct draft *draft)
{
    int r = features_file_put(&fitting->features, index,
                              &(struct tensor_sink){.put = put_in_draft, .to = draft});
    return r < 0 ? r
                 : fit_put(draft, index, "channel.floor", SAFETENSORS_F32,
                           SAFETENSORS_SHAPE(fitting->features.channels), fitting->floor);
}
