/*
 * Reference rows are kept once, in units of their channel's floor, runs of them one after the
 * other; the first two rows of a run are only predecessors.
 */
#include "model/analog.h"

#include "model/analog_search.h"
#include "model/grouped.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct analog {
    size_t neighbours;
    struct grouped grouped;      /* what it looks at */
    float *floor;                /* [channels] in the channel's units */
    size_t *first;               /* [steps + 1] of each step's reference rows */
    float *reference;            /* [rows][channels] in floors */
    float *base;                 /* [rows] as in analog_search_rows */
    struct analog_search search; /* of the scoring thread */
};

static void analog_unload(struct detector *detector)
{
    struct analog *analog = detector->part.analog;
    if (!analog)
        return;
    grouped_deinit(&analog->grouped);
    free(analog->floor);
    free(analog->first);
    free(analog->reference);
    free(analog->base);
    analog_search_deinit(&analog->search);
    free(analog);
    detector->part.analog = NULL;
}

/* ---- loading ---- */

static int load_options(struct analog *analog, const struct detector *detector, const cJSON *config,
                        struct diag *diag)
{
    int64_t neighbours = 0;
    int r =
        json_get_integer(config, "neighbours", true, 1, ANALOG_NEIGHBOURS_MAX, &neighbours, diag);
    analog->neighbours = (size_t)neighbours;
    return r < 0 ? r : grouped_load(&analog->grouped, config, detector->channels, diag);
}

static int load_floor(struct analog *analog, size_t index, const struct safetensors *tensors,
                      struct diag *diag)
{
    char name[64];
    snprintf(name, sizeof name, "%zu.channel.floor", index);
    analog->floor = calloc(analog->grouped.channels, sizeof *analog->floor);
    if (!analog->floor)
        return diag_errno(diag, ENOMEM, "%s", name);
    int r = safetensors_get_f32(tensors, name, SAFETENSORS_SHAPE(analog->grouped.channels),
                                analog->floor, diag);
    for (size_t c = 0; r == 0 && c < analog->grouped.channels; c++) {
        if (!(analog->floor[c] > 0))
            r = diag_set(diag, "%s: entry %zu is %g, must be over 0", name, c,
                         (double)analog->floor[c]);
    }
    return r;
}

/* The squares of the two rows before each; the first rows of a run have not got them. */
static void make_base(struct analog *analog, size_t first, size_t rows)
{
    size_t channels = analog->grouped.channels;
    float square[ANALOG_PREDECESSORS] = {0};
    for (size_t i = 0; i < rows; i++) {
        analog->base[first + i] = i < ANALOG_PREDECESSORS ? INFINITY : square[0] + square[1];
        square[1] = square[0];
        square[0] = analog_square(analog->reference + (first + i) * channels, channels);
    }
}

/* "reference.run" [runs][2]: the step's place among the model's, rising, and the rows of a run. */
static int take_runs(struct analog *analog, size_t steps, const int64_t *run, size_t runs,
                     size_t rows, struct diag *diag)
{
    size_t at = 0, step = 0;
    for (size_t i = 0; i < runs; i++) {
        int64_t of = run[2 * i], length = run[2 * i + 1];
        if (of < (int64_t)step || of >= (int64_t)steps || length <= ANALOG_PREDECESSORS ||
            length > (int64_t)(rows - at))
            return diag_set(diag,
                            "reference.run: entry %zu is %lld, %lld: must be a step from %zu to "
                            "%zu, and %d to %zu rows",
                            i, (long long)of, (long long)length, step, steps - 1,
                            ANALOG_PREDECESSORS + 1, rows - at);
        for (; step < (size_t)of; step++)
            analog->first[step + 1] = at;
        make_base(analog, at, (size_t)length);
        at += (size_t)length;
    }
    for (; step < steps; step++)
        analog->first[step + 1] = at;
    return at == rows ? 0
                      : diag_set(diag, "reference.run: %zu rows in the runs, %zu in reference.rows",
                                 at, rows);
}

static int load_rows(struct analog *analog, const struct safetensors *tensors,
                     const struct safetensors_tensor *tensor, struct diag *diag)
{
    size_t rows = tensor->shape.dims[0];
    analog->reference = malloc(tensor->count * sizeof *analog->reference);
    analog->base = malloc(rows * sizeof *analog->base);
    if (!analog->reference || !analog->base)
        return diag_errno(diag, ENOMEM, "reference cycles");
    int r = safetensors_get_f32(tensors, tensor->name, tensor->shape, analog->reference, diag);
    for (size_t i = 0; r == 0 && i < tensor->count; i++)
        analog->reference[i] /= analog->floor[i % analog->grouped.channels];
    return r;
}

static int load_references(struct analog *analog, const struct detector *detector,
                           const struct safetensors *tensors, struct diag *diag)
{
    char name[64];
    size_t steps = detector->derivation->steps;
    snprintf(name, sizeof name, "%zu.reference.rows", detector->index);
    const struct safetensors_tensor *rows = safetensors_find(tensors, name);
    if (!rows || rows->shape.rank != 2 || rows->shape.dims[1] != analog->grouped.channels ||
        rows->shape.dims[0] == 0)
        return diag_set(diag, "%s: missing, or not [1 and more, %zu]", name,
                        analog->grouped.channels);
    snprintf(name, sizeof name, "%zu.reference.run", detector->index);
    const struct safetensors_tensor *run = safetensors_find(tensors, name);
    if (!run || run->shape.rank != 2 || run->shape.dims[1] != 2)
        return diag_set(diag, "%s: missing, or not [runs, 2]", name);
    int64_t *runs = malloc(run->count * sizeof *runs + 1);
    analog->first = calloc(steps + 1, sizeof *analog->first);
    int r = runs && analog->first ? load_rows(analog, tensors, rows, diag)
                                  : diag_errno(diag, ENOMEM, "reference cycles");
    if (r == 0)
        r = safetensors_get_i64(tensors, name, run->shape, runs, diag);
    if (r == 0)
        r = take_runs(analog, steps, runs, run->shape.dims[0], rows->shape.dims[0], diag);
    free(runs);
    return r;
}

static int analog_load(struct detector *detector, const cJSON *config,
                       const struct safetensors *tensors, struct diag *diag)
{
    const struct derivation *derivation = detector->derivation;
    if (derivation->step_channel == DERIVED_NONE)
        return diag_set(diag, "analog needs \"derived\" with a \"step_channel\"");
    if (detector->window != ANALOG_WINDOW || detector->spacing != 1)
        return diag_set(diag, "analog has windows of %d rows", ANALOG_WINDOW);
    struct analog *analog = calloc(1, sizeof *analog);
    if (!analog)
        return diag_errno(diag, ENOMEM, "analog");
    detector->part.analog = analog;
    int r = load_options(analog, detector, config, diag);
    if (r == 0)
        r = load_floor(analog, detector->index, tensors, diag);
    if (r == 0)
        r = load_references(analog, detector, tensors, diag);
    return r < 0 ? r
                 : analog_search_init(&analog->search, analog->grouped.channels, analog->neighbours,
                                      diag);
}

/* ---- scoring ---- */

static const float *row_of(const struct detector *detector, const float *window, size_t row)
{
    return window + row * detector->channels;
}

/* The place of the program step among those with enough reference rows; DERIVED_NONE: no such. */
static size_t step_of(const struct detector *detector, const float *window)
{
    const struct analog *analog = detector->part.analog;
    const float *newest = row_of(detector, window, ANALOG_WINDOW - 1);
    size_t step =
        derivation_step_index(detector->derivation, derivation_step(detector->derivation, newest));
    if (step == DERIVED_NONE ||
        analog->first[step + 1] - analog->first[step] < analog->neighbours + ANALOG_PREDECESSORS)
        return DERIVED_NONE;
    return step;
}

bool analog_spike(float before, float value, float after)
{
    float rise = value - before, fall = value - after;
    return fabsf(rise) > ANALOG_SPIKE && fabsf(fall) > ANALOG_SPIKE && (rise > 0) == (fall > 0);
}

/* Spikes of one row are taken out of the predecessors, as far as three rows show them: what stands
 * before the older one is not known, so one that the two rows after it contradict is a spike. */
static void fill_query(const struct detector *detector, const float *window, float *query)
{
    const struct analog *analog = detector->part.analog;
    const float *row[ANALOG_WINDOW];
    for (size_t w = 0; w < ANALOG_WINDOW; w++)
        row[w] = row_of(detector, window, w);
    for (size_t c = 0; c < analog->grouped.channels; c++) {
        size_t at = analog->grouped.channel[c];
        float scale = 1 / analog->floor[c];
        float older = row[0][at] * scale, newer = row[1][at] * scale, newest = row[2][at] * scale;
        if (analog_spike(older, newer, newest))
            newer = (older + newest) / 2;
        if (fabsf(older - newer) > ANALOG_SPIKE && fabsf(newer - newest) <= ANALOG_SPIKE)
            older = newer;
        query[c] = newer;
        query[analog->grouped.channels + c] = older;
    }
}

/* What each counts: the nearer the more, so that between two phases of a movement the expectation
 * lies between them. A distance under one floor in all says nothing. Their sum is 1. */
static void weigh(const struct analog *analog, const struct analog_neighbour *nearest,
                  double *ret_weights)
{
    double sum = 0;
    for (size_t n = 0; n < analog->neighbours; n++) {
        ret_weights[n] = 1 / (nearest[n].distance + 1);
        sum += ret_weights[n];
    }
    for (size_t n = 0; n < analog->neighbours; n++)
        ret_weights[n] /= sum;
}

/* Fills z and expected. Neighbour by neighbour, along the channels: these are next to each other.
 */
static void judge(struct analog *analog, size_t step, const struct analog_neighbour *nearest,
                  const float *newest)
{
    size_t channels = analog->grouped.channels;
    const float *reference = analog->reference + analog->first[step] * channels;
    double weight[ANALOG_NEIGHBOURS_MAX];
    double *restrict mean = analog->grouped.expected, *restrict variance = analog->grouped.z;
    weigh(analog, nearest, weight);
    memset(mean, 0, channels * sizeof *mean);
    memset(variance, 0, channels * sizeof *variance);
    for (size_t n = 0; n < analog->neighbours; n++) {
        const float *restrict row = reference + nearest[n].row * channels;
        for (size_t c = 0; c < channels; c++)
            mean[c] += weight[n] * (double)row[c];
    }
    for (size_t n = 0; n < analog->neighbours; n++) {
        const float *restrict row = reference + nearest[n].row * channels;
        for (size_t c = 0; c < channels; c++) {
            double d = (double)row[c] - mean[c];
            variance[c] += weight[n] * d * d;
        }
    }
    for (size_t c = 0; c < channels; c++) { /* in place */
        double floor = (double)analog->floor[c];
        double observed = (double)newest[analog->grouped.channel[c]] / floor;
        variance[c] = (observed - mean[c]) / sqrt(variance[c] + 1);
        mean[c] *= floor;
    }
}

/* Windows of one step: who [count] are their places among `windows`. */
static void score_step(struct detector *detector, size_t step, const float *const *windows,
                       const size_t *who, size_t count, double *ret_scores)
{
    struct analog *analog = detector->part.analog;
    size_t width = analog->grouped.channels;
    for (size_t i = 0; i < count; i++)
        fill_query(detector, windows[who[i]], analog_search_query(&analog->search, i));
    size_t first = analog->first[step];
    const struct analog_search_rows among = {.row = analog->reference + first * width,
                                             .base = analog->base + first,
                                             .count = analog->first[step + 1] - first};
    analog_search_run(&analog->search, &among, count);
    for (size_t i = 0; i < count; i++) {
        const struct analog_neighbour *nearest = analog_search_nearest(&analog->search, i);
        ret_scores[who[i]] = (double)INFINITY;
        if (!nearest) /* a distance overflowed */
            continue;
        judge(analog, step, nearest, row_of(detector, windows[who[i]], ANALOG_WINDOW - 1));
        ret_scores[who[i]] = grouped_score(&analog->grouped);
    }
}

static void analog_score(struct detector *detector, const float *const *windows, size_t count,
                         double *ret_scores)
{
    size_t step[DETECTOR_BATCH_MAX], who[DETECTOR_BATCH_MAX];
    for (size_t i = 0; i < count; i++) {
        step[i] = step_of(detector, windows[i]);
        ret_scores[i] = (double)NAN;
    }
    for (size_t i = 0; i < count; i++) {
        if (step[i] == DERIVED_NONE)
            continue;
        size_t present = step[i], used = 0;
        for (size_t j = i; j < count; j++) {
            if (step[j] != present)
                continue;
            who[used++] = j;
            step[j] = DERIVED_NONE;
        }
        score_step(detector, present, windows, who, used, ret_scores);
    }
}

static void analog_explain(struct detector *detector, const float *window,
                           struct deviation *ret_deviations)
{
    struct analog *analog = detector->part.analog;
    const float *newest = row_of(detector, window, ANALOG_WINDOW - 1);
    double score;
    analog_score(detector, &window, 1, &score);
    if (isfinite(score))
        grouped_explain(&analog->grouped, newest, detector->channels, ret_deviations);
    else
        grouped_explain_nothing(newest, detector->channels, ret_deviations);
}

const struct detector_kind analog_kind = {
    .name = "analog",
    .load = analog_load,
    .unload = analog_unload,
    .score = analog_score,
    .explain = analog_explain,
};
