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

/* ---- rows ---- */

/* Marks the rows that the scaler may see: valid ones of the training part. */
static void mark_training(const struct fitting *fitting, const struct split *split,
                          unsigned char *mark)
{
    size_t offset = 0, session = 0;
    for (size_t b = 0; b < split->count; b++) {
        const struct split_block *block = &split->block[b];
        for (; session < block->session; session++)
            offset += fitting->sessions[session]->rows;
        if (block->part == SPLIT_TRAINING)
            memcpy(mark + offset + block->first, fitting->sessions[session]->valid + block->first,
                   block->end - block->first);
    }
}

static void measure_spread(struct fitting *fitting, const unsigned char *mark)
{
    for (size_t c = 0; c < fitting->channels; c++) {
        double sum = 0, squares = 0;
        size_t count = 0;
        for (size_t i = 0; i < fitting->row_count; i++) {
            sum += mark[i] ? (double)fitting->rows[i * fitting->channels + c] : 0;
            count += mark[i];
        }
        double mean = sum / (double)count;
        for (size_t i = 0; i < fitting->row_count; i++) {
            double d = (double)fitting->rows[i * fitting->channels + c] - mean;
            squares += mark[i] ? d * d : 0;
        }
        fitting->spread[c] = sqrt(squares / (double)count);
    }
}

static bool name_matches(const char *pattern, const char *name)
{
    size_t length = strlen(pattern);
    bool open = length > 0 && pattern[length - 1] == '*';
    return open ? !strncmp(pattern, name, length - 1) : !strcmp(pattern, name);
}

static int choose_channels(struct fitting *fitting, struct diag *diag)
{
    const struct recording *first = fitting->sessions[0];
    const char *const *ignore = fitting->options->ignore;
    fitting->channel = calloc(first->channels, sizeof *fitting->channel);
    if (!fitting->channel)
        return diag_errno(diag, ENOMEM, "channels");
    for (size_t i = 0; ignore && ignore[i]; i++) {
        bool known = false;
        for (size_t c = 0; !known && c < first->channels; c++)
            known = name_matches(ignore[i], first->names[c]);
        if (!known)
            return diag_set(diag, "no channel is named %s, which is to be ignored", ignore[i]);
    }
    for (size_t c = 0; c < first->channels; c++) {
        bool ignored = false;
        for (size_t i = 0; ignore && ignore[i]; i++)
            ignored |= name_matches(ignore[i], first->names[c]);
        if (!ignored)
            fitting->channel[fitting->channels++] = c;
    }
    return fitting->channels > 0 ? 0 : diag_set(diag, "every channel is ignored");
}

static int join_rows(struct fitting *fitting, const struct split *split, struct diag *diag)
{
    size_t cells = fitting->row_count * fitting->channels, used = 0;
    unsigned char *mark = calloc(fitting->row_count, 1);
    fitting->rows = malloc(cells * sizeof *fitting->rows);
    fitting->spread = calloc(fitting->channels, sizeof *fitting->spread);
    fitting->floor = calloc(fitting->channels, sizeof *fitting->floor);
    if (!mark || !fitting->rows || !fitting->spread || !fitting->floor) {
        free(mark);
        return diag_errno(diag, ENOMEM, "training rows");
    }
    for (size_t s = 0; s < fitting->count; s++) {
        const struct recording *session = fitting->sessions[s];
        for (size_t i = 0; i < session->rows; i++) {
            const float *row = session->values + i * session->channels;
            for (size_t c = 0; c < fitting->channels; c++)
                fitting->rows[used++] = row[fitting->channel[c]];
        }
    }
    mark_training(fitting, split, mark);
    const struct scaler_rows rows = {.rows = fitting->row_count,
                                     .channels = fitting->channels,
                                     .values = fitting->rows,
                                     .valid = mark};
    int r = scaler_fit(&fitting->scaler, &fitting->options->scaler, &rows, diag);
    if (r == 0) {
        measure_spread(fitting, mark);
        scaler_apply(&fitting->scaler, fitting->row_count, fitting->rows, fitting->rows);
    }
    free(mark);
    return r;
}

/* ---- training ---- */

static int run_training(struct fitting *fitting, struct fit_report *report, struct diag *diag)
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
    fitting->architecture =
        architecture_make(options->window * fitting->channels, &options->architecture);
    struct train_options train_options = options->train;
    train_options.layers = fitting->architecture.layers;
    train_options.layer_count = fitting->architecture.count;
    const struct train_data data = {.rows = fitting->rows,
                                    .row_count = fitting->row_count,
                                    .channels = fitting->channels,
                                    .window = options->window,
                                    .spacing = options->spacing,
                                    .training = fitting->training,
                                    .training_count = report->training_windows,
                                    .held_out = fitting->held_out,
                                    .held_out_count = report->held_out_windows};
    return train(&data, &train_options, &report->result, diag);
}

/* Adds the squared residuals of the newest rows of some windows, in the channels' units. */
static void add_residuals(const struct fitting *fitting, const float *windows, const float *outputs,
                          size_t count, double *squares)
{
    size_t width = fitting->options->window * fitting->channels;
    for (size_t i = 0; i < count; i++) {
        size_t at = (i + 1) * width - fitting->channels;
        for (size_t c = 0; c < fitting->channels; c++) {
            double residual = scaler_inverse(&fitting->scaler, c, (double)windows[at + c]) -
                              scaler_inverse(&fitting->scaler, c, (double)outputs[at + c]);
            squares[c] += residual * residual;
        }
    }
}

/* What a residual usually is on held-out windows: what an alert measures deviations by. */
static int measure_floor(struct fitting *fitting, const struct fit_report *report)
{
    size_t width = fitting->options->window * fitting->channels;
    float *windows = malloc(FLOOR_BATCH * width * sizeof *windows);
    double *squares = calloc(fitting->channels, sizeof *squares);
    struct train_data data = {.rows = fitting->rows,
                              .row_count = fitting->row_count,
                              .channels = fitting->channels,
                              .window = fitting->options->window,
                              .spacing = fitting->options->spacing};
    size_t total = report->held_out_windows;
    for (size_t i = 0; windows && squares && i < total; i += FLOOR_BATCH) {
        size_t batch = total - i < FLOOR_BATCH ? total - i : FLOOR_BATCH;
        batch = batch < fitting->options->train.batch ? batch : fitting->options->train.batch;
        train_gather(&data, fitting->held_out + i, batch, windows);
        add_residuals(fitting, windows,
                      network_forward(report->result.network, batch, windows, false), batch,
                      squares);
    }
    for (size_t c = 0; squares && c < fitting->channels; c++) {
        double floor = fmax(sqrt(squares[c] / (double)total), FLOOR_SPREAD * fitting->spread[c]);
        fitting->floor[c] = (float)fmax(floor, 1e-6 * fmax(1, fabs(fitting->scaler.offset[c])));
    }
    int r = windows && squares ? 0 : -ENOMEM;
    free(windows);
    free(squares);
    return r;
}

int fit(struct recording *const *sessions, size_t count, const struct fit_options *options,
        struct draft **ret_draft, struct fit_report *ret_report, struct diag *diag)
{
    struct fitting fitting = {.sessions = sessions,
                              .count = count,
                              .options = options,
                              .span = (options->window - 1) * options->spacing + 1};
    for (size_t s = 0; s < count; s++) {
        assert(sessions[s]->channels == sessions[0]->channels);
        fitting.row_count += sessions[s]->rows;
    }
    *ret_report = (struct fit_report){0};
    size_t gap = (size_t)(GAP_S / options->period_s);
    int r = split_make(sessions, count, gap > fitting.span ? gap : fitting.span, &ret_report->split,
                       diag);
    if (r == 0)
        r = choose_channels(&fitting, diag);
    if (r == 0)
        r = join_rows(&fitting, &ret_report->split, diag);
    if (r == 0)
        r = run_training(&fitting, ret_report, diag);
    if (r == 0 && (r = measure_floor(&fitting, ret_report)) < 0)
        diag_errno(diag, r, "residuals");
    if (r == 0)
        r = fit_assemble(&fitting, ret_draft, ret_report, diag);
    free(fitting.rows);
    free(fitting.channel);
    free(fitting.spread);
    free(fitting.floor);
    free(fitting.training);
    free(fitting.held_out);
    scaler_deinit(&fitting.scaler);
    if (r < 0)
        fit_report_deinit(ret_report);
    return r;
}

void fit_report_deinit(struct fit_report *report)
{
    split_deinit(&report->split);
    train_result_deinit(&report->result);
    model_unref(report->model);
    *report = (struct fit_report){0};
}
