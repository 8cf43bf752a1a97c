#include "lab/fit_internal.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GAP_S 10.0        /* between two parts of one session */
#define FLOOR_SPREAD 0.05 /* a channel's usual residual is at least this share of its spread */
#define FLOOR_BATCH 256

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double fit_period_of(struct recording *const *sessions, size_t count)
{
    size_t rows = 0, used = 0;
    for (size_t s = 0; s < count; s++)
        rows += sessions[s]->time_ns ? sessions[s]->rows : 0;
    double *steps = rows > 1 ? malloc(rows * sizeof *steps) : NULL;
    if (!steps)
        return 0;
    for (size_t s = 0; s < count; s++) {
        const int64_t *time_ns = sessions[s]->time_ns;
        for (size_t i = 1; time_ns && i < sessions[s]->rows; i++) {
            if (time_ns[i] > time_ns[i - 1])
                steps[used++] = (double)(time_ns[i] - time_ns[i - 1]) / 1e9;
        }
    }
    qsort(steps, used, sizeof *steps, compare_doubles);
    double median = used ? steps[used / 2] : 0;
    free(steps);
    return median;
}

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
                         struct residuals *residuals)
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
                      network_forward(report->result.network, batch, residuals->windows, false),
                      batch);
    }
}

/* What a residual usually is on held-out windows: what an alert measures deviations by. */
static int measure_floor(struct fitting *fitting, const struct fit_report *report)
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
        add_held_out(fitting, report, &residuals);
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

size_t fit_gap_rows(const struct fit_options *options, double period_s)
{
    size_t span = (options->window - 1) * options->spacing + 1;
    size_t gap = (size_t)(GAP_S / period_s);
    return gap > span ? gap : span;
}

int fitting_init(struct fitting *fitting, struct fit_report *report, struct diag *diag)
{
    const struct fit_options *options = fitting->options;
    fitting->span = (options->window - 1) * options->spacing + 1;
    for (size_t s = 0; s < fitting->count; s++) {
        assert(fitting->sessions[s]->channels == fitting->sessions[0]->channels);
        fitting->row_count += fitting->sessions[s]->rows;
    }
    int r = split_make(fitting->sessions, fitting->count, fit_gap_rows(options, options->period_s),
                       &report->split, diag);
    if (r == 0)
        r = fit_make_features(fitting, report, diag);
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

/* Residuals measured, and put together. */
static int finish(struct fitting *fitting, struct draft **ret_draft, struct fit_report *report,
                  struct diag *diag)
{
    int r = measure_floor(fitting, report);
    if (r < 0)
        return diag_errno(diag, r, "residuals");
    return fit_assemble(fitting, ret_draft, report, diag);
}

/* As if it had been the network. */
static int finish_twin(struct fitting *fitting, struct fit_report *report, struct diag *diag)
{
    struct fit_report twin = *report;
    struct draft *draft;
    twin.result.network = report->result.twin;
    twin.model = NULL;
    int r = finish(fitting, &draft, &twin, diag);
    if (r < 0)
        return r;
    draft_free(draft);
    report->twin_model = twin.model;
    return 0;
}

int fit(struct recording *const *sessions, size_t count, const struct fit_options *options,
        struct draft **ret_draft, struct fit_report *ret_report, struct diag *diag)
{
    struct fitting fitting = {.sessions = sessions, .count = count, .options = options};
    *ret_report = (struct fit_report){0};
    *ret_draft = NULL;
    int r = fitting_init(&fitting, ret_report, diag);
    if (r == 0)
        r = run_training(&fitting, ret_report, diag);
    if (r == 0)
        r = finish(&fitting, ret_draft, ret_report, diag);
    if (r == 0 && options->with_twin && ret_report->result.twin)
        r = finish_twin(&fitting, ret_report, diag);
    fitting_deinit(&fitting);
    if (r < 0) {
        draft_free(*ret_draft);
        *ret_draft = NULL;
        fit_report_deinit(ret_report);
    }
    return r;
}

void fit_report_deinit(struct fit_report *report)
{
    split_deinit(&report->split);
    train_result_deinit(&report->result);
    model_unref(report->model);
    model_unref(report->twin_model);
    free(report->left_out);
    *report = (struct fit_report){0};
}
