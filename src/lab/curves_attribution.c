#include "lab/curves_internal.h"
#include "lab/derive.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

/* The rows that detectors see: with the derived channels behind the sample's. */
struct rows {
    const struct curves_input *input;
    struct recording **session; /* [input->count] made when it is first needed */
};

static void rows_deinit(struct rows *rows)
{
    for (size_t s = 0; rows->session && s < rows->input->count; s++)
        recording_free(rows->session[s]);
    free(rows->session);
}

/* NULL: memory is out. */
static const float *rows_of(struct rows *rows, size_t session)
{
    const struct model *model = rows->input->model;
    if (!rows->session[session] &&
        derive_session(rows->input->recordings[session], &model->derivation, model->period_s,
                       &rows->session[session]) < 0)
        return NULL;
    return rows->session[session]->values;
}

struct pick {
    double score;
    uint32_t row; /* among the rows of all recordings */
};

static int compare_falling(const void *a, const void *b)
{
    double x = ((const struct pick *)a)->score, y = ((const struct pick *)b)->score;
    return x > y ? -1 : x < y;
}

/* CURVES_EXPLAINED at most of the anomalous windows over the limit, evenly spaced. */
static size_t pick_anomalous(const struct scored_windows *windows, struct pick *picks)
{
    size_t count = 0;
    for (size_t i = 0; i < windows->count; i++) {
        if (windows->label[i] != 0 && windows->score[i] > 1)
            picks[count++].row = windows->row[i];
    }
    size_t kept = count < CURVES_EXPLAINED ? count : CURVES_EXPLAINED;
    for (size_t k = 0; k < kept; k++)
        picks[k] = picks[k * count / kept];
    return kept;
}

static size_t pick_normal(const struct scored_windows *windows, struct pick *picks)
{
    size_t count = 0;
    for (size_t i = 0; i < windows->count; i++) {
        if (windows->label[i] == 0)
            picks[count++] = (struct pick){windows->score[i], windows->row[i]};
    }
    if (count > 0)
        qsort(picks, count, sizeof *picks, compare_falling);
    return count < CURVES_EXPLAINED ? count : CURVES_EXPLAINED;
}

/* The detector that set the robot's score. */
static size_t leading_detector(const struct scored *scored, size_t row)
{
    size_t leading = 0;
    double highest = -1;
    for (size_t d = 0; d < scored->detectors; d++) {
        double ratio = (double)scored->detector[d].score[row] / scored->detector[d].threshold;
        if (ratio > highest) {
            highest = ratio;
            leading = d;
        }
    }
    return leading;
}

/* Live, a row with the time of the one before is dropped; then the rows here are not the window
 * that was scored. */
static bool is_unbroken(const struct scored *scored, size_t row, size_t span)
{
    if (row + 1 < span)
        return false;
    for (size_t i = row + 2 - span; i <= row; i++) {
        if (scored->hole[i] || scored->time_ns[i] <= scored->time_ns[i - 1])
            return false;
    }
    return true;
}

/* Returns 1 if the window was explained and its shares were added, else 0, or -ENOMEM. */
static int explain(struct rows *rows, size_t row, struct deviation *deviations, double *sum)
{
    const struct curves_input *input = rows->input;
    size_t s = 0;
    for (; row >= input->scored[s].rows; s++)
        row -= input->scored[s].rows;
    const struct scored *scored = &input->scored[s];
    struct detector *detector = &input->model->detector[leading_detector(scored, row)];
    size_t span = detector_span(detector), channels = input->model->width;
    if (!is_unbroken(scored, row, span))
        return 0;
    const float *values = rows_of(rows, s);
    if (!values)
        return -ENOMEM;
    detector_explain(detector, values + (row + 1 - span) * channels, deviations);
    for (size_t c = 0; c < channels; c++) {
        if (!isfinite(deviations[c].share))
            return 0;
    }
    for (size_t c = 0; c < channels; c++)
        sum[deviations[c].channel] += deviations[c].share;
    return 1;
}

static int add_shares(cJSON *array, struct rows *rows, const struct pick *picks, size_t count)
{
    size_t channels = rows->input->model->width, explained = 0;
    struct deviation *deviations = calloc(channels, sizeof *deviations);
    double *sum = calloc(channels, sizeof *sum);
    int r = deviations && sum ? 0 : -ENOMEM;
    for (size_t k = 0; r >= 0 && k < count; k++) {
        r = explain(rows, picks[k].row, deviations, sum);
        explained += r > 0;
    }
    r = r < 0 ? r : 0;
    for (size_t c = 0; explained > 0 && c < channels; c++)
        curves_add_number(array, sum[c] / (double)explained);
    free(deviations);
    free(sum);
    return r;
}

int curves_add_attribution(cJSON *root, const struct curves_input *input,
                           const struct scored_windows *windows)
{
    const struct model *model = input->model;
    if (!model) {
        cJSON_AddNullToObject(root, "attribution");
        return 0;
    }
    struct rows rows = {input, calloc(input->count, sizeof(struct recording *))};
    struct pick *picks = calloc(windows->count, sizeof *picks);
    if (!picks || !rows.session) {
        free(picks);
        rows_deinit(&rows);
        return -ENOMEM;
    }
    cJSON *attribution = cJSON_AddObjectToObject(root, "attribution");
    cJSON *names = cJSON_AddArrayToObject(attribution, "channels");
    cJSON *groups = cJSON_AddArrayToObject(attribution, "groups");
    for (size_t c = 0; c < model->width; c++) {
        const struct model_channel *channel = &model->channel[c];
        cJSON_AddItemToArray(names, cJSON_CreateString(channel->name));
        cJSON_AddItemToArray(groups, cJSON_CreateString(model->group_names[channel->group]));
    }
    int r = add_shares(cJSON_AddArrayToObject(attribution, "normal"), &rows, picks,
                       pick_normal(windows, picks));
    if (r == 0)
        r = add_shares(cJSON_AddArrayToObject(attribution, "anomalous"), &rows, picks,
                       pick_anomalous(windows, picks));
    free(picks);
    rows_deinit(&rows);
    return r;
}
